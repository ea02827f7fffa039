"""Threads that wait behind a question for reviewers only, as programs see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from reviews.models import ReviewTask
from tests.console import wait_for


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def new_thread(client: httpx.Client, **fields: Any) -> str:
    thread_id: str = client.post("/threads", json=fields).json()["thread_id"]
    return thread_id


def run(client: httpx.Client, thread_id: str, graph: str = "guarded", **body: Any) -> Any:
    return client.post(f"/threads/{thread_id}/runs/wait", json={"assistant_id": graph} | body)


def waiting(client: httpx.Client, log: Path, graph: str = "guarded") -> str:
    """A thread whose question, or breakpoint, nobody has answered."""
    thread_id = new_thread(client)
    run(client, thread_id, graph, input={"log": str(log)})
    assert client.get(f"/threads/{thread_id}").json()["status"] == "interrupted"
    return thread_id


def settled(client: httpx.Client, thread_id: str) -> dict[str, Any]:
    found: dict[str, Any] = wait_for(
        lambda: (at := client.get(f"/threads/{thread_id}").json())["status"] != "busy" and at,
        what=f"{thread_id} is not busy",
    )
    return found


def open_task(thread_id: str) -> ReviewTask:
    return ReviewTask.objects.open().get(thread_id=thread_id)


def history(client: httpx.Client, thread_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/threads/{thread_id}/history?limit=20").json()
    return found


def copy(client: httpx.Client, thread_id: str) -> httpx.Response:
    return client.post(f"/threads/{thread_id}/copy")
