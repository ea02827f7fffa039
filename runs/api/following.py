"""The endless stream of a thread: the events of every run on it, as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.db.models import Max
from django.http import StreamingHttpResponse
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from runs import events
from runs.api import streams
from runs.api.endpoint import Endpoint
from runs.api.runs import EVENTS
from runs.api.threads import find_thread
from runs.exceptions import InvalidInput
from runs.models import Run, RunEvent, Thread

WATCHED = timedelta(seconds=4 * streams.HEARTBEAT)  # a run that begins meanwhile is written down


class ThreadStreamView(Endpoint):
    @extend_schema(operation_id="threads_stream", responses=EVENTS, tags=["Threads"])
    def get(self, request: Request, thread_id: str) -> StreamingHttpResponse:
        """Watch whatever runs on a thread, from now on or from `Last-Event-ID`."""
        thread = find_thread(request, thread_id)
        watch(thread.pk)
        follower = Follower(thread.pk, *_start(thread, request.headers.get("Last-Event-ID")))
        return streams.sse_response(followed(follower), {})


@dataclass
class Follower:
    """How far one client has read a thread's events; of runs over by then, resumable ones only."""

    thread_id: UUID
    after: int
    joined_at: int
    runs: dict[UUID, bool] = field(default_factory=dict)  # known ones, and whether resumable

    def unread(self) -> list[RunEvent]:
        """The next events, a page of them."""
        found = RunEvent.objects.filter(run__thread_id=self.thread_id, pk__gt=self.after)
        page = list(found.order_by("pk")[: streams.PAGE])
        self.after = page[-1].pk if page else self.after
        unknown = {event.run_id for event in page} - self.runs.keys()
        for run in Run.objects.filter(pk__in=unknown).only("kwargs"):
            self.runs[run.pk] = bool(run.kwargs["resumable"])
        told = [one for one in page if one.pk > self.joined_at or self.runs.get(one.run_id)]
        return [one for one in told if streams.is_for_streams(one.event)]


async def followed(follower: Follower) -> AsyncIterator[bytes]:
    """The events of a thread's runs for as long as the client stays."""
    yield streams.HEADERS
    async with streams.listening(events.thread_group(follower.thread_id)) as changed:
        while True:
            before = follower.after
            for event in await database_sync_to_async(follower.unread)():
                for part in _frames(event):
                    yield part
            if follower.after == before and not await changed():
                yield b": heartbeat\r\n\r\n"
                await database_sync_to_async(watch)(follower.thread_id)


def watch(thread_id: UUID) -> None:
    """Runs of the thread are to write down what they say, though nobody asked them to."""
    Thread.objects.filter(pk=thread_id).update(watched_until=now() + WATCHED)


def _start(thread: Thread, said: str | None) -> tuple[int, int]:
    """The last event the client is not to be told, and the newest there is."""
    newest = RunEvent.objects.filter(run__thread=thread).aggregate(newest=Max("pk"))["newest"] or 0
    if said is None:
        return newest, newest
    if said in ("-", "0"):
        return 0, newest
    if not said.isdecimal():
        raise InvalidInput("Invalid Last-Event-ID: must be the id of an event, or - or 0.")
    return min(int(said), 2**63 - 1), newest


def _frames(event: RunEvent) -> Iterator[bytes]:
    if event.event != events.END:
        yield streams.frame(event.event, event.data, event.pk)
        return
    done: dict[str, Any] = {"status": "run_done", "run_id": str(event.run_id)}
    yield streams.frame("metadata", done, event.pk)
