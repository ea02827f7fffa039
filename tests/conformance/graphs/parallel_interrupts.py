"""Two nodes of one superstep that each interrupt."""

import operator
from typing import Annotated

from langgraph.constants import END, START
from langgraph.graph import StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    some_text: str
    answers: Annotated[list[str], operator.add]


def left(state: State):
    value = interrupt({"side": "left", "question": "left?"})
    return {"answers": [f"left={value}"]}


def right(state: State):
    value = interrupt({"side": "right", "question": "right?"})
    return {"answers": [f"right={value}"]}


def join(state: State):
    return {"answers": ["joined"]}


b = StateGraph(State)
b.add_node("left", left)
b.add_node("right", right)
b.add_node("join", join)
b.add_edge(START, "left")
b.add_edge(START, "right")
b.add_edge(["left", "right"], "join")
b.add_edge("join", END)
graph = b.compile()
