"""Several tasks at once without deciding any: given to somebody, watched, put away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils.timezone import now

from reviews import bulk, services
from reviews.models import AuditEntry, Batch, ReviewTask, TaskMark
from tests.conftest import make_user
from tests.reviews.pages import HTMX, browser_of, words

Ask = Callable[..., ReviewTask]


@pytest.fixture
def rosa(queue: Group) -> User:
    """Reviews this test's queue and no other."""
    return make_user("rosa", queue)


@pytest.fixture
def olga(queue: Group) -> User:
    return make_user("olga", queue)


def ids(tasks: list[ReviewTask]) -> list[int]:
    return [task.pk for task in tasks]


def begun(person: User, tasks: list[ReviewTask]) -> Batch:
    """An assignment as the list's bar begins it: nobody is chosen yet."""
    answer = browser_of(person).post("/tasks/bulk/", {"kind": "assign", "task": ids(tasks)})
    assert answer.status_code == 302, words(answer)
    return Batch.objects.of(person).latest("pk")


def assign(person: User, batch: Batch, tasks: list[ReviewTask], to: str) -> Any:
    posted = {"task": ids(tasks), "to": to}
    return browser_of(person).post(f"/tasks/bulk/{batch.pk}/commit/", posted, follow=True)


def test_tasks_are_given_to_a_colleague_for_a_working_day(
    rosa: User, olga: User, omar: User, shown: Ask, queue: Group
) -> None:
    mine, free, theirs, left = (shown(f"Question {number}?") for number in range(4))
    services.claim_task(task=mine, reviewer=rosa)
    services.claim_task(task=theirs, reviewer=make_user("pia", queue))
    batch = begun(rosa, [mine, free, theirs, left])
    preview = words(browser_of(rosa).get(f"/tasks/bulk/{batch.pk}/"))
    assert "Assign 3 tasks" in preview
    assert "Pia has claimed it." in preview
    assert f'value="{olga.username}">Olga' in preview
    assert omar.username not in preview

    result = words(assign(rosa, batch, [mine, free], olga.username))

    assert "2 assigned" in result
    assert "1 left out" in result
    for task in (mine, free):
        task.refresh_from_db()
        assert task.holder == olga
        assert task.claimed_until is not None
        assert task.claimed_until > now() + timedelta(hours=7)
        entry = AuditEntry.objects.filter(object=f"task:{task.pk}").latest("seq")
        assert (entry.actor, entry.details["to"]) == (rosa, olga.username)
        assert entry.action == ("task.handed_over" if task == mine else "task.assigned")
    services.claim_task(task=free, reviewer=olga)  # she sets to work: her day is not cut short
    free.refresh_from_db()
    assert free.claimed_until is not None
    assert free.claimed_until > now() + timedelta(hours=7)
    left.refresh_from_db()
    assert left.holder is None


def test_nobody_is_given_what_they_do_not_review(
    rosa: User, olga: User, omar: User, shown: Ask
) -> None:
    task = shown("Which warehouse?")
    batch = begun(rosa, [task])

    for nobody in ("", omar.username, "no such person", "\0"):
        answer = assign(rosa, batch, [task], nobody)
        assert answer.status_code == 422
        assert "Say who gets them." in words(answer)
    services.begin_batch(batch=batch, to=omar)  # as if he had left the queue meanwhile
    services.run_batch(batch=batch)

    page = words(browser_of(rosa).get(f"/tasks/bulk/{batch.pk}/"))
    assert "This person does not review this task." in page
    task.refresh_from_db()
    assert task.holder is None


def test_tasks_are_watched_and_let_go_together(rosa: User, shown: Ask) -> None:
    tasks = [shown(f"Question {number}?") for number in range(3)]
    browser, mine = browser_of(rosa), TaskMark.objects.of(rosa)
    bar = {"task": ids(tasks), "until": now().isoformat()}
    header = {**HTMX, "HX-Target": "bulk-words"}
    assert "Stop watching" not in words(browser.post("/tasks/bulk/", bar, headers=header))

    watched = browser.post("/tasks/bulk/", {"kind": "watch", "task": ids(tasks)}, follow=True)

    assert "You watch 3 tasks." in words(watched)
    assert set(mine.watching().values_list("task", flat=True)) == set(ids(tasks))
    assert "Stop watching" in words(browser.post("/tasks/bulk/", bar, headers=header))
    browser.post("/tasks/bulk/", {"kind": "unwatch", "task": ids(tasks[1:])})
    assert [mark.task_id for mark in mine.watching()] == [tasks[0].pk]
    assert Batch.objects.of(rosa).count() == 0


def test_tasks_are_put_away_until_a_time_and_brought_back(rosa: User, shown: Ask) -> None:
    tasks = [shown(f"Question {number}?") for number in range(3)]
    closed = shown("Decided?", status=ReviewTask.Status.DECIDED)
    browser = browser_of(rosa)

    put_away = {"kind": "snooze:monday", "task": ids([*tasks[:2], closed])}
    answer = browser.post("/tasks/bulk/", put_away, follow=True)

    assert "2 tasks are hidden from your lists until Mon" in words(answer)
    assert 'id="count-open">1<' in words(answer)
    snoozed = browser.get("/inbox/?view=snoozed")
    assert 'id="count-snoozed">2<' in words(snoozed)
    back = {"kind": "wake", "task": ids(tasks), "view": "snoozed"}
    assert 'id="count-open">3<' in words(browser.post("/tasks/bulk/", back, follow=True))


@pytest.mark.parametrize("kind", ["snooze", "snooze:never", "watch", "wake", "assign"])
def test_nothing_is_noted_of_nothing(rosa: User, kind: str) -> None:
    answer = browser_of(rosa).post("/tasks/bulk/", {"kind": kind}, follow=True)

    assert "Select tasks first" in words(answer)


def test_all_of_a_list_is_marked_up_to_the_cap(
    rosa: User, shown: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [shown(f"Question {number}?") for number in range(3)]
    monkeypatch.setattr(bulk, "CAP", 2)
    posted = {"kind": "watch", "all": "yes", "until": now().isoformat(), "view": "open"}

    browser_of(rosa).post("/tasks/bulk/", posted)

    watched = TaskMark.objects.of(rosa).watching().values_list("task", flat=True)
    assert set(watched) == set(ids(tasks[1:]))  # the newest
