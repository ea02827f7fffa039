"""What a task's page shows of its thread: all of it that matters, at a price that does not grow."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reviews.models import ReviewPolicy, ReviewTask
from runs.models import uuid7
from tests.conftest import delete_policy
from tests.reviews.conftest import values
from tests.reviews.pages import browser_of, url, words

Shown = Callable[..., ReviewTask]


def on_one_thread(*tasks: ReviewTask) -> None:
    ReviewTask.objects.filter(pk__in=[task.pk for task in tasks]).update(thread_id=uuid7())


def test_reading_a_task_costs_the_same_however_much_its_thread_has_asked(
    shown: Shown, rosa: User
) -> None:
    page = browser_of(rosa)
    before, task = [shown(f"Earlier {n}") for n in range(15)], shown("And now?")
    page.get(url("task", task))  # a first request warms what is cached
    with CaptureQueriesContext(connection) as alone:
        page.get(url("task", task))

    on_one_thread(*before, task)
    with CaptureQueriesContext(connection) as crowded:
        said = words(page.get(url("task", task)))

    assert [n for n in range(15) if f">Earlier {n}</a>" in said] == list(range(3, 15))
    assert "Earlier tasks" in said
    assert len(crowded) <= len(alone) + 1  # the decisions of all of them together


def test_tasks_of_other_queues_are_not_named(shown: Shown, rosa: User) -> None:
    elsewhere = Group.objects.create(name=f"elsewhere {uuid7()}")
    secret, task = shown("The secret", queue=elsewhere, checkpoint_id="one"), shown("Go?")
    ReviewTask.objects.filter(pk=task.pk).update(checkpoint_id="one")
    on_one_thread(secret, task)

    said = words(browser_of(rosa).get(url("task", task)))

    assert "The secret" not in said
    assert "in this turn" not in said


@pytest.mark.usefixtures("ledger_kept")
def test_a_task_shows_its_siblings_and_what_its_thread_asked_before(
    api: httpx.Client, reviewer: httpx.Client, rosa: User, queue: Group
) -> None:
    ReviewPolicy.objects.filter(graph_id="two_branches").delete()
    policy = ReviewPolicy.objects.create(graph_id="two_branches", queue=queue, order=0)
    thread = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "two_branches", "input": {}}
    for _ in range(2):
        api.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
        tasks = list(ReviewTask.objects.open().filter(thread_id=thread).order_by("pk"))
        said = words(browser_of(rosa).get(url("task", tasks[1])))
        assert "2 of 2 in this turn" in said
        assert f'href="/tasks/{tasks[0].pk}/"' in said
        for task in tasks:
            answer = {"kind": "respond", "value": "yes"}
            reviewer.post(f"/api/tasks/{task.pk}/decide/", json=answer).raise_for_status()
        values(api, tasks[0])
    delete_policy(policy)

    said = words(browser_of(rosa).get(url("task", tasks[1])))

    assert said.count("Rosa: answered") >= 4  # the two before, its sibling, and its own
    assert tasks[1].digest in said
    assert "none: the default queue" in said  # the policy is gone
