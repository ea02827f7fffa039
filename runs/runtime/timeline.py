"""A thread's checkpoints as a story: what ran, what it wrote, where it went another way.

Read from the tables, since LangGraph's own history loads the whole state of every checkpoint.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import DictRow

from runs.exceptions import CheckpointRefused
from runs.runtime import checkpointer
from runs.runtime.serializer import StrictSerializer

PUSH, SENDS = "~__pregel_push", "__pregel_tasks"
ASKED, FAILED = "__interrupt__", "__error__"
LARGEST_SEND = 64 * 1024  # bytes; what is larger is not opened for a name

STEPS = """
    SELECT c.checkpoint_id, c.parent_checkpoint_id, c.metadata, c.checkpoint ->> 'ts' AS ts,
           c.checkpoint -> 'channel_versions' AS versions,
           parent.checkpoint -> 'channel_versions' AS versions_before,
           parent.checkpoint ->> 'ts' AS ts_before, parent.parent_checkpoint_id AS grandparent
    FROM checkpoints c
    LEFT JOIN checkpoints parent
      ON parent.thread_id = c.thread_id AND parent.checkpoint_ns = ''
     AND parent.checkpoint_id = c.parent_checkpoint_id
    WHERE c.thread_id = %(thread)s AND c.checkpoint_ns = ''
      AND (%(before)s::text IS NULL OR c.checkpoint_id < %(before)s)
      AND (%(only)s::text IS NULL OR c.checkpoint_id = %(only)s)
      AND (%(run)s::text IS NULL OR c.metadata ->> 'run_id' = %(run)s)
    ORDER BY c.checkpoint_id DESC LIMIT %(limit)s
"""
WRITES = """
    SELECT checkpoint_id, channel, task_path,
           CASE WHEN channel = %(sends)s AND length(blob) <= %(largest)s THEN type END AS type,
           CASE WHEN channel = %(sends)s AND length(blob) <= %(largest)s THEN blob END AS blob
    FROM checkpoint_writes
    WHERE thread_id = %(thread)s AND checkpoint_ns = '' AND checkpoint_id = ANY(%(ids)s)
    ORDER BY task_path, idx
"""
LINEAGE = """
    SELECT checkpoint_id, parent_checkpoint_id FROM checkpoints
    WHERE thread_id = %(thread)s AND checkpoint_ns = ''
      AND (%(since)s::text IS NULL OR checkpoint_id >= %(since)s)
    ORDER BY checkpoint_id DESC
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One checkpoint, and what happened between its parent and it."""

    checkpoint_id: str
    parent_id: str | None
    number: int
    source: str  # input, loop, update (the state was edited), fork (run again from its parent)
    at: datetime
    seconds: float | None  # since its parent
    run_id: UUID | None
    branch: str  # what somebody called the way that begins or goes on here
    nodes: tuple[str, ...]  # that ran
    channels: tuple[str, ...]  # that changed
    asking: tuple[str, ...]  # nodes that wait here for an answer, or did
    failed: tuple[str, ...]  # nodes that raised here


def steps(
    thread_id: UUID,
    *,
    limit: int,
    before: str | None = None,
    run_id: UUID | None = None,
    checkpoint_id: str | None = None,
) -> list[Step]:
    """A thread's steps, newest first; `before` is a checkpoint id. Needs no graph."""
    asked = {
        "thread": str(thread_id),
        "before": before,
        "only": checkpoint_id,
        "run": str(run_id) if run_id else None,
        "limit": limit,
    }
    with checkpointer.connection() as connection:
        rows = connection.execute(STEPS, asked).fetchall()
        writes = _writes(connection, thread_id, rows)
    return [_step(row, writes) for row in rows]


def step(thread_id: UUID, checkpoint_id: str) -> Step | None:
    """One step, if the thread has that checkpoint."""
    found = steps(thread_id, limit=1, checkpoint_id=checkpoint_id)
    return found[0] if found else None


def lineage(thread_id: UUID, since: str | None = None) -> dict[str, str | None]:
    """Each checkpoint's parent, newest first; from a checkpoint on if one is named."""
    with checkpointer.connection() as connection:
        found = connection.execute(LINEAGE, {"thread": str(thread_id), "since": since}).fetchall()
    return {row["checkpoint_id"]: row["parent_checkpoint_id"] for row in found}


Writes = dict[str, list[DictRow]]  # by checkpoint


def _writes(connection: Connection[DictRow], thread_id: UUID, rows: Iterable[DictRow]) -> Writes:
    keys = ("checkpoint_id", "parent_checkpoint_id", "grandparent")
    ids = {row[key] for row in rows for key in keys if row[key]}
    asked = {"thread": str(thread_id), "ids": sorted(ids), "sends": SENDS, "largest": LARGEST_SEND}
    by_checkpoint: Writes = defaultdict(list)
    for write in connection.execute(WRITES, asked):
        by_checkpoint[write["checkpoint_id"]].append(write)
    return by_checkpoint


def _step(row: DictRow, writes: Writes) -> Step:
    metadata = row["metadata"]
    own, before = writes.get(row["checkpoint_id"], []), writes.get(row["parent_checkpoint_id"], [])
    sent = _sent(writes.get(row["grandparent"], []))
    sent_here = _sent(before) or sent  # a fork repeats what its parent was to run
    source = str(metadata.get("source", ""))
    at = datetime.fromisoformat(row["ts"])
    since = datetime.fromisoformat(row["ts_before"]) if row["ts_before"] else None
    return Step(
        checkpoint_id=row["checkpoint_id"],
        parent_id=row["parent_checkpoint_id"],
        number=int(metadata.get("step", 0)),
        source=source,
        at=at,
        seconds=(at - since).total_seconds() if since and source == "loop" else None,
        run_id=_id(metadata.get("run_id")),
        branch=str(metadata.get("branch") or ""),
        nodes=_names(before, sent) if source == "loop" else (),
        channels=_changed(row),
        asking=_names((w for w in own if w["channel"] == ASKED), sent_here),
        failed=_names((w for w in own if w["channel"] == FAILED), sent_here),
    )


def _id(text: Any) -> UUID | None:
    """A run's id; where a state was edited by API, what a client wrote into the metadata."""
    try:
        return UUID(str(text))
    except ValueError:
        return None


def _changed(row: DictRow) -> tuple[str, ...]:
    before = row["versions_before"] or {}
    found = (name for name, at in row["versions"].items() if before.get(name) != at)
    return tuple(name for name in sorted(found) if is_shown(name))


def is_shown(channel: str) -> bool:
    """Whether a channel is a graph's own, and not how LangGraph finds its way."""
    return not channel.startswith(("__", "branch:", "join:"))


def _names(writes: Iterable[DictRow], sent: tuple[str, ...]) -> tuple[str, ...]:
    """The nodes of the tasks that wrote, each once; those of a fan-out are known by its sends."""
    found: dict[str, None] = {}
    for write in writes:
        kind, _, name = write["task_path"].partition(", ")
        if kind == PUSH:
            found |= dict.fromkeys(sent)
        elif name and is_shown(name):
            found[name] = None
    return tuple(found)


def _sent(writes: Iterable[DictRow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_targets(write for write in writes if write["blob"])))


def _targets(sends: Iterable[DictRow]) -> Iterator[str]:
    serializer = StrictSerializer()
    for send in sends:
        try:
            target: Any = serializer.loads_typed((send["type"], send["blob"]))
        except CheckpointRefused:
            continue  # the name is not worth a page that cannot be shown
        yield str(target.node)
