"""Send() the same interrupting node N times in one superstep."""

import operator
from typing import Annotated

from langgraph.constants import END, START
from langgraph.graph import StateGraph
from langgraph.types import Send, interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    items: list[str]
    answers: Annotated[list[str], operator.add]


def fan(state: State):
    return [Send("ask", {"item": i}) for i in state.get("items") or ["a", "b"]]


def ask(state: dict):
    v = interrupt({"item": state["item"]})
    return {"answers": [f"{state['item']}={v}"]}


b = StateGraph(State)
b.add_node("ask", ask)
b.add_conditional_edges(START, fan, ["ask"])
b.add_edge("ask", END)
graph = b.compile()
