"""What a thread waits for, as rows: recorded when a run settles, answered by exactly one resume."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from runs import runtime
from runs.exceptions import (
    AlreadyAnswered,
    AmbiguousAnswer,
    BreakpointAnswered,
    GraphChanged,
    GraphDiffers,
    NothingPending,
    OtherAssistant,
    OtherGraph,
    StaleThread,
    StuckInterrupt,
    WrongInterrupts,
)
from runs.models import Assistant, Interrupt, Run, Thread
from runs.runtime import AskedInterrupt, PausedAt
from runs.services import deploys
from runs.signals import interrupts_closed, run_interrupted

INTERRUPT_ID = re.compile(r"[0-9a-f]{32}")
Answers = dict[Interrupt, Any]


# -- answering -------------------------------------------------------------------------------


def answers_in(
    thread: Thread, assistant: Assistant, graph_id: str, request: Mapping[str, Any]
) -> Answers:
    """The interrupts a run request answers, each with its value; refuses what could go wrong.

    The thread's row must be locked. Answers go by interrupt id: a single value is taken only
    where one question is pending, so that an old answer cannot meet a new question.
    """
    command = request.get("command") or {}
    has_answer = _has_answer(command)
    pending = list(Interrupt.objects.on(thread.pk).pending().select_related("run"))
    if not has_answer and starts_over(request):
        return {}
    if is_strict(request):
        _refuse_others(pending, assistant, graph_id)
    if _goes_back(request, pending):
        if has_answer and is_strict(request):
            raise StaleThread("The thread does not wait at that checkpoint; nothing was sent.")
        return {}
    breakpoints: Answers = {interrupt: None for interrupt in pending if interrupt.is_breakpoint}
    if breakpoints:
        if command.get("resume") is not None and is_strict(request):
            raise BreakpointAnswered
        return breakpoints
    if not has_answer:
        refuse_old_answers(thread, pending)
        return {}
    if not is_strict(request):
        return _as_the_reference(command["resume"], pending)
    if not pending:
        _refuse_answer_to_nothing(thread, command["resume"])
    return _by_id(thread, command["resume"], pending)


def _refuse_others(pending: list[Interrupt], assistant: Assistant, graph_id: str) -> None:
    """Another graph would forget the question; another assistant act on it in its own way."""
    for asked in pending:
        if asked.run.graph_id != graph_id:
            raise OtherGraph
        if asked.run.assistant_id not in (None, assistant.pk):
            raise OtherAssistant


def is_strict(request: Mapping[str, Any]) -> bool:
    """Whether an answer must fit what is pending; `strict_resume` asks for it in either mode."""
    return settings.RESUME_MODE == "strict" or bool(request.get("strict_resume"))


def _as_the_reference(answer: Any, pending: list[Interrupt]) -> Answers:
    """What LangGraph will make of an answer, for the ledger; nothing is refused here."""
    if is_answer_map(answer):
        return {asked: answer[asked.key] for asked in pending if asked.key in answer}
    return {pending[0]: answer} if len(pending) == 1 else {}


def _has_answer(command: Mapping[str, Any]) -> bool:
    """Null is an answer, unless it is only the empty field beside an update or a goto."""
    if "resume" not in command:
        return False
    others = any(command.get(name) is not None for name in ("update", "goto"))
    return command["resume"] is not None or not others


def starts_over(request: Mapping[str, Any]) -> bool:
    """Whether a run brings new input, instead of going on from where the thread is."""
    return not request.get("command") and request.get("input") is not None


def _goes_back(request: Mapping[str, Any], pending: list[Interrupt]) -> bool:
    """Whether the run starts from another checkpoint than the one that waits."""
    checkpoint_id = request.get("checkpoint_id")
    return bool(checkpoint_id) and all(asked.checkpoint_id != checkpoint_id for asked in pending)


def _by_id(thread: Thread, answer: Any, pending: list[Interrupt]) -> Answers:
    if not is_answer_map(answer):
        if len(pending) > 1:
            raise AmbiguousAnswer
        return {pending[0]: answer}
    by_key = {interrupt.key: interrupt for interrupt in pending}
    unknown = sorted(answer.keys() - by_key.keys())
    _refuse_answered(thread, unknown)
    missing = sorted(by_key.keys() - answer.keys())
    if unknown or missing or not answer:
        said = [f"not pending: {', '.join(unknown)}"] if unknown else []
        said += [f"unanswered: {', '.join(missing)}"] if missing else []
        raise WrongInterrupts(f"{WrongInterrupts.default_detail} ({'; '.join(said)})")
    return {by_key[key]: value for key, value in answer.items()}


def is_answer_map(answer: Any) -> bool:
    """LangGraph's own test: every key looks like an interrupt id (also true of an empty map)."""
    return isinstance(answer, dict) and all(INTERRUPT_ID.fullmatch(key) for key in answer)


