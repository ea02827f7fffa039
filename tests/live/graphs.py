"""Graphs no operator wants: they block their worker's loop, end it, ask late or ask twice."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Callable
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

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


# -- two gates in a row, and what was done behind each --------------------------------------------

ASKED_AMOUNT = 100


class Gates(TypedDict, total=False):
    log: str  # a file each payment adds a line to
    verdict: dict[str, Any]


def request(number: int) -> dict[str, Any]:
    """A payment to be approved, edited or rejected; its schema knows which gate it stands at."""
    schema = {
        "type": "object",
        "properties": {"gate": {"const": number}, "amount": {"type": "integer"}},
        "required": ["gate", "amount"],
        "additionalProperties": False,
    }
    config = {"action_name": "pay", "allowed_decisions": ["approve", "edit", "reject"]}
    return {
        "action_requests": [{"name": "pay", "args": {"gate": number, "amount": ASKED_AMOUNT}}],
        "review_configs": [config | {"args_schema": schema}],
    }


def gate(number: int) -> tuple[Callable[..., Gates], Callable[..., Gates]]:
    """A node that asks, and one that pays what was decided."""

    def ask(state: Gates) -> Gates:
        return {"verdict": interrupt(request(number))["decisions"][0]}

    def pay(state: Gates, config: RunnableConfig) -> Gates:
        verdict = state["verdict"]
        if verdict["type"] != "reject":
            args = verdict.get("edited_action", request(number)["action_requests"][0])["args"]
            ids = {key: config["configurable"][key] for key in ("thread_id", "run_id")}
            add_line(state["log"], args | ids | {"passed": number, "id": uuid.uuid4().hex})
        return {}

    return ask, pay


def add_line(path: str, line: dict[str, Any]) -> None:
    """One write, so that a process that dies leaves a whole line or none."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, json.dumps(line).encode() + b"\n")
    finally:
        os.close(file)


def both_gates() -> Any:
    builder = StateGraph(Gates)
    last = START
    for number in (1, 2):
        for name, node in zip(("gate", "pay"), gate(number), strict=True):
            builder.add_node(f"{name}_{number}", node)
            builder.add_edge(last, f"{name}_{number}")
            last = f"{name}_{number}"
    builder.add_edge(last, END)
    return builder.compile()


two_gates = both_gates()
