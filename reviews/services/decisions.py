"""Decisions: validated first, won by compare-and-set, sent together as one resume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from reviews import live, payloads
from reviews.digests import digest_of
from reviews.exceptions import (
    AlreadyDecided,
    ClaimedByOther,
    GraphHasChanged,
    KeyReused,
    Superseded,
)
from reviews.models import Decision, Delivery, ReviewTask
from reviews.payloads import Kind
from runs import services as runs
from runs.exceptions import (
    AlreadyAnswered,
    AnswerRefused,
    GraphChanged,
    GraphDiffers,
    ReviewersOnly,
    StaleThread,
)
from runs.models import Interrupt, Run, Thread

Status, State = ReviewTask.Status, Delivery.State


def decide(
    *,
    task: ReviewTask,
    reviewer: User,
    verdict: Mapping[str, Any],
    comment: str = "",
    via: str = Decision.Via.API,
    idempotency_key: str = "",
) -> Decision:
    """Record a reviewer's answer; the last answer a pause waits for resumes its thread.

    `verdict` is what `payloads.answer_value` takes. Raises payloads.AnswerRefused (nothing
    changed, the errors say where), AlreadyDecided, ClaimedByOther, Superseded or KeyReused.
    """
    body = digest_of({"task": task.pk, "verdict": dict(verdict), "comment": comment})
    if earlier := _repeated(reviewer, idempotency_key, body, task):
        return earlier
    value = payloads.answer_value(task.asked, dict(verdict))
    try:
        with transaction.atomic():
            return _record_and_send(
                task,
                reviewer=reviewer,
                kind=Kind(verdict["kind"]),
                value=value,
                comment=comment,
                via=via,
                idempotency_key=idempotency_key,
                body_digest=body if idempotency_key else "",
            )
    except GraphDiffers as error:
        raise GraphHasChanged(task) from error
    except (StaleThread, GraphChanged) as error:
        if ReviewTask.objects.move(task.pk, expect=Status.OPEN, to=Status.SUPERSEDED):
            live.tell(task, Status.SUPERSEDED)
        task.refresh_from_db()
        raise Superseded(task) from error


def record_answers(
    *, run: Run, answers: Mapping[Interrupt, Any], actor: User, may_decide: bool = True
) -> None:
    """What reviewers decided is on its way in this run; what a client sent becomes its decision.

    Called inside the transaction that makes the run. An answer the question does not allow, or
    one that differs from what somebody decided, undoes it all.
    """
    tasks = ReviewTask.objects.filter(interrupt__in=answers).select_related("interrupt")
    for task in tasks:
        assert task.interrupt is not None
        if task.reviewers_only and not may_decide:
            raise ReviewersOnly
        decision = None if task.is_open else Decision.objects.standing_on(task)
        if decision is None:
            _decide_by_resume(task, answers[task.interrupt], run, actor)
        elif not task.is_breakpoint and decision.value != answers[task.interrupt]:
            raise AlreadyAnswered(
                f"Interrupt {task.interrupt.key} was already decided by "
                f"{decision.reviewer.get_username()} ({decision.kind}) at "
                f"{decision.created_at.isoformat()}; nothing was sent."
            )
        else:
            Delivery.objects.filter(decision=decision).move(
                expect=(State.RECORDED,), to=State.DELIVERED, run_id=run.pk
            )


def _repeated(reviewer: User, key: str, body: str, task: ReviewTask) -> Decision | None:
    """The decision this very request has already made."""
    if not key:
        return None
    earlier = Decision.objects.filter(reviewer=reviewer, idempotency_key=key).first()
    if earlier is not None and earlier.body_digest != body:
        raise KeyReused(task)
    return earlier


def _record_and_send(task: ReviewTask, *, reviewer: User, **fields: Any) -> Decision:
    thread = Thread.objects.select_for_update(no_key=True).filter(pk=task.thread_id).first()
    task.refresh_from_db()
    if earlier := _repeated(reviewer, fields["idempotency_key"], fields["body_digest"], task):
        return earlier  # the same request, sent twice at once
    if thread is None or task.status in (Status.SUPERSEDED, Status.CANCELLED):
        raise Superseded(task)
    if task.holder not in (None, reviewer):
        raise ClaimedByOther(task)
    if not ReviewTask.objects.move(task.pk, expect=Status.OPEN, to=Status.DECIDED):
        raise AlreadyDecided(task, Decision.objects.standing_on(task))
    decision = _record(task, reviewer=reviewer, **fields)
    live.tell(task, Status.DECIDED)
    _send_if_complete(thread, reviewer)
    return decision


def _record(task: ReviewTask, *, resumed_by: Run | None = None, **fields: Any) -> Decision:
    decision = Decision.objects.create(task=task, digest=task.digest, **fields)
    Delivery.objects.create(
        decision=decision,
        task=task,
        state=State.DELIVERED if resumed_by else State.RECORDED,
        run_id=resumed_by.pk if resumed_by else None,
    )
    return decision


def _decide_by_resume(task: ReviewTask, value: Any, run: Run, actor: User) -> None:
    try:
        kind = payloads.read_answer(task.asked, value)
    except payloads.AnswerRefused as error:
        if run.kwargs["strict_resume"]:
            raise AnswerRefused(str(error)) from error
        kind = Kind.RESPOND  # the graph will say what it thinks of it
    ReviewTask.objects.move(task.pk, expect=task.status, to=Status.DECIDED)
    live.tell(task, Status.DECIDED)
    _record(task, resumed_by=run, reviewer=actor, kind=kind, value=value, via=Decision.Via.RESUME)


def _send_if_complete(thread: Thread, reviewer: User) -> None:
    """A superstep cannot commit before its last question is answered: all answers go as one run."""
    pending = Interrupt.objects.on(thread.pk).pending().select_related("run__assistant")
    answers = {
        interrupt: Decision.objects.standing_on(interrupt.review_task) for interrupt in pending
    }
    if any(decision is None for decision in answers.values()):
        return
    asking = next(iter(answers)).run
    request, state_update = _resume_of({i: d for i, d in answers.items() if d is not None})
    runs.create_run(
        thread=thread,
        assistant=asking.assistant or runs.get_assistant(asking.graph_id),
        request=runs.continuation_of(asking) | request | {"strict_resume": True},
        state_update=state_update,
        actor=reviewer,
    )


def _resume_of(
    answers: Mapping[Interrupt, Decision],
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What goes on the wire: answers by interrupt id, or a walk past the breakpoint."""
    interrupt, decision = next(iter(answers.items()))
    if not interrupt.is_breakpoint:
        named = {interrupt.key: decision.value for interrupt, decision in answers.items()}
        return {"command": {"resume": named}}, None
    if decision.kind == Kind.STOP:
        return {}, {"values": None, "as_node": "__end__"}
    return {}, None