def _refuse_answer_to_nothing(thread: Thread, answer: Any) -> None:
    if is_answer_map(answer):
        _refuse_answered(thread, sorted(answer))
    if Interrupt.objects.on(thread.pk).filter(status=Interrupt.Status.STUCK).exists():
        raise StuckInterrupt
    under_way = Interrupt.objects.on(thread.pk).filter(status=Interrupt.Status.ANSWERED)
    _refuse_answered(thread, list(under_way.values_list("key", flat=True)))
    raise NothingPending


def _refuse_answered(thread: Thread, keys: list[str]) -> None:
    answered = (
        Interrupt.objects.on(thread.pk)
        .filter(key__in=keys, answered_by__isnull=False)
        .select_related("answered_by__created_by")
        .first()
    )
    if answered is not None and answered.answered_by is not None:
        run = answered.answered_by
        who = run.created_by.get_username() if run.created_by else "the system"
        raise AlreadyAnswered(
            f"Interrupt {answered.key} was already answered by {who} at "
            f"{run.created_at.isoformat()}; nothing was sent."
        )


def refuse_old_answers(thread: Thread, pending: list[Interrupt]) -> None:
    """Going on without an answer replays the node's old ones: one would meet the new question."""
    tasks = [interrupt.task_id for interrupt in pending]
    taken = Interrupt.objects.on(thread.pk).filter(
        task_id__in=tasks, status=Interrupt.Status.CLOSED, answered_by__isnull=False
    )
    if pending and taken.exists():
        raise WrongInterrupts(
            "The pending question follows one that was answered in the same node: answer it by "
            f"its id ({', '.join(interrupt.key for interrupt in pending)})."
        )


def guard(thread: Thread, answers: Answers) -> None:
    """Just before a resume: the thread stands where it asked, and the graph has the node."""
    if not answers:
        return
    head = runtime.head(thread.pk)
    for interrupt in answers:
        if head is None or interrupt.checkpoint_id != head:
            raise StaleThread
        if problem := deploys.missing(interrupt):
            raise GraphChanged(f"Nothing was sent: {problem}.")
        if deploys.is_changed(interrupt):
            raise GraphDiffers


# -- recording -------------------------------------------------------------------------------


def record(
    thread: Thread,
    run: Run,
    asked: Iterable[AskedInterrupt],
    paused_at: PausedAt | None,
    *,
    checkpoint_id: str | None,
    values: Any,
    stuck: Collection[str] = (),
) -> None:
    """Make the rows say what the checkpoint says; tells reviews of each difference.

    An interrupt that is still pending keeps its row, and an answer that some queued run still
    carries is left alone.
    """
    fields = {"run": run, "checkpoint_id": checkpoint_id or ""}
    waiting = [_dynamic(thread, item, fields) for item in asked]
    if paused_at is not None:
        waiting.append(_breakpoint(thread, paused_at, values, fields))
    waiting = waiting or _still_stopped(thread, checkpoint_id)
    keys = {item.key for item in waiting}
    rows = {row.key: row for row in Interrupt.objects.on(thread.pk).known(keys)}
    _close_gone(run, [row for row in rows.values() if row.key not in keys])
    first = [_insert(item) for item in waiting if item.key not in rows]
    again = [
        _reopen(rows[item.key], item, is_stuck=item.key in stuck)
        for item in waiting
        if item.key in rows and _is_ours(rows[item.key], run)
    ]
    if first or again:
        run_interrupted.send(sender=Run, run=run, first=first, again=again)


def give_back(run: Run) -> None:
    """A run that never began carries no answer any more: what it would have answered is open."""
    rows = list(Interrupt.objects.filter(answered_by=run, status=Interrupt.Status.ANSWERED))
    if rows:
        again = [_reopen(row, row, is_stuck=False) for row in rows]
        run_interrupted.send(sender=Run, run=run, first=[], again=again)


