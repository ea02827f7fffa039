"""Channels over Postgres LISTEN/NOTIFY: what one process sends at commit, every process hears.

Groups and queues stay local, as in the in-memory layer; one listening connection per process brings
the messages in. A message holds ids or a word, never content: NOTIFY carries 8,000 bytes and may be
lost while the listener reconnects, so whoever hears one reads the truth from the tables.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import InMemoryChannelLayer
from django.db import connection
from psycopg import AsyncConnection, Error

from hitl_console.db import conninfo

CHANNEL = "hitl"
SELF_TEST = 10  # seconds between two checks that the listening connection is alive
BACK_OFF = (0.1, 0.5, 1, 2, 5)  # seconds before each attempt to reconnect; the last one repeats
RESTORED = {"type": "listener.restored"}

logger = logging.getLogger(__name__)


def notify_group(group: str, message: dict[str, Any]) -> None:
    """Tell a group, in every process, when the current transaction commits."""
    notify_groups([group], message)


def notify_groups(groups: Iterable[str], message: dict[str, Any]) -> None:
    """Tell several groups the same, in one statement."""
    said = [json.dumps([group, message]) for group in groups]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_notify(%s, said) FROM unnest(%s::text[]) AS said", [CHANNEL, said]
        )


class PostgresChannelLayer(InMemoryChannelLayer):  # type: ignore[misc]  # channels has no types
    """The in-memory layer of one process, joined to the others by NOTIFY."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    async def group_add(self, group: str, channel: str) -> None:
        """Subscribe; returns when messages sent from now on will arrive."""
        await super().group_add(group, channel)
        if self._listener is None or self._listener.done():
            self._listening = asyncio.Event()
            self._listener = asyncio.create_task(self._listen(), name="channel-layer")
        await self._listening.wait()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Notify from async code; sync code calls `notify_group` inside its transaction."""
        await database_sync_to_async(notify_group)(group, message)

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with await AsyncConnection.connect(conninfo(), autocommit=True) as conn:
                    await conn.execute(f"LISTEN {CHANNEL}")
                    if failures:
                        await self._tell_everyone()
                    failures = 0
                    self._listening.set()
                    await self._receive_from(conn)
            except Error as error:
                delay = BACK_OFF[min(failures, len(BACK_OFF) - 1)]
                failures += 1
                logger.warning("listener lost, reconnecting in %s s: %s", delay, error)
                await asyncio.sleep(delay)

    async def _receive_from(self, conn: AsyncConnection[Any]) -> None:
        while True:
            async for notification in conn.notifies(timeout=SELF_TEST):
                group, message = json.loads(notification.payload)
                await super().group_send(group, message)
            await conn.execute("SELECT 1")

    async def _tell_everyone(self) -> None:
        """Messages may have been missed: whoever listens reads again."""
        for group in list(self.groups):
            await super().group_send(group, RESTORED)
