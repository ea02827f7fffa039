"""The review tasks API: who sees what, in which order, and who holds a task."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group, User

from reviews.models import ReviewTask
from runs.models import Scope
from tests.conftest import issue_key, make_user
from tests.console import Console

READ, DECIDE = Scope.TASKS_READ, Scope.TASKS_DECIDE
Client = Callable[..., httpx.Client]


@pytest.fixture
def client_of(console: Console) -> Client:
    def make(user: User, *scopes: str) -> httpx.Client:
        client = console.client()
        client.headers["x-api-key"] = issue_key("test", list(scopes or (READ, DECIDE)), user)
        return client

    return make


@pytest.fixture
def make_task(queue: Group) -> Callable[..., ReviewTask]:
    """A task without a run behind it, for lists and claims."""

    def make(**fields: Any) -> ReviewTask:
        asked = {"graph_id": "approve_once", "node": "ask", "shape": "d", "queue": queue}
        ids = {"thread_id": uuid.uuid4(), "run_id": uuid.uuid4(), "status": "superseded"}
        return ReviewTask.objects.create(**{**asked, **ids, **fields})

    return make


def ids(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [task["id"] for task in answer.json()["results"]]


def test_a_list_is_paged_newest_first_and_does_not_shift(
    client_of: Client, make_task: Any, rosa: User, queue: Group
) -> None:
    tasks = [make_task() for _ in range(5)]
    client = client_of(rosa)
    query = {"queue": queue.name, "page_size": 2}

    first = client.get("/api/tasks/", params=query)
    make_task()  # comes in while somebody reads
    second = client.get(first.json()["next"])
    third = client.get(second.json()["next"])

    seen = ids(first) + ids(second) + ids(third)
    assert seen == [task.pk for task in reversed(tasks)]
    assert third.json()["next"] is None
    assert "value" not in first.json()["results"][0]


def test_a_list_is_narrowed_by_its_filters(
    client_of: Client, make_task: Any, rosa: User, queue: Group
) -> None:
    wanted = make_task(graph_id="refund", node="pay", status="cancelled")
    for fields in ({"graph_id": "other"}, {"node": "other"}, {"status": "superseded"}):
        make_task(**{"graph_id": "refund", "node": "pay", "status": "cancelled", **fields})
    client = client_of(rosa)
    query = {"graph_id": "refund", "node": "pay", "status": "cancelled", "queue": queue.name}

    assert ids(client.get("/api/tasks/", params=query)) == [wanted.pk]
    assert ids(client.get("/api/tasks/", params={"thread_id": str(wanted.thread_id)})) == [
        wanted.pk
    ]
    assert client.get("/api/tasks/", params={"status": "nonsense"}).status_code == 422


def test_a_task_of_another_queue_does_not_exist(
    client_of: Client, make_task: Any, rosa: User, omar: User, ada: User
) -> None:
    task = make_task()
    path = f"/api/tasks/{task.pk}/"

    assert client_of(rosa).get(path).status_code == 200
    assert client_of(ada).get(path).status_code == 200
    elsewhere = client_of(omar)
    assert elsewhere.get(path).status_code == 404
    assert elsewhere.post(f"{path}decide/", json={"kind": "approve"}).status_code == 404
    assert elsewhere.post(f"{path}claim/").status_code == 404
    assert task.pk not in ids(elsewhere.get("/api/tasks/"))


def test_a_key_does_what_its_scopes_say(
    client_of: Client, make_task: Any, rosa: User, console: Console
) -> None:
    path = f"/api/tasks/{make_task().pk}/"
    reads, decides = client_of(rosa, READ), client_of(rosa, DECIDE)
    runs = client_of(rosa, Scope.RUNS, Scope.RESUME)

    assert reads.get(path).status_code == 200
    assert reads.post(f"{path}claim/").status_code == 403
    assert decides.get(path).status_code == 403
    assert runs.get(path).status_code == 403
    nobody = httpx.get(f"{console.url}{path}", trust_env=False)
    assert nobody.status_code in (401, 403)


def test_a_claim_keeps_others_from_deciding_until_it_is_given_back(
    client_of: Client, rosa: User, queue: Group, api: httpx.Client, routed: Any
) -> None:
    routed("human_in_the_loop")
    thread_id = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "human_in_the_loop", "input": {"some_text": "a"}}
    api.post(f"/threads/{thread_id}/runs/wait", json=body)
    path = f"/api/tasks/{ReviewTask.objects.open().get(thread_id=thread_id).pk}/"
    mine, other = client_of(rosa), client_of(make_user("sam", queue))

    assert mine.post(f"{path}claim/").json()["claimed_by"] == rosa.username
    for act in ("claim/", "release/"):
        refused = other.post(path + act)
        assert (refused.status_code, refused.json()["claimed_by"]) == (409, rosa.username)
    assert other.post(f"{path}decide/", json={"kind": "approve"}).status_code == 409
    assert mine.post(f"{path}release/").json()["claimed_by"] is None

    assert other.post(f"{path}decide/", json={"kind": "approve"}).status_code == 200


def test_the_schema_describes_it(console: Console) -> None:
    schema = httpx.get(f"{console.url}/api/schema/", trust_env=False)

    assert schema.status_code == 200
    for path in ("/api/tasks/:", "/api/tasks/{id}/decide/:", "Idempotency-Key"):
        assert path in schema.text
