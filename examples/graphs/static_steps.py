"""Three steps that never ask: stop them from outside with a breakpoint.

Start a run with `interrupt_before=["step_2"]`, or set a breakpoint in the console, and go on with
`input=None`. Each step adds its name to `visited`, so the state shows how far the run has come.
"""

from __future__ import annotations

import operator
from typing import Annotated

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    some_text: str
    visited: Annotated[list[str], operator.add]


def step_1(state: State) -> State:
    return {"visited": ["step_1"]}


def step_2(state: State) -> State:
    return {"visited": ["step_2"]}


def step_3(state: State) -> State:
    return {"visited": ["step_3"]}


# A builder is as good as a compiled graph: langgraph.json takes both.
graph = StateGraph(State)
graph.add_sequence([step_1, step_2, step_3])
graph.add_edge(START, "step_1")
graph.add_edge("step_3", END)
