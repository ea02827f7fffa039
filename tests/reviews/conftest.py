"""What tests of decisions share: a run that has asked, and who may answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group, User

from reviews.models import ReviewPolicy, ReviewTask
from reviews.payloads import shape_of, summary_of, title_of
from runs.models import Run, Scope, uuid7
from tests.conftest import delete_policy, issue_key
from tests.console import Console, wait_for


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


@pytest.fixture
def ask(
    api: httpx.Client, queue: Group, task_on: Callable[[str], ReviewTask]
) -> Iterator[Callable[..., ReviewTask]]:
    """Have a graph of `shape_graphs` ask, under a policy of the test's own."""
    made: list[ReviewPolicy] = []

    def start(graph: str, policy: dict[str, Any] | None = None, **state: Any) -> ReviewTask:
        fields = {"graph_id": graph, "queue": queue, "order": 0, **(policy or {})}
        made.append(ReviewPolicy.objects.create(**fields))
        thread = api.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": graph, "input": state}
        api.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
        return task_on(thread)

    yield start
    for policy in made:
        delete_policy(policy)


@pytest.fixture
def reviewer(console: Console, rosa: User) -> Iterator[httpx.Client]:
    with console.client() as client:
        client.headers["x-api-key"] = issue_key(
            "person", [Scope.TASKS_READ, Scope.TASKS_DECIDE], rosa
        )
        yield client


def values(api: httpx.Client, task: ReviewTask) -> dict[str, Any]:
    """The thread's values once its runs are over."""
    active = Run.objects.on(task.thread_id).active()
    wait_for(lambda: not active.exists(), what="runs are over")
    found: dict[str, Any] = api.get(f"/threads/{task.thread_id}/state").json()["values"]
    return found
