"""Sockets: who gets one, what ends one, and that nobody can talk into one."""

from __future__ import annotations

import httpx
import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import AsyncClient
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from reviews import consumers
from tests.conftest import PASSWORD
from tests.console import Console
from tests.reviews.test_consumers import socket_of, socket_with, tell

ORIGINS = [
    "https://evil.example",
    "null",
    "",
    "http://127.0.0.1:1",
    "http://127.0.0.1.evil.example",
    "http://evil.example/127.0.0.1",
    "file://",
]


async def code_of_close(socket: WebsocketCommunicator) -> int:
    closed = await socket.receive_output(timeout=5)
    assert closed["type"] == "websocket.close", closed
    return int(closed["code"])


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights are looked at again at once and not after a minute."""
    monkeypatch.setattr(consumers, "RECHECK", 0.05)


async def test_signing_out_hangs_up_the_sockets_of_that_login_only(rosa: User) -> None:
    client = AsyncClient()
    await client.aforce_login(rosa)
    socket = socket_with(client.cookies[settings.SESSION_COOKIE_NAME].value)
    other = await socket_of(rosa)
    assert (await socket.connect())[0]
    assert (await other.connect())[0]

    await client.post("/logout/")

    assert await code_of_close(socket) == consumers.SIGNED_OUT
    assert await other.receive_nothing(timeout=0.3)
    await other.disconnect()


async def test_a_disabled_person_is_hung_up_even_if_nobody_says_so(rosa: User, often: None) -> None:
    socket = await socket_of(rosa)
    assert (await socket.connect())[0]

    await User.objects.filter(pk=rosa.pk).aupdate(is_active=False)  # sends no signal

    assert await code_of_close(socket) == consumers.SIGNED_OUT


async def test_a_new_password_hangs_up_sockets_of_the_old_one(rosa: User) -> None:
    socket = await socket_of(rosa)
    assert (await socket.connect())[0]

    rosa.set_password("another horse, another staple")
    await rosa.asave()

    assert await code_of_close(socket) == consumers.SIGNED_OUT


async def test_who_leaves_a_queue_hears_no_more_of_it(rosa: User, queue: Group) -> None:
    other = await Group.objects.acreate(name=f"other of {queue.name}")
    await rosa.groups.aadd(other)
    socket = await socket_of(rosa)
    assert (await socket.connect())[0]

    await rosa.groups.aremove(queue)
    assert await socket.receive_json_from(timeout=5) == {}  # the page reads again
    await tell(queue, "open")
    heard = await tell(other, "open")

    assert await socket.receive_json_from(timeout=5) == {"task": heard.pk, "is": "open"}
    await socket.disconnect()


async def test_what_is_said_into_a_socket_is_not_read(rosa: User, queue: Group) -> None:
    socket = await socket_of(rosa)
    await socket.connect()

    for said in ("not json", "{}", '{"type": "task.changed", "task": 1, "is": "open"}', "9" * 4300):
        await socket.send_to(text_data=said)
    await socket.send_to(bytes_data=b"\xff\xfe")

    task = await tell(queue, "open")
    assert await socket.receive_json_from(timeout=5) == {"task": task.pk, "is": "open"}
    await socket.disconnect()


@pytest.mark.parametrize("said", ["x" * 16_385, "\N{GRINNING FACE}" * 4_097])
async def test_who_says_too_much_is_hung_up(rosa: User, said: str) -> None:
    socket = await socket_of(rosa)
    await socket.connect()

    await socket.send_to(text_data=said)

    assert await code_of_close(socket) == consumers.TOO_BIG


@pytest.fixture
def cookie(console: Console, rosa: User) -> str:
    """Rosa's session, as a page of another site would send it along."""
    client: httpx.Client = console.sign_in(rosa.username, PASSWORD)
    return f"sessionid={client.cookies['sessionid']}"


@pytest.mark.parametrize("origin", [*ORIGINS, None])
async def test_pages_of_other_sites_get_no_socket(
    console: Console, cookie: str, origin: str | None
) -> None:
    headers = {"Cookie": cookie} | ({} if origin is None else {"Origin": origin})
    address = f"{console.url.replace('http', 'ws')}/ws/live/"
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, additional_headers=headers, proxy=None)
    assert refused.value.response.status_code in (400, 403)


async def test_pages_of_ours_get_one_and_only_with_a_session(console: Console, cookie: str) -> None:
    address = f"{console.url.replace('http', 'ws')}/ws/live/"
    ours = {"Origin": console.url}
    async with connect(address, additional_headers=ours | {"Cookie": cookie}, proxy=None):
        pass
    with pytest.raises(InvalidStatus):
        await connect(address, additional_headers=ours, proxy=None)
