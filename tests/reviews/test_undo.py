"""A held decision waits, can be taken back, and is sent exactly once whatever dies meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now
from procrastinate.contrib.django.models import ProcrastinateJob

from reviews import services
from reviews.exceptions import AlreadySent, NotYours
from reviews.models import AuditEntry, Decision, Delivery, ReviewPolicy, ReviewTask
from runs.models import Run, Scope
from tests.conftest import issue_key
from tests.console import Console, wait_for

State = Delivery.State
YES = {"kind": "respond", "value": "yes"}
NO = {"kind": "respond", "value": "no"}


@pytest.fixture
def held(waiting: Callable[..., ReviewTask]) -> Callable[..., ReviewTask]:
    """A task whose decision is held that many seconds."""

    def hold(seconds: int = 60, graph: str = "approve_once") -> ReviewTask:
        task = waiting(graph)
        ReviewTask.objects.on(task.thread_id).update(undo_seconds=seconds)
        task.refresh_from_db()
        return task

    return hold


def state_of(decision: Decision) -> str:
    return Delivery.objects.get(decision=decision).state


def resumes_of(task: ReviewTask) -> list[Run]:
    return list(Run.objects.on(task.thread_id).exclude(pk=task.run_id))


def jobs_of(task: ReviewTask) -> Any:
    return ProcrastinateJob.objects.filter(
        task_name="reviews.tasks.send_decisions", args={"thread_id": str(task.thread_id)}
    )


def is_over(task: ReviewTask) -> bool:
    runs = resumes_of(task)
    return bool(runs) and all(run.status == "success" for run in runs)


def expire(task: ReviewTask) -> None:
    Delivery.objects.filter(task__thread_id=task.thread_id).update(send_after=now())


def test_a_policy_gives_its_tasks_time_to_undo(waiting: Any) -> None:
    first = waiting()
    ReviewPolicy.objects.filter(queue=first.queue).update(undo_seconds=7)

    assert (first.undo_seconds, waiting().undo_seconds) == (0, 7)
    with pytest.raises(IntegrityError), transaction.atomic():
        ReviewPolicy.objects.filter(queue=first.queue).update(undo_seconds=61)


def test_a_held_decision_is_sent_when_its_time_is_over(held: Any, rosa: User) -> None:
    task = held(seconds=1)
    decision = services.decide(task=task, reviewer=rosa, verdict=YES)
    delivery = Delivery.objects.get(decision=decision)
    assert (delivery.state, resumes_of(task)) == (State.RECORDED, [])

    wait_for(lambda: is_over(task))

    (run,) = resumes_of(task)
    assert delivery.send_after is not None
    assert run.created_at >= delivery.send_after
    assert run.created_by == rosa
    assert state_of(decision) == State.CONSUMED


def test_an_undone_decision_is_not_sent_and_the_next_one_is(held: Any, rosa: User) -> None:
    task = held()
    first = services.decide(task=task, reviewer=rosa, verdict=NO)

    reopened = services.undo_decision(decision=first, reviewer=rosa)
    assert (reopened.status, reopened.holder, reopened.closed_at) == ("open", rosa, None)
    ReviewTask.objects.filter(pk=task.pk).update(undo_seconds=0)
    second = services.decide(task=reopened, reviewer=rosa, verdict=YES)
    wait_for(lambda: is_over(task))

    (run,) = resumes_of(task)
    assert list(run.kwargs["command"]["resume"].values()) == ["yes"]
    assert (state_of(first), state_of(second)) == (State.UNDONE, State.CONSUMED)
    entries = AuditEntry.objects.filter(object=f"task:{task.pk}").order_by("seq")
    assert [entry.action for entry in entries] == [
        "task.opened",
        "task.decided",
        "task.undone",
        "task.decided",
        "delivery.delivered",
        "delivery.consumed",
    ]


def test_what_was_sent_cannot_be_undone(waiting: Any, rosa: User) -> None:
    decision = services.decide(task=waiting(), reviewer=rosa, verdict=YES)

    with pytest.raises(AlreadySent):
        services.undo_decision(decision=decision, reviewer=rosa)
    assert state_of(decision) in (State.DELIVERED, State.CONSUMED)


def test_nobody_undoes_what_another_decided_but_an_administrator(
    held: Any, rosa: User, omar: User, ada: User
) -> None:
    decision = services.decide(task=held(), reviewer=rosa, verdict=YES)

    with pytest.raises(NotYours):
        services.undo_decision(decision=decision, reviewer=omar)
    assert services.undo_decision(decision=decision, reviewer=ada).is_open


def test_answers_of_one_pause_go_when_the_last_hold_is_over(
    api: httpx.Client, routed: Any, rosa: User
) -> None:
    routed("two_branches")
    thread = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "two_branches", "input": {}}
    api.post(f"/threads/{thread}/runs/wait", json=body)
    short, long = ReviewTask.objects.on(thread).order_by("pk")
    ReviewTask.objects.filter(pk=long.pk).update(undo_seconds=60)
    services.decide(task=long, reviewer=rosa, verdict=YES)
    services.decide(task=short, reviewer=rosa, verdict=YES)
    services.send_decisions(thread_id=short.thread_id)
    assert resumes_of(short) == []

    expire(short)
    services.send_decisions(thread_id=short.thread_id)
    services.send_decisions(thread_id=short.thread_id)  # a job may come twice

    wait_for(lambda: is_over(short))
    (run,) = resumes_of(short)
    assert len(run.kwargs["command"]["resume"]) == 2


def test_a_decision_whose_job_was_lost_is_found(held: Any, rosa: User) -> None:
    task = held()
    decision = services.decide(task=task, reviewer=rosa, verdict=YES)
    assert jobs_of(task).count() == 1
    lose_jobs(task)

    services.sweep_decisions()
    assert state_of(decision) == State.RECORDED  # its time is not over
    expire(task)
    wait_for(lambda: is_over(task), seconds=15)  # the workers sweep, too
    assert len(resumes_of(task)) == 1


def test_a_thread_that_moved_on_during_the_hold_gets_nothing(
    api: httpx.Client, held: Any, rosa: User
) -> None:
    task = held()
    decision = services.decide(task=task, reviewer=rosa, verdict=YES)
    body = {"assistant_id": "approve_once", "input": {}}
    api.post(f"/threads/{task.thread_id}/runs/wait", json=body).raise_for_status()

    expire(task)
    services.send_decisions(thread_id=task.thread_id)

    task.refresh_from_db()
    assert (state_of(decision), task.status) == (State.REFUSED, "superseded")
    assert all("resume" not in (run.kwargs["command"] or {}) for run in resumes_of(task))


def test_a_client_does_not_continue_past_a_held_stop(
    api: httpx.Client, routed: Any, rosa: User, task_on: Any
) -> None:
    routed("approve_once")
    thread = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "approve_once", "input": {}, "interrupt_before": "*"}
    api.post(f"/threads/{thread}/runs/wait", json=body)
    task = task_on(thread)
    assert task.is_breakpoint
    ReviewTask.objects.filter(pk=task.pk).update(undo_seconds=60)
    services.decide(task=task, reviewer=rosa, verdict={"kind": "stop"})

    gone_on = api.post(f"/threads/{thread}/runs", json={**body, "input": None})

    assert gone_on.status_code == 409
    assert "already decided" in gone_on.json()["detail"]
    assert resumes_of(task) == []


def test_programs_undo_by_the_api(console: Console, held: Any, rosa: User, waiting: Any) -> None:
    task, sent = held(), waiting()
    with console.client() as client:
        client.headers["x-api-key"] = issue_key(
            "undo", [Scope.TASKS_READ, Scope.TASKS_DECIDE], rosa
        )
        undo = f"/api/tasks/{task.pk}/undo/"
        assert client.post(undo).status_code == 409  # nobody has decided

        made = client.post(f"/api/tasks/{task.pk}/decide/", json=YES).json()
        assert (made["delivery"], bool(made["send_after"])) == ("recorded", True)
        undone = client.post(undo).json()
        assert (undone["status"], undone["decisions"][0]["delivery"]) == ("open", "undone")

        client.post(f"/api/tasks/{sent.pk}/decide/", json=YES).raise_for_status()
        late = client.post(f"/api/tasks/{sent.pk}/undo/")
        assert (late.status_code, late.json()["detail"]) == (
            409,
            "It is too late to undo this: the agent has the answer.",
        )


@pytest.mark.live
def test_a_held_decision_outlives_every_process(make_console: Any, tmp_path: Path) -> None:
    console, log = make_console(), tmp_path / "acted.log"
    with console.client() as client:
        thread = client.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": "approve_once", "input": {"log": str(log)}}
        client.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
        (task,) = console.rows("UPDATE reviews_reviewtask SET undo_seconds = 2 RETURNING id")
        decided = client.post(f"/api/tasks/{task['id']}/decide/", json=YES).json()
        assert decided["delivery"] == "recorded"
    console.workers[0].kill()
    console.web.kill()
    assert states(console) == ["recorded"]

    console.web.start()
    console.workers[0].start()

    wait_for(lambda: states(console) == ["consumed"], what="the answer arrives")
    runs = console.rows("SELECT status FROM runs_run ORDER BY created_at")
    assert runs == [{"status": "success"}, {"status": "success"}]
    assert log.read_text().split() == ["acted"]
    console.check_ledger()


def states(console: Console) -> list[str]:
    return [row["state"] for row in console.rows("SELECT state FROM reviews_delivery")]


def lose_jobs(task: ReviewTask) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE args ->> 'thread_id' = %s", [str(task.thread_id)]
        )
