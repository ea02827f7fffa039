"""Sleeps for `seconds` (state), in an async node, between two quick nodes."""

import asyncio
import operator
from typing import Annotated

from langgraph.constants import END, START
from langgraph.graph import StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    seconds: float
    tag: str
    log: Annotated[list[str], operator.add]


async def begin(state: State):
    return {"log": [f"begin:{state.get('tag')}"]}


async def nap(state: State):
    await asyncio.sleep(float(state.get("seconds") or 1.0))
    return {"log": [f"slept:{state.get('tag')}"]}


async def finish(state: State):
    return {"log": [f"finish:{state.get('tag')}"]}


b = StateGraph(State)
b.add_node("begin", begin)
b.add_node("nap", nap)
b.add_node("finish", finish)
b.add_edge(START, "begin")
b.add_edge("begin", "nap")
b.add_edge("nap", "finish")
b.add_edge("finish", END)
graph = b.compile()
