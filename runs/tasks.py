"""What workers do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from procrastinate.contrib.django import app

from hitl_console import outbound
from runs import events, queue, runtime, services, worker
from runs.exceptions import LeaseLost, StorageLost
from runs.models import Run, RunEvent
from runs.runtime import RunSpec, StateUpdate

BATCH = 64  # chunks written together
FLUSH, SLOWEST_FLUSH = 0.01, 0.05  # seconds a chunk may wait for company
PASSING = timedelta(minutes=10)  # until the events of a run that is not resumable are forgotten
BACK_OFF = (0.1, 0.2, 0.5, 1, 1, 2, 2, 2, 2, 2)  # seconds before a settlement is tried again

T = TypeVar("T")

logger = logging.getLogger(__name__)


@app.task(name=queue.EXECUTE, queue=queue.QUEUE)
async def execute_run(run_id: str) -> None:
    """Take a run, execute its graph, settle it; a second job for the same run finds it taken."""
    run = await sync_to_async(services.start_run)(UUID(run_id))
    if run is None:
        return
    with worker.holding(run) as hold:
        try:
            await _execute(run)
        except LeaseLost:
            logger.warning("run %s: attempt %s no longer holds it", run.pk, run.attempt)
        except StorageLost as error:
            logger.warning("run %s: %s; handing it back", run.pk, error)
            await _insist(services.hand_back_run, run=run)
        except asyncio.CancelledError:
            if not hold.is_lost:  # this worker is asked to stop
                await asyncio.shield(_insist(services.hand_back_run, run=run))
            raise


async def _execute(run: Run) -> None:
    log = EventLog(run)
    try:
        async with asyncio.timeout(settings.RUN_TIMEOUT), log:
            spec = await _insist(spec_of, run=run)
            outcome = await runtime.execute(spec, emit=log.emit)
    except (LeaseLost, StorageLost, asyncio.CancelledError):
        raise
    except TimeoutError:
        error = {"error": "TimeoutError", "message": f"No end after {settings.RUN_TIMEOUT} s."}
        await _insist(services.fail_run, run=run, error=error, status=Run.Status.TIMEOUT)
    except Exception as error:
        logger.info("run %s failed", run.pk, exc_info=error)
        await _insist(services.fail_run, run=run, error=runtime.error_body(error))
    else:
        await _insist(services.settle_run, run=run, outcome=outcome)


async def _insist(service: Callable[..., T], **kwargs: Any) -> T:
    """Call a service; while the database is away try again, for as long as a lease lasts."""
    delays = iter(BACK_OFF)
    while True:
        try:
            return await sync_to_async(service)(**kwargs)
        except (OperationalError, InterfaceError) as error:
            if (delay := next(delays, None)) is None:
                raise StorageLost(str(error)) from error
            await sync_to_async(connections.close_all)()  # or this thread keeps the one that broke
            await asyncio.sleep(delay)


def spec_of(run: Run) -> RunSpec:
    """What the runtime needs to know of a run; no model crosses that border."""
    asked = run.kwargs
    stored = services.stops_of(run.assistant_id, run.graph_id)
    return RunSpec(
        run_id=run.pk,
        thread_id=run.thread_id,
        attempt=run.attempt,
        graph_id=run.graph_id,
        input=asked["input"],
        command=asked["command"],
        state_update=StateUpdate(**run.state_update) if run.state_update else None,
        config=asked["config"],
        context=asked["context"],
        metadata=run.metadata,
        caller=asked.get("caller"),
        checkpoint_id=asked["checkpoint_id"],
        stream_modes=tuple(asked["stream_mode"]),
        stream_subgraphs=asked["subgraphs"],
        interrupt_before=services.added(asked["interrupt_before"], stored["before"]),
        interrupt_after=services.added(asked["interrupt_after"], stored["after"]),
        durability=asked["durability"],
        strict_resume=asked["strict_resume"],
        stops_at_start=services.stops_at_start(run),
    )


class EventLog:
    """Writes a run's chunks in batches, so that a stream of tokens is not a transaction each.

    The longer a write takes, the longer the next waits for company: many streams at once share
    what there is, each in larger pieces.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.waiting: list[events.Chunk] = []
        self.flusher: asyncio.Task[None] | None = None
        self.lock = asyncio.Lock()
        self.took = 0.0  # seconds, the last write

    async def __aenter__(self) -> None:
        if self.run.is_streamed:
            start = {"run_id": str(self.run.pk), "attempt": self.run.attempt}
            await self.emit("metadata", start)

    async def __aexit__(self, *_: object) -> None:
        await self.flush()

    async def emit(self, event: str, data: Any) -> None:
        """Queue a chunk; it is written with its neighbours within FLUSH seconds."""
        self.waiting.append((event, data))
        if len(self.waiting) >= BATCH:
            await self.flush()
        elif self.flusher is None or self.flusher.done():
            self.flusher = asyncio.create_task(self._flush_soon())

    async def flush(self) -> None:
        """Write what waits, in order."""
        async with self.lock:
            chunks, self.waiting = self.waiting, []
            if chunks:
                began = time.monotonic()
                await _insist(events.append, run=self.run, chunks=chunks)
                self.took = time.monotonic() - began

    async def _flush_soon(self) -> None:
        await asyncio.sleep(min(max(FLUSH, 2 * self.took), SLOWEST_FLUSH))
        await self.flush()


@app.task(name=queue.DELIVER, queue=queue.QUEUE)
async def deliver_webhook(delivery_id: str) -> None:
    """Try to tell a URL of a run's end; whoever does not answer is told again later."""
    delivery = await sync_to_async(services.take_delivery)(UUID(delivery_id))
    if delivery is None:
        return
    error = ""
    try:
        where = await asyncio.to_thread(outbound.destination, delivery.url, settings.WEBHOOK_HOSTS)
        async with asyncio.timeout(outbound.TIMEOUT):
            status = await outbound.post(where, *services.signed(delivery))
        if not 200 <= status < 300:
            error = f"answered {status}"
    except (outbound.Blocked, httpx.HTTPError, OSError) as failure:  # TimeoutError is one
        error = f"{type(failure).__name__}: {failure}"
    await sync_to_async(services.settle_delivery)(delivery=delivery, error=error)


@app.periodic(cron="* * * * *")
@app.task(queue=queue.QUEUE)
async def sweep_minutely(timestamp: int) -> None:
    """Take threads and items whose time is over, and webhook calls whose job is lost."""
    await sync_to_async(services.expire_threads)()
    await sync_to_async(runtime.store.sweep)()
    await sync_to_async(services.sweep_deliveries)()


@app.periodic(cron="*/10 * * * *")
@app.task(queue=queue.QUEUE)
async def prune_events(timestamp: int) -> None:
    """Forget the events of runs nobody will read again."""
    kept = timedelta(seconds=settings.EVENT_RETENTION)
    outdated = RunEvent.objects.outdated(kept=kept, passing=min(PASSING, kept))
    await sync_to_async(events.forget)(outdated)
