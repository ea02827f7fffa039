"""Each promise of the ledger is broken on purpose, and the check says which one and where."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils.timezone import now

from reviews import ledger
from reviews.models import Decision, Delivery, ReviewTask
from reviews.services import audit
from runs.models import Interrupt, Run, Thread
from tests.conftest import make_user


@pytest.fixture(autouse=True)
def _rolled_back() -> Iterator[None]:
    """What these tests break is never committed."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def asked(queue: Group) -> ReviewTask:
    """A thread that waits, with its task."""
    key = uuid.uuid4().hex
    shown = {"a task": [{"id": key, "value": "Go on?"}]}
    thread = Thread.objects.create(status="interrupted", interrupts=shown)
    run = make_run(thread, status="success")
    interrupt = Interrupt.objects.create(
        thread=thread,
        run=run,
        kind="dynamic",
        key=key,
        node="ask",
        checkpoint_id="a checkpoint",
        fingerprint="",
    )
    return ReviewTask.objects.create(
        interrupt=interrupt,
        thread_id=thread.pk,
        run_id=run.pk,
        graph_id="approve_once",
        node="ask",
        checkpoint_id="a checkpoint",
        shape="d",
        queue=queue,
    )


@pytest.fixture
def answered(asked: ReviewTask) -> Delivery:
    """The same after a decision, its answer on the way."""
    rosa = make_user("rosa")
    interrupt = asked.interrupt
    assert interrupt is not None
    run = make_run(interrupt.thread, created_by=rosa)
    run.kwargs = {"command": {"resume": {interrupt.key: "yes"}}}
    run.save()
    Thread.objects.filter(pk=asked.thread_id).update(status="busy")
    Interrupt.objects.filter(pk=interrupt.pk).update(status="answered", answered_by=run)
    ReviewTask.objects.filter(pk=asked.pk).update(status="decided")
    return deliver(asked, rosa, run)


def make_run(thread: Thread, **fields: Any) -> Run:
    return Run.objects.create(thread=thread, graph_id="approve_once", **fields)


def deliver(task: ReviewTask, reviewer: User, run: Run, state: str = "delivered") -> Delivery:
    return Delivery.objects.create(
        decision=decide(task, reviewer), task=task, state=state, run_id=run.pk
    )


def decide(task: ReviewTask, reviewer: User) -> Decision:
    decision = Decision.objects.create(task=task, reviewer=reviewer, kind="respond", via="api")
    audit.record_decision(decision)
    return decision


