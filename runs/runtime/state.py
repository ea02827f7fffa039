"""A thread's checkpoints, for code outside the event loop: read, write, copy, delete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.errors import InvalidUpdateError
from langgraph.types import StateUpdate

from hitl_console.db import conninfo
from runs.exceptions import InvalidUpdate
from runs.runtime import checkpointer, registry, resumption, snapshots
from runs.runtime.jsonable import jsonable
from runs.runtime.registry import Graph
from runs.runtime.spec import Pending

COPY = {
    "checkpoints": "checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata",
    "checkpoint_blobs": "checkpoint_ns, channel, version, type, blob",
    "checkpoint_writes": (
        "checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob, task_path"
    ),
}
HEADS = """
    SELECT checkpoint_ns, max(checkpoint_id) FROM checkpoints
    WHERE thread_id = %(thread)s GROUP BY checkpoint_ns
"""
# Writes carry no run id. At the checkpoint the run started from, a task that had asked keeps its
# question, and one beside it what it had finished before; without questions none had begun.
ROLLBACK = (
    """
    DELETE FROM checkpoint_writes w USING checkpoints c
    WHERE w.thread_id = %(thread)s AND c.thread_id = w.thread_id
      AND c.checkpoint_ns = w.checkpoint_ns AND c.checkpoint_id = w.checkpoint_id
      AND c.metadata ->> 'run_id' = %(run)s
    """,
    "DELETE FROM checkpoints WHERE thread_id = %(thread)s AND metadata ->> 'run_id' = %(run)s",
    f"""
    DELETE FROM checkpoint_writes w
    WHERE thread_id = %(thread)s AND (checkpoint_ns, checkpoint_id) IN ({HEADS})
      AND channel NOT IN ('__interrupt__', '__pregel_push')
      AND (
        EXISTS (
          SELECT FROM checkpoint_writes q WHERE q.thread_id = w.thread_id
            AND q.checkpoint_ns = w.checkpoint_ns AND q.checkpoint_id = w.checkpoint_id
            AND q.task_id = w.task_id AND q.channel = '__interrupt__'
        ) OR NOT EXISTS (
          SELECT FROM checkpoint_writes q WHERE q.thread_id = w.thread_id
            AND q.checkpoint_ns = w.checkpoint_ns AND q.checkpoint_id = w.checkpoint_id
            AND q.channel = '__interrupt__'
        )
      )
    """,  # noqa: S608
)


@contextmanager
def _opened(graph_id: str) -> Iterator[tuple[Graph, PostgresSaver]]:
    with checkpointer.saver() as saver:
        yield registry.graph(graph_id).copy(update={"checkpointer": saver}), saver


def read_state(
    thread_id: UUID,
    graph_id: str,
    *,
    checkpoint_id: str | None = None,
    checkpoint_ns: str = "",
    subgraphs: bool = False,
) -> dict[str, Any]:
    """The wire's ThreadState, of the latest checkpoint unless one is named."""
    config: Any = snapshots.thread_config(thread_id, checkpoint_id, checkpoint_ns)
    with _opened(graph_id) as (graph, _):
        return snapshots.thread_state(graph.get_state(config, subgraphs=subgraphs))


def history(
    thread_id: UUID,
    graph_id: str,
    *,
    limit: int = 10,
    before: str | None = None,
    metadata: dict[str, Any] | None = None,
    checkpoint_id: str | None = None,
    checkpoint_ns: str = "",
) -> list[dict[str, Any]]:
    """The thread's states or a subgraph's, newest first; `before` is a checkpoint id."""
    config: Any = snapshots.thread_config(thread_id, checkpoint_id, checkpoint_ns)
    until: Any = snapshots.thread_config(thread_id, before, checkpoint_ns) if before else None
    with _opened(graph_id) as (graph, _):
        found = graph.get_state_history(config, filter=metadata, before=until, limit=limit)
        return [snapshots.thread_state(snapshot) for snapshot in found]


def pending(thread_id: UUID, graph_id: str) -> Pending:
    """What the thread waits for according to its latest checkpoint."""
    config: Any = snapshots.thread_config(thread_id)
    with _opened(graph_id) as (graph, saver):
        snapshot = graph.get_state(config, subgraphs=True)
        interrupts = snapshots.asked(snapshot)
        places = {one.namespace for one in interrupts}
        saved = {
            place: saver.get_tuple(snapshots.thread_config(thread_id, checkpoint_ns=place))  # type: ignore[arg-type]
            for place in places
        }
    run_id = (snapshot.metadata or {}).get("run_id")
    return Pending(
        values=jsonable(snapshot.values),
        next=snapshot.next,
        interrupts=interrupts,
        checkpoint_id=snapshots.checkpoint_id(snapshot),
        run_id=UUID(str(run_id)) if run_id else None,
        answered=tuple(snapshots.taken(interrupts, saved)),
    )


