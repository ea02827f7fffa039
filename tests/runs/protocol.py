"""The thread-centric protocol as a client without an SDK speaks it."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

ASK = {"assistant_id": "human_in_the_loop", "input": {"some_text": "x"}}
ENDS = ("interrupted", "completed", "failed")
ALL = {"channels": ["values", "updates", "tasks", "custom", "lifecycle", "input"]}
SIGNS = {"channels": ["lifecycle", "input"]}


class Session:
    """One thread, commands to it, and what it says."""

    def __init__(self, api: httpx.Client, thread_id: str = "") -> None:
        self.api = api
        self.thread_id = thread_id or str(uuid.uuid4())
        self.ids = itertools.count(1)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        body = {"id": next(self.ids), "method": method, "params": params}
        answer = self.api.post(f"/threads/{self.thread_id}/commands", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["id"] == body["id"]
        return dict(answer.json())

    @contextmanager
    def stream(self, **wanted: Any) -> Iterator[Iterator[dict[str, Any]]]:
        path = f"/threads/{self.thread_id}/stream/events"
        with self.api.stream("POST", path, json=ALL | wanted) as response:
            assert response.status_code == 200
            yield parsed(response.iter_lines())

    def until(self, ends: int = 1, **wanted: Any) -> list[dict[str, Any]]:
        """All events there are, up to the end of some run."""
        with self.stream(**wanted) as events:
            return up_to(events, ends)

    def pause(self, **run: Any) -> str:
        """Start a run that asks; returns the id of its question."""
        assert self.send("run.start", **(ASK | run))["type"] == "success"
        return str(requested(self.until())[0]["interrupt_id"])


def parsed(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    frame: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if not line and frame:
            event = json.loads(frame["data"])
            assert (frame["event"], frame["id"]) == (event["method"], str(event["seq"]))
            yield event
            frame = {}
        elif name:
            frame[name] = value


def up_to(events: Iterator[dict[str, Any]], ends: int) -> list[dict[str, Any]]:
    found = []
    for event in events:
        found.append(event)
        ends -= is_end(event)
        if not ends:
            break
    return found


def is_end(event: dict[str, Any]) -> bool:
    """Whether a run is over with it; a subgraph has an end of its own."""
    params = event["params"]
    is_root = event["method"] == "lifecycle" and not params["namespace"]
    return is_root and params["data"]["event"] in ENDS


def phases(events: list[dict[str, Any]]) -> list[str]:
    """How runs began and ended, without their subgraphs."""
    of_runs = [e["params"] for e in events if e["method"] == "lifecycle"]
    return [params["data"]["event"] for params in of_runs if not params["namespace"]]


def requested(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [e["params"]["data"] for e in events if e["method"] == "input.requested"]
