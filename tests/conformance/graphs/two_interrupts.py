"""One node with two interrupts in sequence, then a node reachable by goto only."""

from typing import Literal

from langgraph.constants import END, START
from langgraph.graph import StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    first: str
    second: str
    where: str


def ask_twice(state: State):
    a = interrupt({"n": 1})
    b = interrupt({"n": 2, "previous": a})
    return {"first": a, "second": b}


def side(state: State):
    return {"where": "side"}


def decide(state: State) -> Command[Literal["side", "__end__"]]:
    return Command(goto="side" if state.get("second") == "go" else END, update={"where": "decide"})


b = StateGraph(State)
b.add_node("ask_twice", ask_twice)
b.add_node("decide", decide)
b.add_node("side", side)
b.add_edge(START, "ask_twice")
b.add_edge("ask_twice", "decide")
b.add_edge("side", END)
graph = b.compile()
