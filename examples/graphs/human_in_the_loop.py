"""The example of LangGraph's documentation: a person revises a text.

`interrupt()` stops the run and shows its argument to a person. When the answer arrives, the node
runs again from its first line, and this time `interrupt()` returns the answer.
"""

from __future__ import annotations

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class State(TypedDict):
    some_text: str


def human_node(state: State) -> State:
    revised = interrupt({"text_to_revise": state["some_text"]})
    return {"some_text": revised}


builder = StateGraph(State)
builder.add_node(human_node)
builder.add_edge(START, "human_node")
builder.add_edge("human_node", END)
graph = builder.compile()
