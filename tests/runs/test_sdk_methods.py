"""The official SDK's methods: one that no test calls fails here, so a new one is noticed."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

TESTS = Path(__file__).parent.parent
# The thread-centric protocol, whose wire has tests of its own.
ELSEWHERE = {"threads.stream"}


@pytest.mark.parametrize("noun", ["assistants", "threads", "runs", "crons", "store"])
def test_every_method_of_the_sdk_is_called_by_some_test(noun: str) -> None:
    client = getattr(get_client(url="http://127.0.0.1:9", api_key="none"), noun)
    offered = {
        f"{noun}.{name}"
        for name, _ in inspect.getmembers(client, callable)
        if not name.startswith("_")
    }
    text = "\n".join(path.read_text() for path in TESTS.rglob("*.py"))
    called = set(re.findall(rf"\bsdk\.({noun}\.\w+)\(", text))
    assert offered - called - ELSEWHERE == set()


async def test_a_batch_of_runs_and_many_cancelled_at_once(sdk: LangGraphClient) -> None:
    run = {"assistant_id": "slow", "input": {"seconds": 30}, "on_completion": "keep"}
    started = await sdk.runs.create_batch([run, run])  # type: ignore[list-item]
    for one in started:
        await sdk.runs.cancel_many(thread_id=one["thread_id"], run_ids=[one["run_id"]])
        ended = await sdk.runs.get(one["thread_id"], one["run_id"])
        assert ended["status"] == "interrupted"


async def test_a_thread_joined_and_pruned(sdk: LangGraphClient) -> None:
    thread = (await sdk.threads.create(ttl=60))["thread_id"]
    run = await sdk.runs.create(thread, "static_steps", input={}, stream_resumable=True)
    await sdk.runs.join(thread, run["run_id"])

    kinds = []
    async for part in await sdk.threads.join_stream(thread, last_event_id="-"):  # type: ignore[misc]
        kinds.append(part.event)
        if part.data.get("status") == "run_done":
            break

    assert kinds == ["metadata", *["values"] * 3, "metadata"]
    assert await sdk.threads.prune([thread]) == {"pruned_count": 1}
