"""Whatever happens to a thread and in whatever order, the ledger says what a small model says.

Each example is one transaction that is rolled back, so that no worker meets its runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reviews import ledger, services
from reviews.exceptions import AlreadyDecided, AlreadySent, NotStuck, ReviewError, Superseded
from reviews.models import Decision, Delivery, ReviewTask
from runs import runtime
from runs import services as runs
from runs.exceptions import AlreadyAnswered, RunsError
from runs.models import Interrupt, Run, Thread
from runs.runtime import Outcome
from tests.conftest import broken_promises, make_user
from tests.reviews.ledger_model import SIDES, Checkpoint, Model, Question, Queued

GRAPH = "two_branches"
ERROR = {"error": "ValueError", "message": "boom"}
CRASHES = 3  # a run's worker may die that often
IS_LONG = float(os.environ.get("SOAK_SECONDS", "0")) > 0
BOUNDS = settings(
    max_examples=600 if IS_LONG else 16,
    stateful_step_count=40 if IS_LONG else 25,
    derandomize=not IS_LONG,  # the same examples in every `make test`
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)

# Two promises read every question and every entry there is, 10 MB from the tests of hostile text
# among them: they are asked at the end of an example, and of its own questions by the model.
EACH_STEP = [
    one
    for one in ledger.INVARIANTS
    if one not in (ledger.ONE_TASK_PER_QUESTION, ledger.THE_AUDIT_IS_AS_IT_WAS_WRITTEN)
]

at = st.integers(0, 7)  # which of them, modulo how many there are
values = st.sampled_from(["yes", "no"])
asks = st.sampled_from([(), ("left",), SIDES, SIDES])
HERE = Checkpoint()  # of the example that runs, for the patched border


class Ledger(RuleBasedStateMachine):
    """One thread, a reviewer, a program, and a worker whose graph we play ourselves."""

    def __init__(self) -> None:
        super().__init__()
        self.block = transaction.atomic()
        self.block.__enter__()
        global HERE
        self.model = Model()
        HERE = self.model.at
        self.found_before = broken_promises()
        runs.sync_assistants()
        self.assistant = runs.get_assistant(GRAPH)
        self.rosa = make_user("rosa", Group.objects.get_or_create(name="Reviewers")[0])
        self.program = make_user("program")
        self.thread = runs.create_thread(metadata={"graph_id": GRAPH})

    def teardown(self) -> None:
        try:
            self.keeps(ledger.INVARIANTS)
        finally:
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)

    @initialize(asked=asks)
    def a_first_run_asks(self, asked: tuple[str, ...]) -> None:
        self.start_over()
        self.start()
        self.succeed(asked)

    # -- clients -----------------------------------------------------------------------------

    @precondition(lambda self: len(self.model.line) < 3)
    @rule()
    def start_over(self) -> None:
        run = self.create({"input": {"some_text": "anew"}})
        self.model.put(Queued(run.pk, "start over"))

    @precondition(lambda self: self.model.line)
    @rule()
    def start_over_instead(self) -> None:
        request = {"input": {"some_text": "anew"}, "multitask_strategy": "interrupt"}
        run = self.create(request)
        for active in list(self.model.line):
            self.model.cancel(active)
        self.model.put(Queued(run.pk, "start over"))

    @precondition(lambda self: self.model.questions and len(self.model.line) < 4)
    @rule()
    def go_on(self) -> None:
        self.model.put(Queued(self.create({"input": None}).pk, "go on"))

    @precondition(lambda self: self.model.questions)
    @rule(answers=st.lists(st.tuples(at, values), min_size=1, max_size=2))
    def resume(self, answers: list[tuple[int, str]]) -> None:
        named = {self.question(number).key: value for number, value in answers}
        self.answer(named)

    @precondition(lambda self: self.model.pending())
    @rule(value=values)
    def resume_all(self, value: str) -> None:
        self.answer(dict.fromkeys(self.model.pending(), value))

    def answer(self, named: dict[str, str]) -> None:
        decided = {key: one for key, one in self.pending().items() if one.task == "decided"}
        differ = any(key in named and named[key] != one.value for key, one in decided.items())
        request = {"command": {"resume": named}}
        if named.keys() != self.model.pending() or differ:
            self.refused(lambda: self.create(request), AlreadyAnswered if differ else RunsError)
            return
        run = self.create(request)
        for key, value in named.items():
            self.model.questions[key].value = value
        self.model.send(run.pk)

    @precondition(lambda self: self.model.line)
    @rule(number=at)
    def cancel(self, number: int) -> None:
        queued = self.model.line[number % len(self.model.line)]
        runs.cancel_run(run=Run.objects.get(pk=queued.id), reason="a client asked")
        self.model.cancel(queued)

    # -- reviewers ---------------------------------------------------------------------------

    @precondition(lambda self: self.model.questions)
    @rule(number=at, value=values, hold=st.sampled_from([0, 0, 0, 60]))
    def decide(self, number: int, value: str, hold: int) -> None:
        one = self.question(number)
        ReviewTask.objects.filter(interrupt__key=one.key).update(undo_seconds=hold)
        verdict = {"kind": "respond", "value": value}
        act = lambda: services.decide(task=self.task(one), reviewer=self.rosa, verdict=verdict)  # noqa: E731
        if one.task != "open":
            closed = Superseded if one.task == "superseded" else AlreadyDecided
            self.refused(act, closed)
            return
        act()
        one.task, one.delivery, one.value = "decided", "recorded", value
        one.is_ask_again, one.is_held = False, bool(hold)
        if not hold:
            self.sent_if_complete()

    @precondition(lambda self: self.model.questions)
    @rule(number=at)
    def undo(self, number: int) -> None:
        one = self.question(number)
        decision = Decision.objects.standing_on(self.task(one))
        if decision is None:
            return
        act = lambda: services.undo_decision(decision=decision, reviewer=self.rosa)  # noqa: E731
        if decision.reviewer != self.rosa or one.delivery != "recorded":
            self.refused(act, ReviewError if decision.reviewer != self.rosa else AlreadySent)
            return
        act()
        one.task, one.delivery, one.is_held = "open", "undone", False

    @precondition(lambda self: any(one.is_held for one in self.model.questions.values()))
    @rule(is_job_lost=st.booleans())
    def holds_end(self, is_job_lost: bool) -> None:
        held = Delivery.objects.held().filter(task__thread_id=self.thread.pk)
        held.update(send_after=now() - timedelta(hours=1))
        for one in self.model.questions.values():
            one.is_held = False
        if is_job_lost:
            services.sweep_decisions()
        else:
            services.send_decisions(thread_id=self.thread.pk)
        self.sent_if_complete()

    def sent_if_complete(self) -> None:
        if self.model.is_complete():
            self.model.send(Run.objects.on(self.thread.pk).latest("pk").pk)

    @precondition(lambda self: self.model.questions)
    @rule(number=at, kind=st.sampled_from(["retry", "ask_again"]))
    def repair(self, number: int, kind: str) -> None:
        one = self.question(number)
        act = lambda: services.repair(task=self.task(one), reviewer=self.rosa, kind=kind)  # noqa: E731
        if one.task != "failed" or self.model.line:
            self.refused(act, NotStuck)
            return
        run_id = act().delivery.run_id
        assert run_id is not None
        one.task, one.delivery = "decided", "delivered"
        one.is_ask_again = kind == "ask_again"
        if kind == "retry":
            one.sent(run_id)
        keys = frozenset([one.key] if kind == "retry" else [])
        self.model.put(Queued(run_id, kind.replace("_", " "), keys))

    # -- the worker, and what befalls it -----------------------------------------------------

    @precondition(lambda self: self.model.line and not self.model.running)
    @rule()
    def start(self) -> None:
        head = self.model.line[0]
        assert runs.start_run(head.id) is not None
        head.is_running = True

    @precondition(lambda self: self.model.running)
    @rule(asked=asks)
    def succeed(self, asked: tuple[str, ...]) -> None:
        run, here = self.model.running, self.model.at
        assert run is not None
        if not run.keys <= here.asked.keys():
            self.fail(took=False)  # strict: LangGraph refuses an answer to nothing
            return
        left = here.asked.keys() - here.taken - run.keys
        if run.kind in ("go on", "retry") and left:  # nobody has answered these
            here.asked = {key: here.asked[key] for key in left | (run.keys - here.taken)}
            here.taken = set()
        elif run.kind == "ask again":
            here.move_on([item.node for item in here.asked.values()])
        else:
            here.move_on(asked)
        outcome = Outcome({}, here.next, tuple(here.asked.values()), None, here.head)
        runs.settle_run(run=self.row(run), outcome=outcome)
        self.model.settle(run, "interrupted" if here.asked else "idle")

    @precondition(lambda self: self.model.running)
    @rule(took=st.booleans())
    def fail(self, took: bool) -> None:
        run, here = self.model.running, self.model.at
        assert run is not None
        if run.kind in ("start over", "ask again"):
            here.move_on()
        elif took and run.keys <= here.asked.keys():
            here.taken |= run.keys
        runs.fail_run(run=self.row(run), error=ERROR)
        self.model.settle(run, "error")

    @precondition(lambda self: self.model.running)
    @rule()
    def hand_back(self) -> None:
        run = self.model.running
        assert run is not None
        runs.hand_back_run(run=self.row(run))
        run.is_running = False

    @precondition(lambda self: self.model.running)
    @rule()
    def crash(self) -> None:
        run = self.model.running
        assert run is not None
        Run.objects.filter(pk=run.id).update(lease_until=now() - timedelta(hours=1))
        runs.sweep_runs()
        run.crashes, run.is_running = run.crashes + 1, False
        if run.crashes == CRASHES:
            self.model.settle(run, "error")

    @precondition(lambda self: not self.model.line and self.model.pending())
    @rule(value=values)
    def an_answer_is_cancelled_behind_a_run(self, value: str) -> None:
        """A way that chance alone seldom takes."""
        self.go_on()
        self.start()
        self.resume_all(value)
        self.cancel(len(self.model.line) - 1)

    # -- what must hold ----------------------------------------------------------------------

    @invariant()
    def the_ledger_keeps_its_promises(self) -> None:
        with connection.cursor() as cursor:  # as at a commit: the audit is sealed
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        self.keeps(EACH_STEP)

    def keeps(self, promises: Sequence[ledger.Invariant]) -> None:
        if found := broken_promises(promises) - self.found_before:
            others = self.rows_of_others()
            assert not {(name, row) for name, row in found if row not in others}

    def rows_of_others(self) -> set[str]:
        """Runs of the tests before, which may break a promise, or keep it again, at any time."""
        others = Run.objects.exclude(thread=self.thread).values_list("pk", "thread_id")
        return {name for run, thread in others for name in (f"run {run}", f"thread {thread}")}

    @invariant()
    def it_says_what_the_model_says(self) -> None:
        tasks = ReviewTask.objects.on(self.thread.pk).select_related("interrupt")
        said = {task.interrupt.key: said_of(task) for task in tasks}  # type: ignore[union-attr]
        assert said == {
            key: (one.interrupt, one.task, one.delivery)
            for key, one in self.model.questions.items()
        }
        active = Run.objects.on(self.thread.pk).active().order_by("pk")
        assert [(run.pk, run.status == "running") for run in active] == [
            (run.id, run.is_running) for run in self.model.line
        ]
        assert Thread.objects.get(pk=self.thread.pk).status == self.model.status

    # -- words -------------------------------------------------------------------------------

    def create(self, request: dict[str, Any]) -> Run:
        return runs.create_run(
            thread=self.thread, assistant=self.assistant, request=request, actor=self.program
        )

    def refused(self, act: Callable[[], Any], why: type[Exception]) -> None:
        with pytest.raises(why):
            act()

    def question(self, number: int) -> Question:
        known = list(self.model.questions.values())
        return known[-1 - number % len(known)]

    def pending(self) -> dict[str, Question]:
        return {key: self.model.questions[key] for key in self.model.pending()}

    def task(self, one: Question) -> ReviewTask:
        return ReviewTask.objects.get(interrupt__key=one.key)

    def row(self, run: Queued) -> Run:
        return Run.objects.get(pk=run.id)


def said_of(task: ReviewTask) -> tuple[str, str, str]:
    last = task.deliveries.order_by("pk").last()
    interrupt = Interrupt.objects.get(pk=task.interrupt_id)
    return interrupt.status, task.status, last.state if last else ""


@pytest.mark.soak
def test_the_ledger_says_what_the_model_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def head(thread_id: UUID) -> str | None:
        return HERE.head

    def pending(thread_id: UUID, graph_id: str) -> runtime.Pending:
        return HERE.pending()

    monkeypatch.setattr(runtime, "head", head)
    monkeypatch.setattr(runtime, "pending", pending)
    run_state_machine_as_test(Ledger, settings=BOUNDS)