def close_all(thread: Thread, *, reason: str) -> None:
    """The thread leaves its questions behind: new input, a cancelled or a deleted thread."""
    rows = list(Interrupt.objects.on(thread.pk).unsettled())
    if rows:
        _close(rows, run=None, reason=reason)


@transaction.atomic
def leave_question(interrupt: Interrupt, *, reason: str = "superseded") -> None:
    """Nobody can answer this any more: the thread or its graph is another than the one that asked.

    Should the graph come back, `reconcile` finds the question in the checkpoint and asks it again.
    """
    thread = Thread.objects.lock(interrupt.thread_id)
    interrupt.refresh_from_db(fields=["status"])
    if interrupt.status == Interrupt.Status.PENDING:
        _close([interrupt], run=None, reason=reason)
        _show_no_more(thread, interrupt)


def _show_no_more(thread: Thread, interrupt: Interrupt) -> None:
    shown = {
        task_id: [item for item in items if item["id"] != interrupt.key]
        for task_id, items in (thread.interrupts or {}).items()
    }
    thread.interrupts = {task_id: items for task_id, items in shown.items() if items}
    thread.save(update_fields=["interrupts"])


def _dynamic(thread: Thread, item: AskedInterrupt, fields: dict[str, Any]) -> Interrupt:
    return Interrupt(
        thread=thread,
        kind=Interrupt.Kind.DYNAMIC,
        key=item.interrupt_id,
        node=item.node,
        namespace=item.namespace,
        task_id=item.task_id,
        value=item.value,
        response_schema=item.response_schema,
        **fields,
    )


def _breakpoint(
    thread: Thread, paused_at: PausedAt, values: Any, fields: dict[str, Any]
) -> Interrupt:
    return Interrupt(
        thread=thread,
        kind=Interrupt.Kind.BREAKPOINT,
        key=f"breakpoint:{fields['checkpoint_id']}",
        node=", ".join(paused_at.nodes),
        position=paused_at.position,
        value=values,
        **fields,
    )


def _still_stopped(thread: Thread, checkpoint_id: str | None) -> list[Interrupt]:
    """The breakpoint a run was to pass, where it was cut short before it got on."""
    rows = Interrupt.objects.on(thread.pk).unsettled()
    return list(rows.filter(kind=Interrupt.Kind.BREAKPOINT, checkpoint_id=checkpoint_id or ""))


def _insert(asked: Interrupt) -> Interrupt:
    asked.fingerprint = runtime.registry.fingerprint(asked.run.graph_id)
    asked.save(force_insert=True)
    return asked


def _is_ours(row: Interrupt, run: Run) -> bool:
    """Whether this run may say where the question stands; not while a queued run has its answer."""
    carrier = row.answered_by if row.status == Interrupt.Status.ANSWERED else None
    return carrier is None or carrier.pk == run.pk or not carrier.is_active


def _reopen(row: Interrupt, asked: Interrupt, *, is_stuck: bool) -> Interrupt:
    """A question that was asked before is pending, wherever its first answer went."""
    row.checkpoint_id = asked.checkpoint_id
    row.status = Interrupt.Status.STUCK if is_stuck else Interrupt.Status.PENDING
    if not is_stuck:
        row.answered_by = None
    row.save(update_fields=["checkpoint_id", "status", "answered_by"])
    return row


def _close_gone(run: Run, gone: list[Interrupt]) -> None:
    consumed = [row for row in gone if _took_its_answer(row, run)]
    if consumed:
        _close(consumed, run=run, reason="consumed")
    if left := [row for row in gone if row not in consumed]:
        _close(left, run=run, reason="superseded")


def _took_its_answer(row: Interrupt, run: Run) -> bool:
    """Whether a question went because this run answered it, or made a stuck node go on."""
    is_stuck = row.status == Interrupt.Status.STUCK
    return row.answered_by_id == run.pk or (is_stuck and not run.kwargs["checkpoint_id"])


def _close(rows: list[Interrupt], *, run: Run | None, reason: str) -> None:
    ids = [row.pk for row in rows]
    Interrupt.objects.filter(pk__in=ids).update(status=Interrupt.Status.CLOSED)
    interrupts_closed.send(sender=Run, interrupts=rows, run=run, reason=reason)
