"""Graphs no operator wants: one blocks its worker's event loop, one ends its worker each time."""

from __future__ import annotations

import os
import time

from tests.graphs import State, chain, note, step_1, step_3


async def hog_the_loop(state: State) -> State:
    note(state, "hog")
    time.sleep(state["seconds"])  # noqa: ASYNC251  # what careless graphs do
    return {"visited": ["hog"]}


def end_the_process(state: State) -> State:
    note(state, "poison")
    os._exit(9)


hog = chain(step_1, hog_the_loop, step_3)
poison = chain(step_1, end_the_process)
