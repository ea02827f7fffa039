"""What a task's page shows of its thread: all of it that matters, at a price that does not grow."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reviews.models import ReviewTask
from runs.models import uuid7
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
