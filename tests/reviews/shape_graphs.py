"""Graphs that write down what they receive, exactly."""

from __future__ import annotations

import json
import operator
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Question(TypedDict, total=False):
    ask: Any
    schema: Any
    got: str  # as JSON text: 1, 1.0 and true must not look alike


def record(state: Question) -> Question:
    return {"got": json.dumps(interrupt(state["ask"], response_schema=state.get("schema")))}


asking = StateGraph(Question)
asking.add_node(record)
asking.add_edge(START, "record")
asking.add_edge("record", END)
recorder = asking.compile()


class Order(TypedDict, total=False):
    amount: int
    note: str
    urgent: bool
    visited: Annotated[list[str], operator.add]
    messages: Annotated[list[Any], add_messages]
    seen: str  # what `publish` saw of the state, as JSON text


def draft(state: Order) -> Order:
    return {"visited": ["draft"], "messages": [("ai", "Shall I publish?")]}


def price(state: Order) -> Order:
    return {"visited": ["price"]}


def publish(state: Order) -> Order:
    said = [[message.type, message.content] for message in state["messages"]]
    kept = {key: state.get(key) for key in ("amount", "note", "urgent", "visited")}
    return {"visited": ["publish"], "seen": json.dumps(kept | {"messages": said})}


def refuse(state: Order) -> Order:
    return {"visited": ["refuse"]}


def route(state: Order) -> str:
    return "refuse" if state.get("amount", 0) > 1000 else "publish"


def order_graph(*first: Any, routed: bool) -> Any:
    """Some nodes side by side, then `publish`; or `refuse`, where the amount says so."""
    builder = StateGraph(Order)
    for node in (*first, publish, refuse):
        builder.add_node(node)
    for node in first:
        builder.add_edge(START, node.__name__)
    if routed:
        builder.add_conditional_edges("draft", route, ["publish", "refuse"])
    else:
        builder.add_edge([node.__name__ for node in first], "publish")
    builder.add_edge("publish", END)
    builder.add_edge("refuse", END)
    return builder.compile(interrupt_before=["publish", "refuse"])


order = order_graph(draft, routed=True)
joined_order = order_graph(draft, price, routed=False)