def drop(table: str, name: str) -> None:
    """Take out what the database itself would refuse; comes back with the rollback."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{name}"')
        cursor.execute(f'DROP INDEX IF EXISTS "{name}"')
        cursor.execute(f'DROP TRIGGER IF EXISTS "{name}" ON {table}')


@pytest.fixture
def found() -> Callable[..., None]:
    """That these rows, and no others of this test, break this invariant and none else."""
    before = {name: set(rows) for name, rows in ledger.violations().items()}

    def check(*names: str, row: str) -> None:
        after = {name: set(rows) - before[name] for name, rows in ledger.violations().items()}
        assert {name: rows for name, rows in after.items() if rows} == {key: {row} for key in names}

    return check


def test_nothing_is_found_where_nothing_is_wrong(found: Any, answered: Delivery) -> None:
    assert answered.state == "delivered"
    found(row="")


def test_i1_names_a_question_without_its_task(found: Any, asked: ReviewTask) -> None:
    asked.delete()

    found("I1", row=f"interrupt {asked.interrupt_id}")


def test_i1_names_a_task_nobody_asks(found: Any, asked: ReviewTask) -> None:
    Interrupt.objects.filter(pk=asked.interrupt_id).update(status="closed")
    Thread.objects.filter(pk=asked.thread_id).update(status="idle", interrupts={})

    found("I1", row=f"task {asked.pk}")


def test_i1_names_a_thread_that_shows_a_question_nobody_recorded(
    found: Any, asked: ReviewTask
) -> None:
    shown = {"a task": [{"id": asked.interrupt.key}, {"id": "f" * 32}]}  # type: ignore[union-attr]
    Thread.objects.filter(pk=asked.thread_id).update(interrupts=shown)

    found("I1", row=f"thread {asked.thread_id}")


def test_i1_accepts_a_decision_that_waits_for_others(found: Any, asked: ReviewTask) -> None:
    run = Run.objects.get(pk=asked.run_id)
    deliver(asked, make_user("rosa"), run, state="recorded")
    ReviewTask.objects.filter(pk=asked.pk).update(status="decided")

    found(row="")


def test_i2_names_a_task_with_two_decisions(found: Any, answered: Delivery) -> None:
    drop("reviews_delivery", "one_effective_decision_per_task")
    run = Run.objects.get(pk=answered.run_id)
    deliver(answered.task, make_user("omar"), run)

    found("I2", row=f"task {answered.task_id}")


def test_i2_names_a_decided_task_without_a_decision(found: Any, asked: ReviewTask) -> None:
    ReviewTask.objects.filter(pk=asked.pk).update(status="decided")
    Interrupt.objects.filter(pk=asked.interrupt_id).update(status="closed")
    Thread.objects.filter(pk=asked.thread_id).update(status="idle", interrupts={})

    found("I2", row=f"task {asked.pk}")


def test_i2_names_an_open_task_that_was_decided(found: Any, asked: ReviewTask) -> None:
    run = Run.objects.get(pk=asked.run_id)
    deliver(asked, make_user("rosa"), run, state="recorded")

    found("I2", row=f"task {asked.pk}")


def test_i2_names_a_decision_whose_way_is_not_kept(found: Any, asked: ReviewTask) -> None:
    decision = decide(asked, make_user("rosa"))

    found("I2", row=f"decision {decision.pk}")


def test_i3_names_a_decision_whose_run_is_over(found: Any, answered: Delivery) -> None:
    Run.objects.filter(pk=answered.run_id).update(status="interrupted")

    found("I3", row=f"decision {answered.decision_id}")


def test_i3_names_a_decision_another_run_has_sent(found: Any, answered: Delivery) -> None:
    first = Run.objects.get(pk=answered.run_id)
    second = make_run(first.thread, status="success", created_by=first.created_by)
    deliver(answered.task, answered.decision.reviewer, second, state="refused")
    Interrupt.objects.filter(answered_by=first).update(status="closed", answered_by=second)
    Run.objects.filter(pk=first.pk).update(status="success")
    Delivery.objects.filter(pk=answered.pk).update(state="consumed")

    found("I3", row=f"decision {answered.decision_id}")


def test_i3_names_a_run_that_carries_an_answer_nobody_decided(
    found: Any, answered: Delivery
) -> None:
    run = Run.objects.get(pk=answered.run_id)
    run.kwargs["command"]["resume"]["f" * 32] = "yes"
    run.save()

    found("I3", row=f"run {run.pk}")


def test_i3_names_a_resume_run_without_its_decision(found: Any, answered: Delivery) -> None:
    Delivery.objects.filter(pk=answered.pk).update(state="recorded", run_id=None)

    assert f"run {answered.run_id}" in ledger.violations()["I3"]


def test_i4_names_an_answer_of_nobody_known(found: Any, answered: Delivery) -> None:
    Run.objects.filter(pk=answered.run_id).update(created_by=None)

    found("I4", row=f"interrupt {answered.task.interrupt_id}")


def test_i4_names_an_answer_without_a_decision(found: Any, answered: Delivery) -> None:
    interrupt_id = answered.task.interrupt_id
    answered.delete()
    drop("reviews_decision", "pgtrigger_no_delete_85a13")
    Decision.objects.filter(task=answered.task).delete()

    assert f"interrupt {interrupt_id}" in ledger.violations()["I4"]


def test_i5_names_a_thread_with_two_running_runs(found: Any) -> None:
    drop("runs_run", "one_running_run_per_thread")
    thread = Thread.objects.create()
    for _ in range(2):
        make_run(thread, status="running", lease_until=now())

    found("I5", row=f"thread {thread.pk}")


def test_i5_names_a_run_nobody_holds(found: Any) -> None:
    run = make_run(Thread.objects.create(), status="running", lease_until="2020-01-01T00:00Z")

    found("I5", row=f"run {run.pk}")


def test_i5_names_a_run_no_job_will_start(found: Any) -> None:
    thread = Thread.objects.create()
    first = make_run(thread, updated_at="2020-01-01T00:00Z")
    later = uuid.UUID(int=first.pk.int + 1)
    make_run(thread, pk=later, updated_at="2020-01-01T00:00Z")  # waits for the first: not at fault

    found("I5", row=f"run {first.pk}")


def test_the_command_names_what_is_broken_and_fails(asked: ReviewTask) -> None:
    before = len(ledger.violations()["I1"])
    asked.delete()
    said = StringIO()

    with pytest.raises(CommandError, match=r"The ledger is broken: \d+ violations"):
        call_command("check_ledger", stdout=said)

    assert f"I1  {before + 1}  Every question a thread waits with" in said.getvalue()
    assert "I5  " in said.getvalue()
    assert len(ledger.INVARIANTS) == len(re.findall(r"^I\d  \d+  ", said.getvalue(), re.MULTILINE))
