"""The socket of an open page."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.auth.models import User

from reviews import live


class LiveConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """Tells an open page which task changed; the page fetches what its reader may see by HTTP."""

    async def connect(self) -> None:
        user = self.scope["user"]
        if not user.is_authenticated:
            await self.close()
            return
        self.groups = await database_sync_to_async(groups_of)(user)
        for group in self.groups:
            await self.channel_layer.group_add(group, self.channel_name)
        await self.accept()

    async def listener_restored(self, message: dict[str, Any]) -> None:
        """Signals may have been missed while Postgres was away: the page reads again."""
        await self.send_json({})

    async def task_changed(self, message: dict[str, Any]) -> None:
        await self.send_json({"task": message["task"], "is": message["is"]})


def groups_of(user: User) -> list[str]:
    """What a person's pages listen to: their queues, or everything for staff."""
    if user.is_staff:
        return [live.ALL]
    queues = user.groups.values_list("pk", flat=True)
    return [live.queue_group(queue) for queue in queues]
