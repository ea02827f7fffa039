"""The socket of an open page."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import Error

from reviews import live

RECHECK = 60  # seconds a socket may live on after its reader was disabled
MAX_FRAME = 16 * 1024  # bytes
GOING_AWAY, TOO_BIG, SIGNED_OUT = 1001, 1009, 4003


class LiveConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Tells an open page which task changed; the page fetches what its reader may see by HTTP."""

    groups: list[str]  # Channels' own: it leaves them when the socket closes
    own: set[str]  # of this login, and of the person whatever the login
    watch: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user = self.scope["user"]
        if not user.is_authenticated:
            await self.close()
            return
        own = live.login_group(self.scope["session"].session_key), live.person_group(user.pk)
        self.own = set(own)
        await self._listen_to(self.own | await database_sync_to_async(groups_of)(user))
        self.watch = asyncio.create_task(self._recheck_for_ever())
        await self.accept()

    async def disconnect(self, code: int) -> None:
        if self.watch:
            self.watch.cancel()

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """A page has nothing to say here: what comes is not read, and too much of it is the end."""
        said = message.get("bytes") or (message.get("text") or "").encode(errors="replace")
        if len(said) > MAX_FRAME:
            await self.close(TOO_BIG)

    async def listener_restored(self, message: dict[str, Any]) -> None:
        """Signals may have been missed while Postgres was away: the page reads again."""
        await self.send_json({})

    async def task_changed(self, message: dict[str, Any]) -> None:
        await self.send_json({"task": message["task"], "is": message["is"]})

    async def presence_felt(self, message: dict[str, Any]) -> None:
        """Somebody else looks at a task; one's own other pages are no company."""
        task, person, name = (message[part] for part in ("task", "person", "name"))
        if person != self.scope["user"].pk:
            who = person if name else live.mask_of(task, person)
            told = {"task": task, "person": who, "name": name, "here": message["is"]}
            await self.send_json(told)

    async def rights_changed(self, message: dict[str, Any]) -> None:
        """The reader may see more, less or nothing from now on: the page reads again."""
        if await self.recheck():
            await self.send_json({})

    async def login_ended(self, message: dict[str, Any]) -> None:
        """The reader signed out."""
        await self.close(SIGNED_OUT)

    async def recheck(self) -> bool:
        """Go on listening to what the reader may still hear; hang up if that is nothing."""
        session = SessionStore(self.scope["session"].session_key)
        user = await get_user({"session": session})
        if not user.is_authenticated:
            await self.close(SIGNED_OUT)
            return False
        await self._listen_to(self.own | await database_sync_to_async(groups_of)(user))
        return True

    async def _listen_to(self, groups: set[str]) -> None:
        heard = set(self.groups)
        self.groups = list(groups)
        for group in groups - heard:
            await self.channel_layer.group_add(group, self.channel_name)
        for group in heard - groups:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def _recheck_for_ever(self) -> None:
        with suppress(Error):
            while True:
                await asyncio.sleep(RECHECK)
                await self.recheck()
        await self.close(GOING_AWAY)  # nobody can say who may listen: the page comes back later


def groups_of(user: User) -> set[str]:
    """What a person's pages listen to: their queues, or everything for staff."""
    if user.is_staff:
        return {live.ALL}
    queues = user.groups.values_list("pk", flat=True)
    return {live.queue_group(queue) for queue in queues}
