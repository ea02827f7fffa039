"""Ways past a question: whatever would move a thread otherwise than by an answer is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runs import runtime
from runs.exceptions import WrongInterrupts
from runs.models import Interrupt, Run, Thread
from runs.services import interrupts
from runs.signals import way_around_asked

QUEUED_BEFORE = (
    "The thread came to wait for a person while this run was queued, and the run brings no answer."
)


def ask(thread: Thread, what: str, *, may_decide: bool, graph_id: str | None = None) -> None:
    """Ask whether a thread may be moved so; of every graph that has a say in where it stands.

    What the thread's metadata name is not enough: a client can change them.
    """
    if may_decide:
        return
    asking = Interrupt.objects.on(thread.pk).unsettled().values_list("run__graph_id", flat=True)
    graphs = {graph_id, thread.graph_id, runtime.written_by(thread.pk), *asking} - {None}
    way_around_asked.send(
        sender=Run, graph_ids=graphs, thread=thread, what=what, may_decide=may_decide
    )


def of_request(
    thread: Thread, graph_id: str, request: Mapping[str, Any], answers: interrupts.Answers
) -> str:
    """How a request would move the thread otherwise than by an answer; empty if it would not."""
    command = request.get("command") or {}
    if command.get("goto") is not None or command.get("update") is not None:
        return "a goto or update command"
    if request.get("checkpoint_id"):
        return "a run from an old checkpoint"
    if "resume" in command and not answers:
        return "an answer to what nobody asked"
    waiting = Interrupt.objects.on(thread.pk).unsettled()
    if interrupts.starts_over(request):
        return "new input" if waiting.exists() else ""
    if not answers and waiting.filter(status=Interrupt.Status.STUCK).exists():
        return "another try of an answer that failed"
    if not answers and runtime.written_by(thread.pk) not in (None, graph_id):
        return "going on from another graph's state"
    return ""


def stops_at_start(run: Run) -> bool:
    """Whether a run goes on without anybody having answered, or let it through a breakpoint."""
    goes_on = not interrupts.starts_over(run.kwargs) and run.state_update is None
    return goes_on and not Interrupt.objects.filter(answered_by=run).exists()


def refuse_in_turn(thread: Thread, run: Run) -> None:
    """When a queued run's turn comes: it must not pass what the thread has come to wait for."""
    waiting = list(Interrupt.objects.on(thread.pk).unsettled().exclude(answered_by=run))
    if not waiting:
        return
    asked, may_decide = run.kwargs, run.kwargs.get("may_decide", False)
    if interrupts.starts_over(asked) or asked["checkpoint_id"]:
        ask(thread, "a run queued before", may_decide=may_decide, graph_id=run.graph_id)
    elif asked["command"] or not all(_is_asked_again(row) for row in waiting):
        raise WrongInterrupts(QUEUED_BEFORE)
    else:
        interrupts.refuse_old_answers(thread, waiting)


def _is_asked_again(row: Interrupt) -> bool:
    """Whether going on without an answer does no more than ask the same question again."""
    return not row.is_breakpoint and row.status != Interrupt.Status.STUCK