def write_state(
    thread_id: UUID,
    graph_id: str,
    *,
    values: Any,
    as_node: str | None = None,
    checkpoint_id: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write values as if a node had returned them; the answer names the new checkpoint."""
    config = snapshots.thread_config(thread_id, checkpoint_id)
    config["metadata"] = {**(metadata or {}), "graph_id": graph_id}
    try:
        written = async_to_sync(_write)(graph_id, config, values, as_node)
    except InvalidUpdateError as error:
        raise InvalidUpdate(str(error).splitlines()[0]) from None
    found = written["configurable"]
    checkpoint = {key: found[key] for key in ("thread_id", "checkpoint_ns", "checkpoint_id")}
    return {
        "checkpoint": checkpoint,
        "configurable": dict(checkpoint),
        "checkpoint_id": checkpoint["checkpoint_id"],
    }


def write_supersteps(
    thread_id: UUID, graph_id: str, supersteps: list[dict[str, Any]], *, metadata: dict[str, Any]
) -> None:
    """Write what nodes are to have done, superstep by superstep; all of it or an error."""
    config = snapshots.thread_config(thread_id)
    config["metadata"] = {**metadata, "graph_id": graph_id}
    past = [[_as_update(update) for update in step["updates"]] for step in supersteps]
    try:
        async_to_sync(_write_past)(graph_id, config, past)
    except (InvalidUpdateError, ValueError) as error:
        raise InvalidUpdate(str(error).splitlines()[0]) from None


def _as_update(update: dict[str, Any]) -> StateUpdate:
    command = resumption.as_command(update.get("command") or {})
    values: Any = command or update.get("values")  # LangGraph's type leaves out what it takes
    return StateUpdate(values, update.get("as_node"))


async def _write_past(graph_id: str, config: Any, past: list[list[StateUpdate]]) -> None:
    async with AsyncPostgresSaver.from_conn_string(conninfo()) as saver:
        graph = registry.graph(graph_id).copy(update={"checkpointer": saver})
        await graph.abulk_update_state(config, past)


async def _write(graph_id: str, config: Any, values: Any, as_node: str | None) -> Any:
    """Asynchronous, since the edges that decide what comes next may be."""
    async with AsyncPostgresSaver.from_conn_string(conninfo()) as saver:
        graph = registry.graph(graph_id).copy(update={"checkpointer": saver})
        return await graph.aupdate_state(config, values, as_node)


def head(thread_id: UUID) -> str | None:
    """The id of the thread's latest checkpoint."""
    with checkpointer.connection() as connection:
        row = connection.execute(
            "SELECT checkpoint_id FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = '' "
            "ORDER BY checkpoint_id DESC LIMIT 1",
            (str(thread_id),),
        ).fetchone()
    return row["checkpoint_id"] if row else None


def written_by(thread_id: UUID) -> str | None:
    """The graph that wrote the thread's latest checkpoint."""
    with checkpointer.connection() as connection:
        row = connection.execute(
            "SELECT metadata ->> 'graph_id' AS graph_id FROM checkpoints "
            "WHERE thread_id = %s AND checkpoint_ns = '' ORDER BY checkpoint_id DESC LIMIT 1",
            (str(thread_id),),
        ).fetchone()
    return row["graph_id"] if row else None


def rollback(thread_id: UUID, run_id: UUID) -> None:
    """Forget what a run wrote, so that the thread stands where the run found it.

    A question it had answered is pending again; one asked later in the same node is asked anew.
    """
    names = {"thread": str(thread_id), "run": str(run_id)}
    with checkpointer.connection() as connection, connection.transaction():
        for statement in ROLLBACK:
            connection.execute(statement, names)


def delete_checkpoints(thread_id: UUID) -> None:
    """Forget all a thread's checkpoints."""
    with checkpointer.saver() as saver:
        saver.delete_thread(str(thread_id))


def copy_checkpoints(source: UUID, target: UUID) -> None:
    """Give a new thread all checkpoints of another."""
    with checkpointer.connection() as connection, connection.transaction():
        for table, columns in COPY.items():
            connection.execute(
                f"INSERT INTO {table} (thread_id, {columns}) "  # noqa: S608  # our own names
                f"SELECT %s, {columns} FROM {table} WHERE thread_id = %s",
                (str(target), str(source)),
            )
