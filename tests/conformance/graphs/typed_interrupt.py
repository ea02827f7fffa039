"""interrupt(response_schema=...): first a validated pydantic model, then a plain JSON schema."""

from typing import Literal

from langgraph.constants import END, START
from langgraph.graph import StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict


class Decision(BaseModel):
    action: Literal["approve", "reject"]
    reason: str = ""


class State(TypedDict, total=False):
    action: str
    note: str


def typed(state: State):
    d = interrupt({"question": "approve?"}, response_schema=Decision)
    return {"action": d.action}


def untyped(state: State):
    n = interrupt("leave a note", response_schema={"type": "string", "maxLength": 20})
    return {"note": n}


b = StateGraph(State)
b.add_node("typed", typed)
b.add_node("untyped", untyped)
b.add_edge(START, "typed")
b.add_edge("typed", "untyped")
b.add_edge("untyped", END)
graph = b.compile()
