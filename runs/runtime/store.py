"""LangGraph's store in Django's database: what graphs and clients keep beyond a thread."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC
from typing import Any, Literal

from langgraph.store.base import InvalidNamespaceError, Item, PutOp, SearchItem, TTLConfig
from langgraph.store.postgres import PostgresStore
from langgraph.store.postgres.aio import AsyncPostgresStore
from psycopg import AsyncCursor, DataError, InterfaceError, OperationalError
from psycopg.errors import DivisionByZero, ProgramLimitExceeded
from psycopg.rows import DictRow

from hitl_console.db import conninfo
from runs.exceptions import InvalidInput, InvalidNamespace, LeaseLost, StorageLost
from runs.runtime import checkpointer
from runs.runtime.checkpointer import HOLD_LEASE, AsyncPool
from runs.runtime.spec import RunSpec

TTL: TTLConfig = {"omit_expired": True}  # read as gone before a sweep has come round
MAX_NAME = 2500  # bytes of namespace and key together: Postgres indexes no more

Labels = Sequence[str]
Index = Literal[False] | list[str] | None


class FencedStore(AsyncPostgresStore):
    """What nodes are given; it keeps nothing more for an attempt that has lost its run."""

    def __init__(self, conn: AsyncPool, run: RunSpec) -> None:
        super().__init__(conn, ttl=TTL)
        self.lease = (run.run_id, run.attempt)

    async def _batch_put_ops(
        self, put_ops: Sequence[tuple[int, PutOp]], cur: AsyncCursor[DictRow]
    ) -> None:
        """The writes of a batch, in the transaction that has checked the lease."""
        await cur.execute(HOLD_LEASE, self.lease)
        await super()._batch_put_ops(put_ops, cur)

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


async def fenced_store(run: RunSpec) -> FencedStore:
    """The store of one execution: what one batches and breaks is no other's business."""
    return FencedStore(await checkpointer.pool_of_this_loop(), run)


def create_tables() -> None:
    """Create or upgrade the store's own tables."""
    with PostgresStore.from_conn_string(conninfo()) as setup:
        setup.setup()


def put(
    namespace: Labels, key: str, value: dict[str, Any], *, index: Index, minutes: int | None
) -> None:
    """Keep a value, for some minutes after it was last read or for good."""
    if len(".".join(namespace).encode()) + len(key.encode()) > MAX_NAME:
        raise InvalidInput(f"Namespace and key are too long: more than {MAX_NAME} bytes together.")
    with _opened() as store:
        store.put(tuple(namespace), key, value, index, ttl=minutes)


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
        yield PostgresStore(checkpointer.shared_pool(), ttl=TTL)
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
