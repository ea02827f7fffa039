"""What people read of graphs and threads: steps, states, what runs next, what a run takes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from runs import runtime
from runs.exceptions import NotFound
from runs.models import Assistant, Thread
from runs.runtime import forking, timeline
from runs.runtime.timeline import Step


def steps_of(
    thread: Thread, *, limit: int, before: str | None = None, run_id: UUID | None = None
) -> list[Step]:
    """A thread's steps, or those of one of its runs, newest first; `before` is a checkpoint."""
    return timeline.steps(thread.pk, limit=limit, before=before, run_id=run_id)


def step_at(thread: Thread, checkpoint_id: str) -> Step:
    """One step of a thread; NotFound where it has no such checkpoint."""
    found = timeline.step(thread.pk, checkpoint_id)
    if found is None:
        raise NotFound(f"Checkpoint {checkpoint_id} not found")
    return found


def lineage_of(thread: Thread, since: str | None = None) -> dict[str, str | None]:
    """Each checkpoint's parent, newest first; from a checkpoint on if one is named."""
    return timeline.lineage(thread.pk, since)


def values_at(thread: Thread, checkpoint_id: str) -> dict[str, Any]:
    """The state at a checkpoint by channel; raises a RunsError where its graph is gone."""
    if thread.graph_id is None:
        return {}
    values = runtime.read_state(thread.pk, thread.graph_id, checkpoint_id=checkpoint_id)["values"]
    return values if isinstance(values, dict) else {"": values}


def next_of(thread: Thread, checkpoint_id: str | None = None) -> tuple[str, ...]:
    """The nodes that run next, from the latest checkpoint unless one is named."""
    if thread.graph_id is None:
        return ()
    return forking.next_nodes(thread.pk, thread.graph_id, checkpoint_id)


def input_schema(assistant: Assistant) -> dict[str, Any] | None:
    """What a run of an assistant takes; None where its types have no schema."""
    found: dict[str, Any] | None = runtime.schemas(assistant.graph_id)["input_schema"]
    return found
