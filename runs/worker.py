"""A worker process: runs from the queue, rounds beside them, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.db import connection, connections
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app
from psycopg import AsyncConnection, OperationalError

from hitl_console.db import conninfo
from runs import queue, services
from runs.models import Run

SWEEP = 2  # seconds between two looks for runs nobody holds
RECONCILE = 60  # seconds between two looks for threads whose rows and checkpoints disagree
POLL = 1  # seconds between looks for jobs whose notification was missed
SELF_TEST = 5  # seconds between checks that the database is still there
BACK_OFF = (0.1, 0.5, 1, 2, 5)  # seconds before the queue is opened again

logger = logging.getLogger(__name__)


async def own_thread(call_next: Callable[[], Awaitable[Any]], *_: object) -> Any:
    """Worker middleware: a database thread per job, instead of one that all jobs share."""
    async with ThreadSensitiveContext():
        return await call_next()


class Hold:
    """A run this process works on; `is_lost` once another may."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.task = asyncio.current_task()
        self.loop = asyncio.get_running_loop()
        self.is_lost = False

    def drop(self) -> None:
        """Stop the work from another thread; a loop that a node blocks hears of it later."""
        self.is_lost = True
        if self.task is not None:
            self.loop.call_soon_threadsafe(self.task.cancel)


class Round(threading.Thread):
    """Something this process does again and again, in a thread and on a connection of its own.

    Threads, because a graph may block the event loop for longer than a lease; one for each, so
    that leases are renewed however long anything else waits for a lock.
    """

    def __init__(self, name: str, every: float, walk: Callable[[], object]) -> None:
        super().__init__(name=name, daemon=True)
        self.every, self.walk = every, walk
        self.stopping = threading.Event()

    def run(self) -> None:
        """Until stopped; a database that is away is tried again."""
        while not self.stopping.wait(self.every):
            try:
                self.walk()
            except Exception as error:  # whatever it was, the next round must come
                logger.warning("%s: %s", self.name, error)
                connection.close()


holds: dict[tuple[Any, int], Hold] = {}


def renew_leases() -> None:
    """Renew the lease of every run at hand; drop what this process no longer holds."""
    held = dict(holds)
    if not held:
        return
    for key in services.renew_leases(held):
        logger.warning("run %s: attempt %s lost", *key)
        held[key].drop()


def rounds() -> list[Round]:
    """What keeps this process's runs, and sweeps up after workers that died."""
    return [
        Round("keeper", min(settings.RUN_LEASE / 5, SWEEP), renew_leases),
        Round("sweeper", SWEEP, services.sweep_runs),
        Round("timekeeper", SWEEP, services.fire_crons),
        Round("reconciler", RECONCILE, lambda: services.reconcile(since=10 * RECONCILE)),
    ]


@contextmanager
def holding(run: Run) -> Iterator[Hold]:
    """Have this run's lease renewed meanwhile."""
    key = (run.pk, run.attempt)
    hold = holds[key] = Hold(run)
    try:
        yield hold
    finally:
        del holds[key]


async def work() -> None:
    """Work until SIGTERM or SIGINT; a queue that loses its database is opened again.

    procrastinate's worker ends, or goes deaf, when Postgres restarts (measured). So a probe
    connection that dies with Postgres tells when to start a new one; the old one meanwhile
    finishes what it has in hand.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    walking = rounds()
    for each in walking:
        each.start()
    draining: set[asyncio.Task[None]] = set()
    stopping = asyncio.create_task(stop.wait())
    failures = 0
    while not stop.is_set():
        queue_worker = asyncio.create_task(_take_jobs())
        probe = asyncio.create_task(_probe())
        await asyncio.wait({queue_worker, probe, stopping}, return_when=asyncio.FIRST_COMPLETED)
        reason = next((task.exception() for task in (queue_worker, probe) if task.done()), None)
        failures = failures + 1 if reason else 0
        probe.cancel()
        queue_worker.cancel()
        draining.add(queue_worker)
        if not stop.is_set():
            delay = BACK_OFF[min(failures, len(BACK_OFF) - 1)]
            logger.warning("queue lost, opening it again in %s s: %s", delay, reason or "closed")
            await asyncio.sleep(delay)
    await asyncio.gather(*draining, return_exceptions=True)
    for each in walking:
        each.stopping.set()


async def _take_jobs() -> None:
    """One life of procrastinate's worker; cancelled, it stops taking and finishes what it has."""
    await sync_to_async(connections.close_all)()  # its periodic jobs use Django's
    connector = PsycopgConnector(conninfo=conninfo(), min_size=2, max_size=4)
    queue_app = app.with_connector(connector)
    async with queue_app.open_async():
        print("worker ready", flush=True)  # noqa: T201  # the supervisor waits for this line
        await queue_app.run_worker_async(
            queues=[queue.QUEUE],
            install_signal_handlers=False,
            worker_middleware=[own_thread],
            fetch_job_polling_interval=POLL,
        )


async def _probe() -> None:
    """Return when Postgres went away after it had been there; raise when it never was."""
    async with await AsyncConnection.connect(conninfo(), autocommit=True) as probe:
        try:
            while True:
                async for _ in probe.notifies(timeout=SELF_TEST):
                    pass
                await probe.execute("SELECT 1")
        except OperationalError:
            return
