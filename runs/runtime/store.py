"""LangGraph's store in Django's database: what graphs and clients keep beyond a thread."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC
from typing import Any, Literal

from langgraph.store.base import (
    NOT_PROVIDED,
    InvalidNamespaceError,
    Item,
    PutOp,
    SearchItem,
    TTLConfig,
)
from langgraph.store.postgres import PostgresStore
from langgraph.store.postgres.aio import AsyncPostgresStore
from psycopg import AsyncCursor, DataError, InterfaceError, OperationalError
from psycopg.errors import (
    DivisionByZero,
    FeatureNotSupported,
    InsufficientPrivilege,
    ProgramLimitExceeded,
    UndefinedFile,
)
from psycopg.rows import DictRow

from hitl_console.db import conninfo
from runs.exceptions import GraphError, InvalidInput, InvalidNamespace, LeaseLost, StorageLost
from runs.runtime import checkpointer, embedding, registry
from runs.runtime.checkpointer import HOLD_LEASE, AsyncPool
from runs.runtime.spec import RunSpec

NO_VECTORS = (
    'langgraph.json has a "store" entry with an index, but PostgreSQL cannot keep vectors: install '
    "pgvector there and CREATE EXTENSION vector, or take the index out."
)
OTHER_VECTORS = (
    'The "store" entry of langgraph.json wants vectors of {dims}, but the database keeps some of '
    "{kept}: drop the tables store_vectors and vector_migrations to begin anew, and migrate."
)
VECTOR_LENGTH = """
    SELECT atttypmod AS length FROM pg_attribute
    WHERE attrelid = 'store_vectors'::regclass AND attname = 'embedding'
"""
FAULTY_TTL = 'The "ttl" of the "store" entry of langgraph.json has a '
MAX_MINUTES = 100 * 365 * 24 * 60
MAX_NAME = 2500  # bytes of namespace and key together: Postgres indexes no more

Labels = Sequence[str]
Index = Literal[False] | list[str] | None


class FencedStore(AsyncPostgresStore):
    """What nodes are given; it keeps nothing more for an attempt that has lost its run."""

    def __init__(self, conn: AsyncPool, run: RunSpec) -> None:
        super().__init__(conn, ttl=lifetime(), index=embedding.index())
        self.lease = (run.run_id, run.attempt)

    async def stop(self) -> None:
        """End the task that batches: left to the garbage collector, it complains in the log."""
        if (batching := self._task) is not None:
            batching.cancel()
            await asyncio.wait([batching])

    async def _batch_put_ops(
        self, put_ops: Sequence[tuple[int, PutOp]], cur: AsyncCursor[DictRow]
    ) -> None:
        """The writes of a batch, in a transaction that fails if the lease is lost.

        It is looked at last: to embed may take long, and whoever renews the lease has to wait.
        """
        await super()._batch_put_ops(put_ops, cur)
        await cur.execute(HOLD_LEASE, self.lease)

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        """A cursor whose failures say whether the node is at fault, or the run, or the database."""
        try:
            async with super()._cursor(pipeline=pipeline) as cursor:
                yield cursor
        except DivisionByZero:
            raise LeaseLost from None
        except ProgramLimitExceeded:
            raise  # an operational error to psycopg, yet trying again would not help
        except (OperationalError, InterfaceError) as error:
            raise StorageLost(str(error)) from error


@asynccontextmanager
async def fenced_store(run: RunSpec) -> AsyncIterator[FencedStore]:
    """The store of one execution: what one batches and breaks is no other's business."""
    store = FencedStore(await checkpointer.pool_of_this_loop(), run)
    try:
        yield store
    finally:
        await store.stop()


def check() -> None:
    """What langgraph.json says of the store can be kept; raises GraphError where it cannot."""
    embedding.index()
    lifetime()


