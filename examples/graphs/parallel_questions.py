"""Two branches ask at the same time; the run goes on when both are answered.

Both questions belong to one superstep, and a superstep is committed as a whole. So the answers are
sent together, each under the id of its interrupt.
"""

from __future__ import annotations

import operator
from typing import Annotated

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    contract: str
    answers: Annotated[list[str], operator.add]


def legal(state: State) -> State:
    answer = interrupt({"question": "Does legal agree?", "contract": state.get("contract", "")})
    return {"answers": [f"legal: {answer}"]}


def finance(state: State) -> State:
    answer = interrupt({"question": "Is it in the budget?", "contract": state.get("contract", "")})
    return {"answers": [f"finance: {answer}"]}


def sign(state: State) -> State:
    return {"answers": ["signed"]}


builder = StateGraph(State)
builder.add_node(legal)
builder.add_node(finance)
builder.add_node(sign)
builder.add_edge(START, "legal")
builder.add_edge(START, "finance")
builder.add_edge(["legal", "finance"], "sign")
builder.add_edge("sign", END)
graph = builder.compile()
