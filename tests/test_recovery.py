"""What nobody foresaw: rows and checkpoints that disagree are put right from the checkpoint."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection

from reviews import services as reviews
from reviews.exceptions import Superseded
from reviews.models import AuditEntry, ReviewTask
from runs import services as runs
from runs.models import Interrupt, Thread
from runs.services import recovery


@pytest.fixture
def paused(api: httpx.Client) -> uuid.UUID:
    thread_id = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "human_in_the_loop", "input": {"some_text": "x"}}
    assert "__interrupt__" in api.post(f"/threads/{thread_id}/runs/wait", json=body).json()
    return uuid.UUID(thread_id)


def put_tasks_right() -> None:
    """All of them: a round takes a hundred, and other tests write tasks by hand."""
    while reviews.reconcile_tasks():
        pass


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "SETTLED_AFTER", 0)
    monkeypatch.setattr("reviews.services.recovery.SETTLED_AFTER", timedelta(0))


@pytest.mark.usefixtures("_at_once")
def test_a_question_nobody_was_told_of_gets_its_task(paused: uuid.UUID, rosa: Any) -> None:
    lost = ReviewTask.objects.on(paused).get()
    Interrupt.objects.on(paused).delete()

    assert paused in runs.reconcile(since=60)
    put_tasks_right()

    lost.refresh_from_db()
    found = ReviewTask.objects.open().on(paused).get()
    assert lost.status == ReviewTask.Status.SUPERSEDED
    assert found.interrupt.key == Interrupt.objects.on(paused).pending().get().key
    entries = AuditEntry.objects.filter(object__in=[f"task:{lost.pk}", f"task:{found.pk}"])
    assert {entry.action for entry in entries} >= {"task.superseded", "task.opened"}
    assert reviews.decide(task=found, reviewer=rosa, verdict={"kind": "edit", "value": "y"})


@pytest.mark.usefixtures("_at_once")
def test_a_question_that_is_gone_from_the_checkpoint_takes_its_task_along(
    paused: uuid.UUID,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM checkpoint_writes WHERE thread_id = %s AND channel = '__interrupt__'",
            [str(paused)],
        )
        cursor.execute(
            "UPDATE runs_interrupt SET checkpoint_id = 'elsewhere' WHERE thread_id = %s", [paused]
        )

    assert paused in runs.reconcile(since=60)

    assert not ReviewTask.objects.open().on(paused).filter(is_breakpoint=False).exists()


@pytest.mark.usefixtures("_at_once")
def test_a_thread_in_order_is_left_alone(paused: uuid.UUID) -> None:
    before = Thread.objects.get(pk=paused).updated_at

    assert paused not in runs.reconcile(since=60)

    assert Thread.objects.get(pk=paused).updated_at == before
    assert ReviewTask.objects.open().on(paused).count() == 1


@pytest.mark.usefixtures("_at_once")
def test_a_question_without_a_task_gets_one(paused: uuid.UUID) -> None:
    ReviewTask.objects.on(paused).update(interrupt=None)

    put_tasks_right()

    assert ReviewTask.objects.open().on(paused).count() == 1
    assert ReviewTask.objects.open().on(paused).get().interrupt is not None


@pytest.mark.usefixtures("_at_once")
def test_a_question_whose_node_is_gone_is_dropped_and_comes_back_with_it(
    paused: uuid.UUID, rosa: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = ReviewTask.objects.on(paused).get()
    with monkeypatch.context() as deployed:
        deployed.setattr("runs.services.deploys.missing", lambda interrupt: "its node is gone")
        with pytest.raises(Superseded):
            reviews.decide(task=task, reviewer=rosa, verdict={"kind": "edit", "value": "y"})
    task.refresh_from_db()
    assert task.status == ReviewTask.Status.SUPERSEDED
    assert not Interrupt.objects.on(paused).unsettled().exists()

    assert paused in runs.reconcile(since=60)  # the graph has its node again

    assert ReviewTask.objects.open().on(paused).get() == task
    assert reviews.decide(task=task, reviewer=rosa, verdict={"kind": "edit", "value": "y"})
