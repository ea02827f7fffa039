"""LangGraph's checkpoints in Django's database, written only by whoever holds the run."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import (
    AsyncConnection,
    AsyncCursor,
    Connection,
    InterfaceError,
    OperationalError,
)
from psycopg.errors import DivisionByZero
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from hitl_console.db import conninfo
from runs.exceptions import LeaseLost, StorageLost
from runs.runtime.serializer import StrictSerializer
from runs.runtime.spec import RunSpec

# Fails the whole pipeline when the row is not ours any more, so it costs no round trip.
# FOR SHARE makes a sweeper that takes the run away wait until this write is committed.
HOLD_LEASE = """
    SELECT 1 / count(*) FROM (
        SELECT FROM runs_run WHERE id = %s AND attempt = %s AND status = 'running' FOR SHARE
    ) AS lease
"""
TRUSTED = 1.0  # seconds after its last use in which a connection is not checked again
CONNECTION = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}

AsyncPool = AsyncConnectionPool[AsyncConnection[DictRow]]
SyncPool = ConnectionPool[Connection[DictRow]]

_async_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncPool] = WeakKeyDictionary()
_sync_pool: SyncPool | None = None
_last_used: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
_lock = threading.Lock()


class FencedSaver(AsyncPostgresSaver):
    """Writes checkpoints as long as this attempt still holds its run."""

    def __init__(self, conn: AsyncPool, run: RunSpec) -> None:
        super().__init__(conn, serde=StrictSerializer())
        self.lease = (run.run_id, run.attempt)

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        """A cursor to read with, or a pipeline to write with that begins by checking the lease.

        One pipeline is one transaction: it commits at its end or not at all.
        """
        try:
            async with super()._cursor(pipeline=pipeline) as cursor:
                if pipeline:
                    await cursor.execute(HOLD_LEASE, self.lease)
                yield cursor
        except DivisionByZero:
            raise LeaseLost from None
        except (OperationalError, InterfaceError) as error:
            raise StorageLost(str(error)) from error


async def fenced_saver(run: RunSpec) -> FencedSaver:
    """The saver of one execution; savers are cheap, and each has a lock of its own."""
    return FencedSaver(await pool_of_this_loop(), run)


@contextmanager
def saver() -> Iterator[PostgresSaver]:
    """A saver for code outside the event loop."""
    yield PostgresSaver(shared_pool(), serde=StrictSerializer())


@contextmanager
def connection() -> Iterator[Connection[DictRow]]:
    """A connection to the checkpoint tables for what a saver cannot say."""
    with shared_pool().connection() as found:
        yield found


def create_tables() -> None:
    """Create or upgrade LangGraph's own tables."""
    with PostgresSaver.from_conn_string(conninfo()) as setup:
        setup.setup()


def close() -> None:
    """Give back the connections used outside event loops."""
    global _sync_pool
    with _lock:
        pool, _sync_pool = _sync_pool, None
    if pool is not None:
        pool.close()


async def aclose() -> None:
    """Give back the connections of the running event loop."""
    if pool := _async_pools.pop(asyncio.get_running_loop(), None):
        await pool.close()


async def pool_of_this_loop() -> AsyncPool:
    """The connections of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _async_pools:
        _async_pools[loop] = AsyncConnectionPool(
            conninfo(),
            **_sizes(2),
            kwargs=CONNECTION,
            open=False,
            check=_check_async,
        )
        await _async_pools[loop].open()
    return _async_pools[loop]


def shared_pool() -> SyncPool:
    """The connections of all code outside event loops."""
    global _sync_pool
    with _lock:
        if _sync_pool is None:
            _sync_pool = ConnectionPool(
                conninfo(),
                **_sizes(1),
                kwargs=CONNECTION,
                open=True,
                check=_check,
            )
        return _sync_pool


async def _check_async(connection: AsyncConnection[DictRow]) -> None:
    if _is_doubtful(connection):
        await AsyncConnectionPool.check_connection(connection)


def _check(connection: Connection[DictRow]) -> None:
    if _is_doubtful(connection):
        ConnectionPool.check_connection(connection)


def _is_doubtful(connection: Any) -> bool:
    """Not used for a moment: Postgres may have gone away meanwhile."""
    moment = time.monotonic()
    used, _last_used[connection] = _last_used.get(connection, 0.0), moment
    return moment - used > TRUSTED


def _sizes(least: int) -> dict[str, Any]:
    return {"min_size": least, "max_size": 4, "timeout": 10, "name": "checkpoints"}