def lifetime() -> TTLConfig:
    """How long items stay, as langgraph.json says; for good where it says nothing."""
    found: TTLConfig = {"omit_expired": True}  # read as gone before a sweep has come round
    entry = registry.store_entry("ttl") or {}
    refresh, minutes = entry.get("refresh_on_read"), entry.get("default_ttl")
    if isinstance(refresh, bool):
        found["refresh_on_read"] = refresh
    elif refresh is not None:
        raise GraphError(f'{FAULTY_TTL}"refresh_on_read" that is neither true nor false.')
    if isinstance(minutes, (int, float)) and 0 < minutes <= MAX_MINUTES and minutes is not True:
        found["default_ttl"] = math.ceil(minutes)  # whole ones, since a read counts them anew
    elif minutes is not None:
        raise GraphError(f'{FAULTY_TTL}"default_ttl" that is no number of minutes.')
    return found


def create_tables() -> None:
    """Create or upgrade the store's own tables; for vectors too where langgraph.json wants them."""
    index = embedding.index()
    with PostgresStore.from_conn_string(conninfo(), index=index) as setup:
        try:
            setup.setup()
        except (FeatureNotSupported, UndefinedFile, InsufficientPrivilege) as error:
            raise GraphError(f"{NO_VECTORS} ({str(error).splitlines()[0]})") from None
    if index and (kept := _vector_length()) != index["dims"]:
        raise GraphError(OTHER_VECTORS.format(kept=kept, dims=index["dims"]))


def _vector_length() -> int:
    """How long the vectors are that the database keeps."""
    with checkpointer.connection() as connection:
        found = connection.execute(VECTOR_LENGTH).fetchone()
    return int(found["length"]) if found else 0


def put(
    namespace: Labels, key: str, value: dict[str, Any], *, index: Index, minutes: int | None
) -> None:
    """Keep a value, for some minutes after it was last read, or for as long as is usual."""
    if len(".".join(namespace).encode()) + len(key.encode()) > MAX_NAME:
        raise InvalidInput(f"Namespace and key are too long: more than {MAX_NAME} bytes together.")
    with _opened() as store:
        store.put(tuple(namespace), key, value, index, ttl=minutes or NOT_PROVIDED)


def get(namespace: Labels, key: str, *, refresh_ttl: bool | None) -> dict[str, Any] | None:
    """An item, in the wire's words; None where there is none."""
    with _opened() as store:
        item = store.get(tuple(namespace), key, refresh_ttl=refresh_ttl)
    return None if item is None else _body(item)


def delete(namespace: Labels, key: str) -> None:
    """Forget an item, if there is one."""
    with _opened() as store:
        store.delete(tuple(namespace), key)


def search(namespace_prefix: Labels, **asked: Any) -> list[dict[str, Any]]:
    """The items below a namespace that match, the last changed first."""
    with _opened() as store:
        return [_body(item) for item in store.search(tuple(namespace_prefix), **asked)]


def namespaces(prefix: Labels, suffix: Labels, **asked: Any) -> list[list[str]]:
    """The namespaces that have items, in order."""
    with _opened() as store:
        found = store.list_namespaces(prefix=tuple(prefix), suffix=tuple(suffix), **asked)
    return [list(labels) for labels in found]


def sweep() -> int:
    """Forget the items whose time is over; returns how many."""
    with _opened() as store:
        return store.sweep_ttl()


@contextmanager
def _opened() -> Iterator[PostgresStore]:
    """The store for code outside the event loop; what a client got wrong is said to be so."""
    try:
        yield PostgresStore(checkpointer.shared_pool(), ttl=lifetime(), index=embedding.index())
    except InvalidNamespaceError as error:
        raise InvalidNamespace(str(error)) from None
    except (ValueError, DataError) as error:  # an operator nobody knows
        raise InvalidInput(str(error)) from None
    except (OperationalError, InterfaceError) as error:
        raise StorageLost(str(error)) from error


def _body(item: Item) -> dict[str, Any]:
    body = {
        "namespace": item.namespace,
        "key": item.key,
        "value": item.value,
        "created_at": item.created_at.astimezone(UTC),
        "updated_at": item.updated_at.astimezone(UTC),
    }
    return body | {"score": item.score} if isinstance(item, SearchItem) else body
