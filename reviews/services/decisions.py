"""Decisions: validated first, won by compare-and-set, sent together as one resume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.timezone import now

from reviews import live, payloads, queue
from reviews.digests import digest_of
from reviews.exceptions import (
    AlreadyDecided,
    ClaimedByOther,
    GraphHasChanged,
    KeyReused,
    RequestChanged,
    Superseded,
)
from reviews.models import Decision, Delivery, Preferences, ReviewTask
from reviews.payloads import FieldError, Kind
from reviews.services import audit, claims, drafts
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
HIGH_RISK = (
    "This is high risk: it is decided with a reason and a confirmation, on its page or by the "
    "review tasks API."
)


def decide(
    *,
    task: ReviewTask,
    reviewer: User,
    verdict: Mapping[str, Any],
    comment: str = "",
    via: str = Decision.Via.API,
    idempotency_key: str = "",
    seen: str = "",
    seen_digest: str = "",
    instead_of: int | None = None,
    batch: int | None = None,
    confirmed: bool = False,
) -> Decision:
    """Record a reviewer's answer; the last answer a pause waits for resumes its thread.

    `verdict` is what `payloads.answer_value` takes; `seen` the edition of the task it was made
    of, or its digest; `seen_digest` the SHA-256 of the request as it was shown, if that is not the
    task's; `confirmed` that the facts of what is high risk were checked; `instead_of` the person
    whose claim is taken over with it. A policy may hold the answer for some seconds first. Raises
    payloads.AnswerRefused (nothing changed, the errors say where), AlreadyDecided, ClaimedByOther,
    RequestChanged, GraphHasChanged, Superseded or KeyReused.
    """
    body = digest_of({"task": task.pk, "verdict": dict(verdict), "comment": comment})
    if earlier := _repeated(reviewer, idempotency_key, body, task):
        return earlier
    _must_be_confirmed(task, comment, confirmed)
    value = payloads.answer_value(task.asked, dict(verdict))
    try:
        with transaction.atomic():
            return _record_and_send(
                task,
                reviewer=reviewer,
                kind=_kind_of(task, verdict, value),
                value=value,
                comment=comment,
                via=via,
                idempotency_key=idempotency_key,
                body_digest=body if idempotency_key else "",
                seen=seen,
                seen_digest=seen_digest or seen.partition(".")[0],
                instead_of=instead_of,
                batch=batch,
            )
    except GraphDiffers as error:
        raise GraphHasChanged(task) from error
    except (StaleThread, GraphChanged) as error:
        _supersede(task, error)
        task.refresh_from_db()
        raise Superseded(task) from error


def _must_be_confirmed(task: ReviewTask, comment: str, confirmed: bool) -> None:
    """What is high risk is decided with a reason, by somebody who says what was checked."""
    errors = []
    if task.high_risk and not comment.strip():
        errors.append(FieldError("/comment", "This is high risk: say why you decide so."))
    if task.high_risk and not confirmed:
        fact = payloads.fact_of(task.asked)
        errors.append(
            FieldError("/confirmed", f"This is high risk: confirm that you checked {fact}")
        )
    if errors:
        raise payloads.AnswerRefused(errors)


def _supersede(task: ReviewTask, error: Exception) -> None:
    """The question can no longer be answered: neither by this task nor by anything else."""
    with transaction.atomic():
        if task.interrupt is not None:
            runs.leave_question(task.interrupt)
        audit.record(action="answer.refused", object=f"task:{task.pk}", details={"why": str(error)})


def record_answers(
    *, run: Run, answers: Mapping[Interrupt, Any], actor: User, may_decide: bool = True
) -> None:
    """What reviewers decided is on its way in this run; what a client sent becomes its decision.

    Called inside the transaction that makes the run. An answer the question does not allow, or
    one that differs from what somebody decided, undoes it all.
    """
    tasks = ReviewTask.objects.filter(interrupt__in=answers).select_related("interrupt")
    sent = digest_of({"command": run.kwargs["command"], "state_update": run.state_update})
    for task in tasks:
        assert task.interrupt is not None
        if task.reviewers_only and not may_decide:
            raise ReviewersOnly
        decision = None if task.is_open else Decision.objects.standing_on(task)
        if decision is None and task.high_risk:
            raise ReviewersOnly(HIGH_RISK)
        if decision is None:
            _decide_by_resume(task, answers[task.interrupt], run, actor)
        elif _differs(task, decision, answers[task.interrupt], run):
            raise AlreadyAnswered(
                f"Interrupt {task.interrupt.key} was already decided by "
                f"{decision.reviewer.get_username()} ({decision.kind}) at "
                f"{decision.created_at.isoformat()}; nothing was sent."
            )
        else:
            Delivery.objects.filter(decision=decision).move(
                expect=(State.RECORDED,), to=State.DELIVERED, run_id=run.pk
            )
        audit.record(
            action="delivery.delivered",
            object=f"task:{task.pk}",
            actor=actor,
            via=decision.via if decision else Decision.Via.RESUME,
            details={"run": str(run.pk), "sent": sent},
        )


def _kind_of(task: ReviewTask, verdict: Mapping[str, Any], value: Any) -> Kind:
    """The verdict as a whole; several actions with a verdict each count as the most cautious."""
    if kind := verdict.get("kind"):
        return Kind(kind)
    return payloads.read_answer(task.asked, value)


def _differs(task: ReviewTask, decision: Decision, value: Any, run: Run) -> bool:
    """Whether a run brings something else than what was decided; a breakpoint takes no value."""
    if task.interrupt is not None and task.is_breakpoint:
        return bool(_state_update(task.interrupt, decision) != run.state_update)
    return bool(decision.value != value)


def _repeated(reviewer: User, key: str, body: str, task: ReviewTask) -> Decision | None:
    """The decision this very request has already made."""
    if not key:
        return None
    earlier = Decision.objects.filter(reviewer=reviewer, idempotency_key=key).first()
    if earlier is not None and earlier.body_digest != body:
        raise KeyReused(task)
    return earlier


def _record_and_send(
    task: ReviewTask, *, reviewer: User, seen: str, instead_of: int | None, **fields: Any
) -> Decision:
    thread = Thread.objects.select_for_update(no_key=True).filter(pk=task.thread_id).first()
    task.refresh_from_db()
    if earlier := _repeated(reviewer, fields["idempotency_key"], fields["body_digest"], task):
        return earlier  # the same request, sent twice at once
    if thread is None or task.status in (Status.SUPERSEDED, Status.CANCELLED):
        raise Superseded(task)
    if task.is_open and task.holder not in (None, reviewer):
        if instead_of is None:
            raise ClaimedByOther(task)
        claims.take_over_task(task=task, reviewer=reviewer, holder_id=instead_of, via=fields["via"])
    if task.is_open and seen not in ("", task.digest, task.edition):
        raise RequestChanged(task)
    if not ReviewTask.objects.move(task.pk, expect=Status.OPEN, to=Status.DECIDED):
        raise AlreadyDecided(task, Decision.objects.standing_on(task))
    send_after = _send_after(task, reviewer, fields["via"])
    if send_after and task.interrupt:
        runs.guard(thread, {task.interrupt: None})  # say now what the sending would say later
    decision = _record(task, reviewer=reviewer, send_after=send_after, **fields)
    drafts.clear_drafts(task=task, reviewer=reviewer)
    live.tell(task, Status.DECIDED)
    if send_after:
        queue.send_later(thread.pk, send_after)
    else:
        send_if_complete(thread)
    return decision


def _send_after(task: ReviewTask, reviewer: User, via: str) -> datetime | None:
    """Until when a decision can be undone: as its policy says, on a page as its reviewer likes."""
    least = 0
    if via == Decision.Via.PAGE:
        own = Preferences.objects.of(reviewer).undo_seconds
        least = max(own, settings.PAGE_UNDO_SECONDS)
    seconds = max(task.undo_seconds, least)
    return now() + timedelta(seconds=seconds) if seconds else None


def _record(
    task: ReviewTask,
    *,
    resumed_by: Run | None = None,
    send_after: datetime | None = None,
    seen_digest: str = "",
    batch: int | None = None,
    **fields: Any,
) -> Decision:
    decision = Decision.objects.create(task=task, digest=task.digest, **fields)
    Delivery.objects.create(
        decision=decision,
        task=task,
        state=State.DELIVERED if resumed_by else State.RECORDED,
        run_id=resumed_by.pk if resumed_by else None,
        send_after=send_after,
    )
    audit.record_decision(decision, seen_digest=seen_digest, batch=batch)
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


def send_if_complete(thread: Thread) -> None:
    """Send what was decided on a locked thread, once nothing is open or held there any more.

    A superstep cannot commit before its last question is answered: all answers go as one run.
    """
    pending = Interrupt.objects.on(thread.pk).pending().select_related("run__assistant")
    standing = {
        interrupt: Decision.objects.standing_on(interrupt.review_task) for interrupt in pending
    }
    answers = {interrupt: decision for interrupt, decision in standing.items() if decision}
    if not answers or len(answers) < len(standing) or _any_held(thread, answers.values()):
        return
    asking = next(iter(answers)).run
    request, state_update = _resume_of(answers)
    runs.create_run(
        thread=thread,
        assistant=asking.assistant or runs.get_assistant(asking.graph_id),
        request=runs.continuation_of(asking) | request | {"strict_resume": True},
        continues=asking,
        state_update=state_update,
        actor=max(answers.values(), key=lambda decision: decision.pk).reviewer,
    )


def _any_held(thread: Thread, decisions: Iterable[Decision]) -> bool:
    may_be = any(decision.delivery.send_after for decision in decisions)
    return may_be and Delivery.objects.held().filter(task__thread_id=thread.pk).exists()


def _resume_of(
    answers: Mapping[Interrupt, Decision],
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What goes on the wire: answers by interrupt id, or a walk past the breakpoint."""
    interrupt, decision = next(iter(answers.items()))
    if not interrupt.is_breakpoint:
        named = {interrupt.key: decision.value for interrupt, decision in answers.items()}
        return {"command": {"resume": named}}, None
    return {}, _state_update(interrupt, decision)


def _state_update(interrupt: Interrupt, decision: Decision) -> dict[str, Any] | None:
    """What is written to the state before the run goes on from a breakpoint."""
    match decision.kind:
        case Kind.STOP:
            return {"values": None, "as_node": "__end__"}
        case Kind.SKIP:
            return {"values": None, "as_node": interrupt.nodes}
        case Kind.EDIT:
            return {"values": decision.value, "as_node": None}
    return None
