"""The thread-centric protocol on a WebSocket: commands in, answers and events out."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import Any
from uuid import UUID, uuid4

from asgiref.sync import ThreadSensitiveContext
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.db.models import Q
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from runs.api.auth import authenticators, require
from runs.api.endpoint import id_of
from runs.api.negotiation import dumps, loads
from runs.api.protocol import (
    MALFORMED,
    CommandsView,
    Refused,
    failure,
    is_command,
    permitted_to_follow,
    subscribed,
    subscription_in,
    success,
)
from runs.api.protocol_events import Wanted, followed
from runs.models import Scope

NOT_JSON = "Protocol commands must be valid JSON."
MAX_SUBSCRIPTIONS = 16  # on one socket
TOO_BIG, FAILED, SHUT_OUT = 1009, 1011, 4003

logger = logging.getLogger(__name__)


class ProtocolConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """One client on one thread; its key is looked at again with each command, and in between."""

    thread_id: UUID
    among: Q  # of the thread's runs, those that may be followed
    sent: int  # the highest number of an event it was sent
    asked: dict[str, Wanted]  # subscriptions to begin once their answer is on its way
    subscriptions: dict[str, asyncio.Task[None]]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with ThreadSensitiveContext():  # a command that waits for a lock holds up no other
            await super().__call__(scope, receive, send)

    async def connect(self) -> None:
        self.sent, self.asked, self.subscriptions = 0, {}, {}
        try:
            self.thread_id = id_of("thread", self.scope["url_route"]["kwargs"]["thread_id"])
            await self._admit()
        except (APIException, SuspiciousOperation):  # a host that is not ours is the latter
            await self.close()
            return
        await self.accept()

    async def disconnect(self, code: int) -> None:
        for task in self.subscriptions.values():
            task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        raw = bytes_data or (text_data or "").encode(errors="replace")
        if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            await self.close(TOO_BIG)
            return
        await self._say(await self._answer(raw))
        while self.asked:
            name, wanted = self.asked.popitem()
            self.subscriptions[name] = asyncio.create_task(self._follow(wanted))

    async def _answer(self, raw: bytes) -> dict[str, Any]:
        try:
            command = loads(raw)
        except APIException:
            return failure(None, "invalid_argument", NOT_JSON)
        if not is_command(command):
            return failure(None, "invalid_argument", MALFORMED)
        does = {
            "subscription.subscribe": self._subscribe,
            "subscription.unsubscribe": self._unsubscribe,
        }.get(command["method"])
        if does is None:
            return await self._command(command["id"], raw)
        params = command.get("params")
        try:
            result = does(params if isinstance(params, dict) else {})
        except Refused as refused:
            return failure(command["id"], refused.code, refused.message)
        return success(command["id"], result, through=self.sent)

    def _subscribe(self, params: dict[str, Any]) -> dict[str, Any]:
        wanted = subscribed(params)
        if len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
            raise Refused("invalid_argument", f"A socket has {MAX_SUBSCRIPTIONS} subscriptions.")
        name = str(uuid4())
        self.asked[name] = wanted
        return {"subscription_id": name, "replayed_events": 0}

    def _unsubscribe(self, params: dict[str, Any]) -> dict[str, Any]:
        name = subscription_in(params)
        task = self.subscriptions.pop(name, None)
        if task is None:
            raise Refused("no_such_subscription", f"Unknown subscription: {name}")
        task.cancel()
        return {}

    async def _command(self, command_id: int, raw: bytes) -> dict[str, Any]:
        """Through the very view that takes commands by HTTP: the same key, checks and errors."""
        request = self._request(raw)
        view = database_sync_to_async(CommandsView.as_view())
        response = await view(request, thread_id=str(self.thread_id))
        body: dict[str, Any] = response.data
        if "type" not in body:  # refused before it was read
            is_shut_out = response.status_code in (401, 403)
            code = "permission_denied" if is_shut_out else "unknown_error"
            return failure(command_id, code, body["detail"])
        if "meta" in body:
            body["meta"] = {"applied_through_seq": self.sent}
        return body

    async def _follow(self, wanted: Wanted) -> None:
        try:
            async for event in followed(self.thread_id, wanted, self.among):
                if event is None:
                    await self._admit()
                    continue
                await self._say(event)
                self.sent = max(self.sent, event["seq"])
        except APIException:
            await self.close(SHUT_OUT)
        except Exception:
            logger.exception("A subscription to thread %s failed", self.thread_id)
            await self.close(FAILED)

    @database_sync_to_async  # type: ignore[untyped-decorator]  # Channels has no types
    def _admit(self) -> None:
        """Raises where whoever opened the socket may follow nothing, or no more."""
        request = Request(
            self._request(b""),
            authenticators=authenticators(),
            parser_context={"kwargs": self.scope["url_route"]["kwargs"]},
        )
        require(request, Scope.RUNS)
        self.among = permitted_to_follow(request, self.thread_id)

    def _request(self, body: bytes) -> ASGIRequest:
        """What the client that opened the socket would have sent by HTTP."""
        return ASGIRequest({**self.scope, "type": "http", "method": "POST"}, io.BytesIO(body))

    async def _say(self, message: dict[str, Any]) -> None:
        await self.send(text_data=dumps(message).decode())
