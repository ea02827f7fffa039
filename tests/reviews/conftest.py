"""What tests of decisions share: a run that has asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group

from reviews.models import ReviewTask
from reviews.payloads import shape_of, summary_of, title_of
from runs.models import uuid7


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


@pytest.fixture
def shown(queue: Group) -> Callable[..., ReviewTask]:
    """A task as the ledger keeps it when its thread is gone: enough to be read."""

    def show(value: Any, **fields: Any) -> ReviewTask:
        given = {"node": "review", "checkpoint_id": str(uuid7()), "queue": queue, **fields}
        task = ReviewTask(
            thread_id=uuid7(), run_id=uuid7(), graph_id="support", value=value, **given
        )
        task.shape, task.title = shape_of(task.asked), title_of(task.asked)
        task.summary, task.digest = summary_of(task.asked), "0" * 64
        task.save()
        return task

    return show
