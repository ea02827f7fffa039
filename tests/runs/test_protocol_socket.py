"""The thread-centric protocol on a WebSocket."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.utils.timezone import now
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from runs.models import ApiKey, Scope
from tests.conftest import issue_key
from tests.console import Console
from tests.runs.protocol import ASK, SIGNS, is_end


@asynccontextmanager
async def socket_of(
    console: Console, thread_id: str, **headers: str
) -> AsyncIterator[ClientConnection]:
    address = f"{console.url.replace('http', 'ws')}/threads/{thread_id}/stream/events"
    async with connect(address, additional_headers=headers, proxy=None) as socket:
        yield socket


async def said(socket: ClientConnection, **message: Any) -> dict[str, Any]:
    """The answer to a command, whatever events come before."""
    await socket.send(json.dumps(message))
    return await heard(socket, lambda one: one["type"] != "event")


async def heard(socket: ClientConnection, fits: Any) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while not fits(found := json.loads(await socket.recv())):
            pass
    return dict(found)


async def test_a_socket_takes_commands_and_brings_events(console: Console) -> None:
    key = {"X-Api-Key": console.api_key}
    async with socket_of(console, str(uuid.uuid4()), **key) as socket:
        subscribed = await said(socket, id=1, method="subscription.subscribe", params=SIGNS)
        assert subscribed["result"]["replayed_events"] == 0
        assert (await said(socket, id=2, method="run.start", params=ASK))["id"] == 2
        asked = await heard(socket, lambda one: one.get("method") == "input.requested")
        await heard(socket, is_end)
        answer = {"interrupt_id": asked["params"]["data"]["interrupt_id"], "response": "ok"}
        done = await said(socket, id=3, method="input.respond", params=answer)
        assert done["meta"]["applied_through_seq"] >= asked["seq"]
        completed = await heard(socket, is_end)
        assert completed["params"]["data"]["event"] == "completed"

        ended = {"id": 4, "method": "subscription.unsubscribe", "params": subscribed["result"]}
        assert (await said(socket, **ended))["result"] == {}
        assert (await said(socket, **ended))["error"] == "no_such_subscription"
        assert (await said(socket, id=5, method="bogus"))["error"] == "unknown_command"
        assert (await said(socket, nope=True))["id"] is None
        for junk in ("not json", r'{"id": 6, "method": "\ud800"}', b"\xff\xfe"):
            await socket.send(junk)
            assert json.loads(await socket.recv())["error"] == "invalid_argument"


@pytest.fixture
def reader_key() -> str:
    return issue_key("reader", [Scope.TASKS_READ])


@pytest.fixture
def short_key() -> str:
    return issue_key("short", [Scope.RUNS])


async def test_a_socket_wants_a_key_and_no_foreign_page(console: Console, reader_key: str) -> None:
    key = {"X-Api-Key": console.api_key}
    thread_id = str(uuid.uuid4())
    for headers in (
        {},
        {"X-Api-Key": "hitl_nothing"},
        {"X-Api-Key": reader_key},
        key | {"Origin": "https://evil.example"},
        key | {"Origin": "null"},
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with socket_of(console, thread_id, **headers):
                pass
        assert refused.value.response.status_code == 403
    async with socket_of(console, thread_id, **key, Origin=console.url):
        pass
    with pytest.raises(InvalidStatus):
        async with socket_of(console, "no-uuid", **key):
            pass


async def test_a_key_that_is_revoked_does_nothing_more_on_its_socket(
    console: Console, short_key: str
) -> None:
    async with socket_of(console, str(uuid.uuid4()), **{"X-Api-Key": short_key}) as socket:
        assert (await said(socket, id=1, method="bogus"))["error"] == "unknown_command"
        await ApiKey.objects.filter(name="short").aupdate(revoked_at=now())
        refused = await said(socket, id=2, method="run.start", params=ASK)
        assert (refused["id"], refused["error"]) == (2, "permission_denied")
