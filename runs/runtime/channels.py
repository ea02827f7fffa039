"""The channels of a graph's state, and how each takes what is written to it."""

from __future__ import annotations

from typing import Any

from langgraph.graph.message import add_messages

from runs.runtime import registry


def channels(graph_id: str) -> dict[str, str]:
    """The channels a reader of the state sees, each with its reducer's name; "": the last wins."""
    graph = registry.graph(graph_id)
    return {name: _reducer(graph.channels[name]) for name in graph.stream_channels_list}


def _reducer(channel: Any) -> str:
    found = getattr(channel, "operator", None) or getattr(channel, "reducer", None)
    if found is add_messages:
        return "add_messages"
    return getattr(found, "__name__", type(found).__name__) if found else ""
