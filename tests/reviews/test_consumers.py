"""The socket of a page: who hears what, and that it says nothing but that something changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import AsyncClient

from reviews import live
from reviews.consumers import SIGNED_OUT
from reviews.models import Preferences, ReviewTask
from reviews.routing import websocket_urlpatterns
from runs.models import uuid7
from tests.conftest import make_user


async def socket_of(user: User) -> WebsocketCommunicator:
    """The socket of a page that this person opened, behind everything a real one is behind."""
    client = AsyncClient()
    await client.aforce_login(user)
    return socket_with(client.cookies[settings.SESSION_COOKIE_NAME].value)


def socket_with(session_key: str) -> WebsocketCommunicator:
    cookie = f"{settings.SESSION_COOKIE_NAME}={session_key}".encode()
    return WebsocketCommunicator(
        AuthMiddlewareStack(URLRouter(websocket_urlpatterns)), "/ws/live/", [(b"cookie", cookie)]
    )


@sync_to_async
def tell(queue: Group, word: str, *, undone: bool = False) -> ReviewTask:
    with transaction.atomic():
        task = ReviewTask.objects.create(
            thread_id=uuid7(),
            run_id=uuid7(),
            graph_id="support",
            node="ask",
            checkpoint_id="c",
            value="A secret question?",
            digest="0" * 64,
            shape="d",
            title="A secret question?",
            summary="Question",
            queue=queue,
        )
        live.tell(task, word)
        if undone:
            transaction.set_rollback(True)
    return task


async def test_a_page_hears_of_its_reviewers_queues_and_nothing_more(
    rosa: User, omar: User, ada: User, queue: Group
) -> None:
    sockets = [await socket_of(user) for user in (rosa, ada, omar)]
    for socket in sockets:
        assert (await socket.connect())[0]
    hears_rosa, hears_ada, hears_omar = sockets

    task = await tell(queue, "open")

    signal: dict[str, Any] = {"task": task.pk, "is": "open"}
    assert await hears_rosa.receive_json_from(timeout=20) == signal
    while (heard := await hears_ada.receive_json_from(timeout=20)) != signal:
        assert set(heard) == {"task", "is"}  # staff hear of every test's tasks
    elsewhere = await sync_to_async(omar.groups.get)()
    his = await tell(elsewhere, "open")
    assert (await hears_omar.receive_json_from(timeout=20))["task"] == his.pk
    for socket in sockets:
        await socket.disconnect()


async def test_what_was_undone_is_not_signalled(rosa: User, queue: Group) -> None:
    socket = await socket_of(rosa)
    await socket.connect()

    await tell(queue, "open", undone=True)
    kept = await tell(queue, "claimed")

    assert await socket.receive_json_from(timeout=20) == {"task": kept.pk, "is": "claimed"}
    await socket.disconnect()


async def test_nobody_listens_without_signing_in() -> None:
    assert not (await socket_with("made-up").connect())[0]


async def test_who_is_there_is_told_to_the_others_and_never_to_oneself(
    rosa: User, omar: User, ada: User, queue: Group
) -> None:
    olga = await sync_to_async(make_user)("olga", queue)
    sockets = [await socket_of(user) for user in (olga, rosa, omar)]
    for socket in sockets:
        assert (await socket.connect())[0]
    hears_olga, hears_rosa, hears_omar = sockets
    task = await tell(queue, "open")
    for socket in (hears_olga, hears_rosa):
        assert (await socket.receive_json_from(timeout=20))["is"] == "open"

    client = AsyncClient()
    await client.aforce_login(rosa)
    answer = await client.post(f"/tasks/{task.pk}/presence/", {"here": "editing"})

    assert answer.status_code == 204
    assert await hears_olga.receive_json_from(timeout=20) == {
        "task": task.pk,
        "person": rosa.pk,
        "name": "Rosa",
        "here": "editing",
    }
    last = await tell(queue, "claimed")  # nothing came before it
    assert (await hears_rosa.receive_json_from(timeout=20))["task"] == last.pk
    elsewhere = await sync_to_async(omar.groups.get)()
    his = await tell(elsewhere, "open")
    assert (await hears_omar.receive_json_from(timeout=20))["task"] == his.pk
    for socket in sockets:
        await socket.disconnect()


async def test_who_hides_their_name_is_somebody_and_the_same_one_all_the_time(
    rosa: User, queue: Group
) -> None:
    olga = await sync_to_async(make_user)("olga", queue)
    await Preferences.objects.acreate(user=rosa, is_hidden=True)
    socket = await socket_of(olga)
    await socket.connect()
    task = await tell(queue, "open")
    assert (await socket.receive_json_from(timeout=20))["is"] == "open"
    client = AsyncClient()
    await client.aforce_login(rosa)

    for word in ("viewing", "gone"):
        await client.post(f"/tasks/{task.pk}/presence/", {"here": word})
    viewing, gone = [await socket.receive_json_from(timeout=20) for _ in range(2)]

    assert viewing == {**gone, "here": "viewing"}
    assert viewing["name"] == ""
    assert viewing["person"] != rosa.pk
    assert "Rosa" not in str(viewing)
    await socket.disconnect()


def leave_by_the_other_end(user: User, queue: Group) -> None:
    queue.user_set.remove(user)


def leave_everything(user: User, queue: Group) -> None:
    user.groups.clear()


def empty_the_queue(user: User, queue: Group) -> None:
    queue.user_set.clear()


@pytest.mark.parametrize("leave", [leave_by_the_other_end, leave_everything, empty_the_queue])
async def test_who_leaves_a_queue_by_any_door_hears_no_more_of_it_at_once(
    rosa: User, queue: Group, leave: Callable[[User, Group], None]
) -> None:
    socket = await socket_of(rosa)
    await socket.connect()

    await sync_to_async(leave)(rosa, queue)

    assert await socket.receive_json_from(timeout=20) == {}
    await tell(queue, "open")
    mine = await Group.objects.acreate(name=f"mine {rosa.pk}")
    await rosa.groups.aadd(mine)
    assert await socket.receive_json_from(timeout=20) == {}  # and nothing of the queue before
    heard = await tell(mine, "open")
    assert await socket.receive_json_from(timeout=20) == {"task": heard.pk, "is": "open"}
    await socket.disconnect()


async def test_a_disabled_person_is_hung_up_at_once(rosa: User) -> None:
    socket = await socket_of(rosa)
    await socket.connect()

    rosa.is_active = False
    await rosa.asave()

    closed = await socket.receive_output(timeout=20)
    assert (closed["type"], closed["code"]) == ("websocket.close", SIGNED_OUT)


async def test_signing_in_elsewhere_changes_nothing_for_an_open_page(rosa: User) -> None:
    socket = await socket_of(rosa)
    await socket.connect()

    await (await socket_of(rosa)).connect()

    queue = await rosa.groups.afirst()
    assert queue is not None
    task = await tell(queue, "open")
    assert (await socket.receive_json_from(timeout=20))["task"] == task.pk
    await socket.disconnect()
