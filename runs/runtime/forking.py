"""Going on from an older checkpoint: what would run there, what stops it, how values replace."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from langgraph.graph.message import REMOVE_ALL_MESSAGES

from runs.runtime import checkpointer, registry, resumption, snapshots
from runs.runtime.channels import channels
from runs.runtime.spec import Nodes

CLEARED = {"role": "remove", "content": "", "id": REMOVE_ALL_MESSAGES}


def next_nodes(thread_id: UUID, graph_id: str, checkpoint_id: str | None = None) -> tuple[str, ...]:
    """The nodes that run next, from the latest checkpoint unless one is named."""
    config: Any = snapshots.thread_config(thread_id, checkpoint_id)
    with checkpointer.saver() as saver:
        graph = registry.graph(graph_id).copy(update={"checkpointer": saver})
        return graph.get_state(config).next


def breakpoints_among(
    graph_id: str, *, ran: tuple[str, ...], following: tuple[str, ...], before: Nodes, after: Nodes
) -> list[str]:
    """Which nodes carry a breakpoint a run that begins between them would walk through."""
    graph = registry.graph(graph_id)
    before = resumption.together(graph.interrupt_before_nodes, before)
    after = resumption.together(graph.interrupt_after_nodes, after)
    stops = resumption.named(graph, set(following), before)
    return sorted(stops | resumption.named(graph, set(ran), after))


def replacing(graph_id: str, values: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
    """The update that puts values in the place of the current ones, whatever their reducers do."""
    reducers = channels(graph_id)
    return {
        name: _past(reducers.get(name, ""), value) if name in current else value
        for name, value in values.items()
    }


def _past(reducer: str, value: Any) -> Any:
    """A value written past a channel's reducer, which would put it beside what is there."""
    if reducer == "add_messages" and isinstance(value, list):
        return [CLEARED, *value]  # overwritten they would stay plain dictionaries
    return {"__overwrite__": value} if reducer else value
