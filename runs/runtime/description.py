"""What a graph looks like from outside: its schemas, its picture, its subgraphs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.utils.pydantic import create_model_v2
from langgraph.constants import TAG_HIDDEN
from langgraph.pregel import Pregel

from runs.exceptions import RunsError
from runs.runtime import checkpointer, registry
from runs.runtime.jsonable import jsonable
from runs.runtime.registry import Graph, schema
from runs.runtime.snapshots import thread_config

START, END = "__start__", "__end__"


@dataclass(frozen=True, slots=True)
class Picture:
    """A graph as people see it: its nodes in the order they can be reached, and the ways between.

    An edge may begin at START and lead to END, which are not among the nodes.
    """

    nodes: tuple[PicturedNode, ...]
    edges: tuple[PicturedEdge, ...]


@dataclass(frozen=True, slots=True)
class PicturedNode:
    """A node, the breakpoints compiled around it, and the graph inside it."""

    name: str
    stops_before: bool
    stops_after: bool
    inside: Picture | None = None


@dataclass(frozen=True, slots=True)
class PicturedEdge:
    source: str
    target: str
    is_conditional: bool
    label: str


def schemas(graph_id: str) -> dict[str, Any]:
    """The graph's JSON schemas; null where its types have none."""
    found = registry.graph(graph_id)
    return {"graph_id": graph_id, **_schemas(found, f"{graph_id}_state")}


def drawing(graph_id: str, xray: int | bool = False) -> dict[str, Any]:
    """The graph's nodes and edges; `xray` opens subgraphs, that many levels deep or all."""
    picture = registry.graph(graph_id).get_graph(xray=xray).to_json()
    return {"nodes": [_node(node) for node in picture["nodes"]], "edges": picture["edges"]}


def picture(graph_id: str) -> Picture:
    """The graph with every subgraph that LangGraph knows of."""
    return _pictured(registry.graph(graph_id))


def standing_at(graph_id: str, thread_ids: Collection[UUID]) -> dict[UUID, tuple[str, ...]]:
    """The nodes that threads of the graph are at; none where that cannot be read."""
    found = {}
    with checkpointer.saver() as saver:
        graph = registry.graph(graph_id).copy(update={"checkpointer": saver})
        for thread_id in thread_ids:
            config: Any = thread_config(thread_id)
            try:
                found[thread_id] = graph.get_state(config).next
            except RunsError:
                found[thread_id] = ()
    return found


def subgraphs(
    graph_id: str, namespace: str | None = None, recurse: bool = False
) -> dict[str, dict[str, Any]]:
    """The schemas of the graph's subgraphs by namespace."""
    found = registry.graph(graph_id).get_subgraphs(namespace=namespace, recurse=recurse)
    return {name: _schemas(graph, "LangGraphState") for name, graph in found}


def nodes(graph_id: str) -> list[str]:
    """The names a breakpoint may be set at."""
    return breakpoint_names(registry.graph(graph_id))


def has_node(graph_id: str, namespace: str, node: str) -> bool:
    """Whether the graph, or the subgraph at a namespace with task ids, has a node of that name."""
    found: Any = registry.graph(graph_id)
    if namespace:
        path = "|".join(part.partition(":")[0] for part in namespace.split("|"))
        found = dict(found.get_subgraphs(namespace=path, recurse=True)).get(path)
    return found is not None and node in found.nodes


def breakpoint_names(graph: Graph) -> list[str]:
    """The nodes of a graph people know of, without LangGraph's own."""
    return [
        name
        for name, node in graph.nodes.items()
        if not name.startswith("__") and TAG_HIDDEN not in (node.tags or ())
    ]


def _pictured(graph: Graph) -> Picture:
    inside = {name: one for name, one in graph.get_subgraphs() if isinstance(one, Pregel)}
    names = breakpoint_names(graph)
    drawn = [
        PicturedEdge(edge.source, edge.target, edge.conditional, str(edge.data or ""))
        for edge in graph.get_graph().edges
        if {edge.source, edge.target} <= {START, END, *names}
    ]
    nodes = tuple(
        PicturedNode(
            name=name,
            stops_before=_is_among(name, graph.interrupt_before_nodes),
            stops_after=_is_among(name, graph.interrupt_after_nodes),
            inside=_pictured(inside[name]) if name in inside else None,
        )
        for name in _in_order(names, drawn)
    )
    return Picture(nodes, tuple(drawn))


def _is_among(name: str, nodes: Any) -> bool:
    return nodes == "*" or name in nodes


def _in_order(names: list[str], edges: list[PicturedEdge]) -> list[str]:
    """As they are reached from the start, breadth first; what is never reached comes last."""
    reached = [START]
    for place in reached:
        reached += [
            edge.target for edge in edges if edge.source == place and edge.target not in reached
        ]
    return sorted(names, key=lambda name: reached.index(name) if name in reached else len(reached))


def _schemas(graph: Any, state_title: str) -> dict[str, Any]:
    context = schema(graph.get_context_jsonschema)
    return {
        "input_schema": schema(graph.get_input_jsonschema),
        "output_schema": schema(graph.get_output_jsonschema),
        "state_schema": _state_schema(graph, state_title),
        "config_schema": context or {},
        "context_schema": context,
    }


def _state_schema(graph: Graph, title: str) -> dict[str, Any] | None:
    """Every channel a reader of the state sees, all of them optional."""
    channels: dict[str, Any] = graph.channels
    fields = {name: (channels[name].UpdateType, None) for name in graph.stream_channels_list}
    return schema(lambda: create_model_v2(title, field_definitions=fields).model_json_schema())


def _node(node: dict[str, Any]) -> dict[str, Any]:
    """As the Agent Server draws it: the end has no data, the name is the id."""
    if node["id"] == "__end__":
        return {"id": "__end__"}
    drawn = {"id": node["id"], "type": "runnable", "data": {"name": node["id"]}}
    metadata = jsonable(node.get("metadata") or {})
    return drawn | ({"metadata": metadata} if metadata else {})
