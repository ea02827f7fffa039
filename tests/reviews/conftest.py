"""What tests of decisions share: a run that has asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reviews.models import ReviewTask


@pytest.fixture
def waiting(
    api: httpx.Client, routed: Callable[[str], None], task_on: Callable[[str], ReviewTask]
) -> Callable[..., ReviewTask]:
    """Start a run of a graph that asks one question; returns its task."""

    def wait(graph: str = "approve_once", **state: Any) -> ReviewTask:
        routed(graph)
        thread = api.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": graph, "input": state}
        api.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
        return task_on(thread)

    return wait
