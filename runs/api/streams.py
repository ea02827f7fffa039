"""Bodies that outlive their views: waiting for a run, and following its events as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.http import StreamingHttpResponse

from hitl_console.headers import PRIVATE
from runs import events, runtime, services
from runs.api.bodies import joined_body
from runs.api.negotiation import dumps
from runs.exceptions import NotFound
from runs.models import Run, RunEvent, Thread

HEARTBEAT = 5  # seconds
HEADERS = b""  # Daphne sends the headers of a response with the first piece of its body
PAGE = 200  # events read at once: what one slow reader may hold in memory
GONE = {"error": "HTTPException", "message": "404: Run not found"}
DISCONNECTED = "client disconnected from the run stream (on_disconnect=cancel)"
STREAM_HEADERS = PRIVATE | {"X-Accel-Buffering": "no"}


def json_response(body: AsyncIterator[bytes], headers: dict[str, str]) -> StreamingHttpResponse:
    """A JSON body that comes when it is ready."""
    headers = headers | PRIVATE
    return StreamingHttpResponse(body, content_type="application/json", headers=headers)


def sse_response(body: AsyncIterator[bytes], headers: dict[str, str]) -> StreamingHttpResponse:
    """A stream of server-sent events."""
    kind = "text/event-stream; charset=utf-8"
    return StreamingHttpResponse(body, content_type=kind, headers=headers | STREAM_HEADERS)


def waited(run: Run) -> AsyncIterator[bytes]:
    """A newline every few seconds, then what the run had to say."""
    return told(run, output_of)


async def told(run: Run, tell: Callable[[Run], bytes | None]) -> AsyncIterator[bytes]:
    """A newline every few seconds, until there is something to tell of the run."""
    yield HEADERS
    async with listening(events.group(run.pk)) as changed:
        while (output := await database_sync_to_async(tell)(run)) is None:
            if not await changed():
                yield b"\n"
    yield output


async def said(value: Any) -> AsyncIterator[bytes]:
    """What is known already."""
    yield dumps(value)


async def framed(run: Run, *, after: int = 0, modes: Collection[str] = ()) -> AsyncIterator[bytes]:
    """A run's events as server-sent events, to its end; all of them or those of some modes."""
    yield HEADERS
    with_ids = bool(run.kwargs["resumable"])
    async for event in follow(run.pk, after):
        if event is None:
            yield b": heartbeat\r\n\r\n"
        elif is_for_streams(event.event) and (not modes or _mode(event.event) in modes):
            yield frame(event.event, event.data, event.pk if with_ids else None)


def frame(event: str, data: Any, event_id: int | None = None) -> bytes:
    """One server-sent event."""
    tail = b"" if event_id is None else b"id: %d\r\n" % event_id
    return b"event: %s\r\ndata: %s\r\n%s\r\n" % (event.encode(), dumps(data), tail)


async def failed_stream() -> AsyncIterator[bytes]:
    """The stream of a run that is not there."""
    yield frame("error", GONE)


async def follow(run_id: UUID, after: int = 0) -> AsyncIterator[RunEvent | None]:
    """A run's events to its end, past and to come; None when it has been quiet."""
    async with listening(events.group(run_id)) as changed:
        while True:
            found, is_over = await database_sync_to_async(unread)(run_id, after)
            for event in found:
                after = event.pk
                if event.event != events.END:
                    yield event
            if is_over:
                return
            if not found and not await changed():
                yield None


@asynccontextmanager
async def listening(group: str) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Subscribed to a group; the call given waits for its next sign, False when it has been quiet.

    Subscribe, then read, then wait: in that order nothing falls between.
    """
    layer = get_channel_layer()
    channel = await layer.new_channel()

    async def changed() -> bool:
        try:
            async with asyncio.timeout(HEARTBEAT):
                await layer.receive(channel)
        except TimeoutError:
            return False
        return True

    await layer.group_add(group, channel)
    try:
        yield changed
    finally:
        await layer.group_discard(group, channel)


async def cancelling(body: AsyncIterator[bytes], run: Run) -> AsyncIterator[bytes]:
    """A body whose run is cancelled when the client leaves before its end."""
    try:
        async for part in body:
            yield part
    except (asyncio.CancelledError, GeneratorExit):
        await asyncio.shield(database_sync_to_async(_cancel)(run))
        raise


async def discarding(body: AsyncIterator[bytes], run: Run) -> AsyncIterator[bytes]:
    """A body after which the thread of a stateless run is of no use to anybody."""
    async for part in body:
        yield part
    await database_sync_to_async(services.discard_thread)(thread_id=run.thread_id)


def output_of(run: Run) -> bytes | None:
    """What a waiting client gets, None while the run is not over."""
    found = Run.objects.filter(pk=run.pk).values_list("status", "output").first()
    if found is None:  # rolled back: the thread is what it was before
        thread = Thread.objects.filter(pk=run.thread_id).first()
        return dumps(joined_body(thread) if thread else {"__error__": GONE})
    status, output = found
    return None if status in Run.ACTIVE else dumps({} if output is None else output)


def unread(run_id: UUID, after: int) -> tuple[list[RunEvent], bool]:
    """A page of the events of a run after one of them, and whether that was all."""
    found = list(RunEvent.objects.after(run_id, after)[:PAGE])
    if found:
        return found, found[-1].event == events.END
    if Run.objects.active().filter(pk=run_id).exists():
        return [], False
    # Its end may have come between; what more there is, is read the next time.
    late = list(RunEvent.objects.after(run_id, after)[:PAGE])
    return late, not late


def _cancel(run: Run) -> None:
    try:
        services.cancel_run(run=run, reason=DISCONNECTED)
    except (NotFound, Thread.DoesNotExist):
        return  # it was over


def is_for_streams(event: str) -> bool:
    """Whether an event is more than what the thread-centric protocol alone tells."""
    return _mode(event) != runtime.PROTOCOL


def _mode(event: str) -> str:
    """The stream mode an event belongs to."""
    name = event.partition("|")[0]
    return {"messages": "messages-tuple"}.get(name, name.partition("/")[0])
