"""A thread goes on from an older checkpoint: what that may repeat, and who may."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from reviews.models import AuditEntry, ReviewTask
from runs import services as runs
from runs.models import Run, Thread
from tests.reviews.pages import browser_of
from tests.reviews.threads import settled, step_after, thread_url, words

Ask = Callable[..., ReviewTask]


@pytest.fixture
def asked(waiting: Ask) -> ReviewTask:
    """A text to revise that a paused run waits for."""
    return waiting("human_in_the_loop", some_text="It is late.")


def fork_form(thread: Thread, checkpoint_id: str, **values: Any) -> dict[str, str]:
    edited = {f"channel:{name}": json.dumps(value) for name, value in values.items()}
    return {"checkpoint": checkpoint_id, "confirmed": "on", "branch": "second try"} | edited


def test_a_fork_says_what_may_happen_twice_and_runs_with_other_values(
    ada: User, admin: Client, finished: Callable[..., Thread]
) -> None:
    thread = finished()
    there, at = reverse("reviews:fork", args=[thread.pk]), step_after(thread, "step_1")
    told = words(admin.get(there, {"checkpoint": at}))
    assert "Runs first: step_2" in told
    assert "may run again: step_2 step_3" in told
    form = fork_form(thread, at, some_text="two", visited=["forked"])

    unconfirmed = admin.post(there, form | {"confirmed": ""})
    broken = admin.post(there, form | {"channel:visited": "[1,"})

    assert (unconfirmed.status_code, broken.status_code) == (422, 422)
    assert "Confirm that this may happen again." in words(unconfirmed)
    assert "not valid JSON" in words(broken)
    assert ">\n[1,</textarea>" in broken.content.decode()
    assert thread.runs.count() == 1

    sent = admin.post(there, form)

    run = settled(Run.objects.on(thread.pk).order_by("-pk")[0])
    assert sent.url == reverse("reviews:run", args=[run.pk])
    assert run.status == "success"
    thread.refresh_from_db()
    assert thread.values["some_text"] == "two"
    assert thread.values["visited"] == ["forked", "step_2", "step_3"]
    entry = AuditEntry.objects.get(action="thread.forked", object=f"thread:{thread.pk}")
    assert (entry.actor, entry.details["checkpoint"]) == (ada, at)
    assert sorted(entry.details["values"]) == ["some_text", "visited"]
    timeline = words(admin.get(thread_url(thread.pk)))
    assert "second try" in timeline
    assert timeline.count("Other branch") == 2  # what step_2 and step_3 wrote the first time


def test_a_fork_replaces_messages_as_messages(
    admin: Client, finished: Callable[..., Thread]
) -> None:
    order = "Order {} is broken, I want my {} back"
    given = {"messages": [{"role": "user", "content": order.format("A-1042", "89.90")}]}
    thread = finished("approve_tool", given)
    oldest = runs.steps_of(thread, limit=10)[-2]
    (message,) = runs.values_at(thread, oldest.checkpoint_id)["messages"]
    changed = message | {"content": order.format("B-7", "12.50")}

    form = fork_form(thread, oldest.checkpoint_id, messages=[changed])
    admin.post(reverse("reviews:fork", args=[thread.pk]), form)

    settled(Run.objects.on(thread.pk).order_by("-pk")[0])
    task = ReviewTask.objects.open().get(thread_id=thread.pk)
    assert task.value["action_requests"][0]["args"] == {"order": "B-7", "amount": 12.5}
    assert len(Thread.objects.get(pk=thread.pk).values["messages"]) == 2


@pytest.mark.usefixtures("ledger_kept")
def test_a_fork_replaces_the_open_task_which_says_so(waiting: Ask, admin: Client) -> None:
    task = waiting("refund", order="A-1", amount=249.9)
    thread = Thread.objects.get(pk=task.thread_id)
    there = reverse("reviews:fork", args=[thread.pk])
    assert task.title in words(admin.get(there, {"checkpoint": task.checkpoint_id}))

    admin.post(there, fork_form(thread, task.checkpoint_id, amount=150))

    settled(Run.objects.on(thread.pk).order_by("-pk")[0])
    task.refresh_from_db()
    assert task.status == ReviewTask.Status.SUPERSEDED
    again = ReviewTask.objects.open().get(thread_id=thread.pk)
    assert again.value["amount"] == 150


def test_a_fork_walks_around_no_question_and_through_no_breakpoint(
    waiting: Ask,
    olga: User,
    admin: Client,
    queue: Any,
    finished: Callable[..., Thread],
) -> None:
    stopped = finished("static_steps", interrupt_before=["step_2"])
    at = step_after(stopped, "step_1")
    refused = admin.post(reverse("reviews:fork", args=[stopped.pk]), fork_form(stopped, at))
    assert refused.status_code == 409
    assert "A breakpoint stands here, at step_2" in words(refused)

    task = waiting("guarded")
    ReviewTask.objects.filter(pk=task.pk).update(reviewers_only=True)
    guarded = Thread.objects.get(pk=task.thread_id)
    there = reverse("reviews:fork", args=[guarded.pk])
    told = words(browser_of(olga).get(there, {"checkpoint": task.checkpoint_id}))
    assert "One open task of another queue is replaced." in told
    assert task.title not in told
    kept_out = browser_of(olga).post(there, fork_form(guarded, task.checkpoint_id))

    assert kept_out.status_code == 403
    assert "Only reviewers may answer this" in words(kept_out)
    assert ReviewTask.objects.get(pk=task.pk).is_open
    assert guarded.runs.count() == 1


def test_only_operators_fork_and_only_while_nothing_runs(
    asked: ReviewTask, rosa: User, admin: Client, finished: Callable[..., Thread]
) -> None:
    form = {"checkpoint": asked.checkpoint_id, "confirmed": "on"}
    theirs = reverse("reviews:fork", args=[asked.thread_id])
    assert browser_of(rosa).post(theirs, form).status_code == 403

    thread = finished()
    end, start = step_after(thread, "step_3"), step_after(thread, "step_1")
    there = reverse("reviews:fork", args=[thread.pk])
    assert "Nothing can run from here." in words(admin.get(there, {"checkpoint": end}))
    assert admin.post(there, fork_form(thread, end)).status_code == 422
    Run.objects.create(thread=thread, graph_id="static_steps", status="pending", kwargs={})
    assert admin.post(there, fork_form(thread, start)).status_code == 409
