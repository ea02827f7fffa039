"""What tests of decisions share: a run that has asked, and who may answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from reviews.models import ReviewPolicy, ReviewTask
from reviews.payloads import shape_of, summary_of, title_of
from runs.models import Run, Scope, Thread, uuid7
from tests.conftest import delete_policy, issue_key, make_user
from tests.console import Console, wait_for
from tests.reviews.pages import browser_of


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


@pytest.fixture
def olga() -> User:
    """Operates, and reviews nothing."""
    olga = make_user("olga")
    olga.user_permissions.add(Permission.objects.get(codename="operate_thread"))
    return olga


@pytest.fixture
def admin(ada: User) -> Client:
    return browser_of(ada)


@pytest.fixture
def finished(api: httpx.Client) -> Callable[..., Thread]:
    """A thread whose run came to its end."""

    def run(graph: str = "static_steps", given: Any = None, **asked: Any) -> Thread:
        thread = api.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": graph, "input": given or {"some_text": "one"}, **asked}
        api.post(f"/threads/{thread}/runs/wait", json=body)
        return Thread.objects.get(pk=thread)

    return run


GUARDED = ("guarded", "guarded_stop", "slow_to_ask", "slow_to_stop", "fails_once", "stop_then_ask")


@pytest.fixture(scope="module")
def guards(django_db_blocker: Any) -> Iterator[None]:
    """Some graphs ask reviewers only."""
    queue = Group.objects.create(name=f"guards {uuid.uuid4().hex[:8]}")
    made = [
        ReviewPolicy.objects.create(graph_id=graph_id, queue=queue, reviewers_only=True, order=1)
        for graph_id in GUARDED
    ]
    yield
    for policy in made:
        delete_policy(policy)


def client_with(console: Console, *scopes: Scope) -> httpx.Client:
    client = console.client()
    client.headers["x-api-key"] = issue_key("program", list(scopes))
    return client


@pytest.fixture
def clerk(console: Console) -> Iterator[httpx.Client]:
    """A program that may run and resume, but decides nothing."""
    with client_with(console, Scope.RUNS, Scope.RESUME) as client:
        yield client


@pytest.fixture
def judge(console: Console) -> Iterator[httpx.Client]:
    """A program that may decide."""
    with client_with(console, Scope.RUNS, Scope.RESUME, Scope.TASKS_DECIDE) as client:
        yield client


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the guarded action shows."""
    return tmp_path / "actions.log"
