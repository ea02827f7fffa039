"""Graphs that ask what no honest graph would."""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from tests.security.corpus import CORPUS, MARKUP


class State(TypedDict, total=False):
    asks: str
    value: Any
    answer: Any


def ask(state: State) -> State:
    return {"answer": interrupt(CORPUS[state["asks"]] if "asks" in state else state["value"])}


def named_to_deceive() -> Any:
    """A graph whose nodes' names are markup."""
    names = [MARKUP["handler"], "\u202eevorppa", "</script><b>", "Approved by Ada"]
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, ask if name == names[0] else lambda state: {})
    for before, after in zip([START, *names], [*names, END], strict=True):
        builder.add_edge(before, after)
    return builder.compile(interrupt_before=names[1:])


def fails(state: State) -> State:
    raise ValueError(str(CORPUS[state["asks"]]))


hostile = StateGraph(State).add_node(ask).add_edge(START, "ask").add_edge("ask", END).compile()
hostile_names = named_to_deceive()
hostile_error = StateGraph(State).add_node(fails).add_edge(START, "fails").compile()
