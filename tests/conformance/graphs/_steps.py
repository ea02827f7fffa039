import operator
from typing import Annotated

from langgraph.constants import END, START
from langgraph.graph import StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    some_text: str
    visited: Annotated[list[str], operator.add]


def _make(name: str):
    def node(state: State):
        return {"visited": [name]}

    node.__name__ = name
    return node


def build() -> StateGraph:
    b = StateGraph(State)
    for name in ("step_1", "step_2", "step_3"):
        b.add_node(name, _make(name))
    b.add_edge(START, "step_1")
    b.add_edge("step_1", "step_2")
    b.add_edge("step_2", "step_3")
    b.add_edge("step_3", END)
    return b
