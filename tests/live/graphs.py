"""Graphs no operator wants: they block their worker's event loop, end it, or ask late."""

from __future__ import annotations

import asyncio
import os
import time

from langgraph.types import interrupt

from tests.graphs import State, chain, note, step_1, step_3


async def hog_the_loop(state: State) -> State:
    note(state, "hog")
    time.sleep(state["seconds"])  # noqa: ASYNC251  # what careless graphs do
    return {"visited": ["hog"]}


def end_the_process(state: State) -> State:
    note(state, "poison")
    os._exit(9)


async def ask_late(state: State) -> State:
    await asyncio.sleep(state["seconds"])
    return {"answers": [f"{interrupt('Go on?')}"]}


hog = chain(step_1, hog_the_loop, step_3)
poison = chain(step_1, end_the_process)
late = chain(ask_late)
