"""Forks: a thread goes on from an older checkpoint, perhaps with other values; history stays."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from runs.exceptions import BreakpointInTheWay, InvalidInput, RunsError, ThreadBusy
from runs.models import Run, Thread
from runs.runtime import forking
from runs.runtime.timeline import Step
from runs.services import breakpoints, detours, histories, interrupts
from runs.services.runs import continuation_of, create_run, get_assistant


@transaction.atomic
def fork_thread(
    *,
    thread: Thread,
    checkpoint_id: str,
    values: dict[str, Any],
    branch: str = "",
    actor: User,
    may_decide: bool,
) -> Run:
    """Run again what follows a checkpoint, with `values` in the place of those channels' own.

    What the thread waits for now is left behind. A breakpoint where the run would begin refuses
    it: nobody has let it through.
    """
    thread = Thread.objects.lock(thread.pk)
    if Run.objects.on(thread.pk).active().exists():
        raise ThreadBusy
    step = histories.step_at(thread, checkpoint_id)
    origin = _origin(thread, step)
    detours.ask(thread, "a fork", may_decide=may_decide, graph_id=origin.graph_id)
    _refuse_breakpoint(thread, step, origin)
    request = continuation_of(origin) | {"checkpoint_id": checkpoint_id}
    if values:
        current = histories.values_at(thread, checkpoint_id)
        request["command"] = {"update": forking.replacing(origin.graph_id, values, current)}
    if branch:
        request["metadata"] = {"branch": branch}
    interrupts.close_all(thread, reason="superseded")
    return create_run(
        thread=thread,
        assistant=origin.assistant or get_assistant(origin.graph_id),
        request=request,
        actor=actor,
        may_decide=may_decide,
        continues=origin,
    )


def _origin(thread: Thread, step: Step) -> Run:
    """The run whose configuration a fork takes over: the one that came by, else the latest."""
    runs = Run.objects.on(thread.pk).select_related("assistant")
    found = runs.filter(pk=step.run_id).first() if step.run_id else None
    found = found or runs.order_by("-pk").first()
    if found is None:
        raise RunsError("No run of this thread is left whose configuration a fork could take over.")
    return found


def _refuse_breakpoint(thread: Thread, step: Step, origin: Run) -> None:
    following = histories.next_of(thread, step.checkpoint_id)
    if not following or step.source == "input":
        raise InvalidInput("No node follows this checkpoint: choose another one to go on from.")
    stored = breakpoints.stops_of(origin.assistant_id, origin.graph_id)
    stops = forking.breakpoints_among(
        origin.graph_id,
        ran=step.nodes,
        following=following,
        before=breakpoints.added(origin.kwargs["interrupt_before"], stored["before"]),
        after=breakpoints.added(origin.kwargs["interrupt_after"], stored["after"]),
    )
    if stops:
        raise BreakpointInTheWay(
            f"A breakpoint stands here, at {', '.join(stops)}, and nobody let the run through: "
            "choose an earlier checkpoint."
        )
