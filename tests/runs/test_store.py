"""The store: by SDK, by raw HTTP, and from the nodes of graphs."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils.timezone import now
from langgraph_sdk.client import LangGraphClient
from psycopg.errors import ProgramLimitExceeded

from runs import runtime
from runs.exceptions import LeaseLost
from runs.models import Run
from runs.runtime import RunSpec, store
from runs.tasks import spec_of

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


@pytest.fixture
def root() -> str:
    """A namespace no other test writes to."""
    return uuid4().hex


async def test_the_sdk_keeps_finds_and_forgets_items(sdk: LangGraphClient, root: str) -> None:
    await sdk.store.put_item([root, "a_b"], key="one", value={"n": 1, "tag": "x"})
    await sdk.store.put_item([root, "a_b"], key="two", value={"n": 2}, index=False, ttl=5)
    await sdk.store.put_item([root, "aXb", "deep"], key="three", value={"n": 3})

    item = await sdk.store.get_item([root, "a_b"], key="one")
    assert list(item) == ["namespace", "key", "value", "created_at", "updated_at"]
    assert (item["namespace"], item["key"]) == ([root, "a_b"], "one")
    assert item["value"] == {"n": 1, "tag": "x"}
    assert TIME.fullmatch(str(item["created_at"]))

    found = await sdk.store.search_items([root, "a_b"])
    assert [(each["key"], each["score"]) for each in found["items"]] == [
        ("two", None),
        ("one", None),
    ]
    by_value = await sdk.store.search_items([root], filter={"n": {"$gte": 2}}, limit=1, offset=1)
    assert [each["key"] for each in by_value["items"]] == ["two"]

    listed = await sdk.store.list_namespaces(prefix=[root])
    assert listed == {"namespaces": [[root, "aXb", "deep"], [root, "a_b"]]}
    short = await sdk.store.list_namespaces(prefix=[root, "*"], suffix=["deep"], max_depth=2)
    assert short == {"namespaces": [[root, "aXb"]]}

    await sdk.store.delete_item([root, "a_b"], key="one")
    assert await sdk.store.get_item([root, "a_b"], key="one") is None


def test_a_missing_item_is_null_and_what_is_put_again_replaces(api: Any, root: str) -> None:
    where = {"namespace": f"{root}.x", "key": "k"}
    missing = api.get("/store/items", params=where)
    assert (missing.status_code, missing.content) == (200, b"null")
    assert missing.headers["content-type"] == "application/json"

    for value in ({"n": 1}, {"m": "\N{SNOWMAN}\0"}):
        body = {"namespace": [root, "x"], "key": "k", "value": value}
        put = api.put("/store/items", json=body)
        assert (put.status_code, put.content) == (204, b"")
    assert api.get("/store/items", params=where).json()["value"] == {"m": "\N{SNOWMAN}\ufffd"}
    gone = api.request("DELETE", "/store/items", json={"namespace": [root, "x"], "key": "k"})
    again = api.request("DELETE", "/store/items", json={"key": "k"})
    assert (gone.status_code, again.status_code) == (204, 204)
    assert api.post("/store/items/search", json={}).status_code == 200


def test_an_item_goes_when_its_time_is_over_and_a_read_gives_it_more(api: Any, root: str) -> None:
    body = {"namespace": [root], "key": "k", "value": {}, "ttl": 0.5}
    api.put("/store/items", json=body)
    where = {"namespace": root, "key": "k"}

    def left() -> float:
        """Minutes until it goes."""
        with connection.cursor() as cursor:
            ask = "SELECT extract(epoch FROM expires_at - now()) / 60 FROM store WHERE prefix = %s"
            cursor.execute(ask, [root])
            return float(cursor.fetchone()[0])

    def set_left(seconds: int) -> None:
        with connection.cursor() as cursor:
            change = "UPDATE store SET expires_at = now() + make_interval(secs => %s)"
            cursor.execute(f"{change} WHERE prefix = %s", [seconds, root])

    assert 0.9 < left() <= 1  # whole minutes, rounded up
    set_left(20)
    assert api.get("/store/items", params=where | {"refresh_ttl": "false"}).json()
    assert left() < 0.4
    assert api.get("/store/items", params=where).json()
    assert left() > 0.9

    set_left(-1)
    assert api.get("/store/items", params=where).json() is None
    assert api.post("/store/namespaces", json={"prefix": [root]}).json() == {"namespaces": []}
    assert store.sweep() >= 1
    assert api.put("/store/items", json=body | {"ttl": None}).status_code == 204
    assert api.get("/store/items", params=where).json()["value"] == {}


ITEM = {"namespace": ["x"], "key": "k", "value": {}}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "items", {}, 422),
        ("PUT", "items", ITEM | {"value": [1]}, 422),
        ("PUT", "items", ITEM | {"value": None}, 422),
        ("PUT", "items", ITEM | {"namespace": "x"}, 422),
        ("PUT", "items", ITEM | {"namespace": [1]}, 422),
        ("PUT", "items", ITEM | {"ttl": 0}, 422),
        ("PUT", "items", ITEM | {"ttl": 1e300}, 422),
        ("PUT", "items", ITEM | {"index": True}, 422),
        ("PUT", "items", ITEM | {"key": "\N{SNOWMAN}" * 900}, 422),
        ("PUT", "items", ITEM | {"key": 7}, 422),
        ("POST", "items/search", {"limit": 0}, 422),
        ("POST", "items/search", {"offset": -1}, 422),
        ("POST", "items/search", {"filter": {"a": {"$near": 1}}}, 422),
        ("POST", "items/search", {"namespace_prefix": [None]}, 422),
        ("POST", "items/search", {"namespace_prefix": None, "query": "x", "limit": 1}, 200),
        ("POST", "namespaces", {"max_depth": 0}, 422),
        ("POST", "namespaces", {"prefix": ["(", "*", "[\\"]}, 200),
        ("GET", "items?key=%00&namespace=a", None, 422),
        ("GET", "items?key=a&refresh_ttl=perhaps", None, 422),
        ("PATCH", "items", {}, 405),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    api: Any, method: str, path: str, body: Any, status: int
) -> None:
    answer = api.request(method, f"/store/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert status == 200 or set(answer.json()) == {"detail"}


def test_two_errors_have_shapes_of_their_own(api: Any) -> None:
    nameless = [
        api.get("/store/items?namespace=a"),
        api.get("/store/items?namespace=a&key="),
        api.put("/store/items", json=ITEM | {"key": ""}),
    ]
    for answer in nameless:
        assert (answer.status_code, answer.content) == (400, b'{"error":"Key is required"}')
    mislabelled = [
        api.put("/store/items", json=ITEM | {"namespace": labels})
        for labels in ([], [""], ["a.b"], ["langgraph", "x"])
    ]
    mislabelled.append(api.get("/store/items?namespace=a..b&key=k"))
    mislabelled.append(api.post("/store/items/search", json={"namespace_prefix": ["a.b"]}))
    mislabelled.append(api.post("/store/namespaces", json={"suffix": [""]}))
    for answer in mislabelled:
        assert answer.status_code == 422
        assert answer.headers["content-type"].startswith("text/plain")
        assert "amespace" in answer.text


def test_nodes_share_the_store_with_each_other_and_with_clients(api: Any, root: str) -> None:
    def run(assistant: str) -> Any:
        thread = api.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": assistant, "input": {"some_text": root}}
        return api.post(f"/threads/{thread}/runs/wait", json=body).json()

    run("writes_down")
    [item] = api.post("/store/items/search", json={"namespace_prefix": [root]}).json()["items"]
    assert (item["namespace"], item["value"]) == ([root, "notes"], {"said": root})
    api.put("/store/items", json={"namespace": [root], "key": "more", "value": {"by": "client"}})

    answers = run("looks_up")["answers"]
    assert answers == ["more: {'by': 'client'}", f"last: {{'said': '{root}'}}"]


async def test_an_attempt_keeps_things_only_while_it_holds_its_run(api: Any, root: str) -> None:
    thread = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "static_steps", "input": {}}
    await asyncio.to_thread(api.post, f"/threads/{thread}/runs/wait", json=body)
    row = Run.objects.filter(thread_id=thread)
    spec: RunSpec = await asyncio.to_thread(spec_of, await row.aget())
    async with store.fenced_store(spec) as attempt:
        await row.aupdate(status="running", lease_until=now() + timedelta(minutes=5))
        await attempt.aput((root,), "held", {})
        with pytest.raises(ProgramLimitExceeded):  # the node's fault: it is not tried again
            await attempt.aput((root,), "".join(uuid4().hex for _ in range(300)), {})
        await row.aupdate(status="success", lease_until=None)
        with pytest.raises(LeaseLost):
            await attempt.aput((root,), "late", {})

        assert [item.key for item in await attempt.asearch((root,))] == ["held"]
    await runtime.checkpointer.aclose()
