"""How much a thread's checkpoints take, and keeping only the latest."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from runs.exceptions import InvalidInput
from runs.runtime import checkpointer

CHECKPOINTS = """
    SELECT count(*) AS count,
           coalesce(sum(octet_length(checkpoint::text) + octet_length(metadata::text)), 0) AS bytes
    FROM checkpoints WHERE thread_id = %(thread)s
"""
# Plain values stand in the checkpoint itself, all others in blobs; a version is counted once.
VALUES = """
    WITH inline AS (
        SELECT DISTINCT ON (value.key, c.checkpoint -> 'channel_versions' ->> value.key)
               value.key AS channel, octet_length(value.value::text) AS bytes
        FROM checkpoints c, jsonb_each(c.checkpoint -> 'channel_values') AS value
        WHERE c.thread_id = %(thread)s
    ), stored AS (
        SELECT channel, coalesce(octet_length(blob), 0) AS bytes
        FROM checkpoint_blobs WHERE thread_id = %(thread)s
    )
    SELECT channel, count(*) AS versions, sum(bytes) AS bytes
    FROM (SELECT * FROM inline UNION ALL SELECT * FROM stored) AS every GROUP BY channel
    ORDER BY channel
"""
WRITES = """
    SELECT count(*) AS count, coalesce(sum(octet_length(blob)), 0) AS bytes
    FROM checkpoint_writes WHERE thread_id = %(thread)s
"""


def sizes(thread_id: UUID) -> dict[str, Any]:
    """What the thread keeps, in the wire's words."""
    thread = {"thread": str(thread_id)}
    with checkpointer.connection() as connection:
        checkpoints = _counted(connection.execute(CHECKPOINTS, thread).fetchone())
        writes = _counted(connection.execute(WRITES, thread).fetchone())
        rows = connection.execute(VALUES, thread).fetchall()
    channels = {
        row["channel"]: {"versions": row["versions"], "bytes": int(row["bytes"])} for row in rows
    }
    values = {
        "count": sum(one["versions"] for one in channels.values()),
        "bytes": sum(one["bytes"] for one in channels.values()),
    }
    return {
        "thread_id": str(thread_id),
        "total_bytes": checkpoints["bytes"] + values["bytes"] + writes["bytes"],
        "checkpoints": checkpoints,
        "channel_values": values | {"by_channel": channels},
        "pending_writes": writes,
    }


def keep_latest(thread_id: UUID) -> None:
    """Forget what a thread was before; where it stands stays, and can be gone on from."""
    with checkpointer.saver() as saver:
        try:
            saver.prune([str(thread_id)], strategy="keep_latest")
        except NotImplementedError:
            raise InvalidInput(
                "This thread's graph builds its state from older checkpoints: they must stay."
            ) from None


def _counted(row: Any) -> dict[str, int]:
    return {"count": row["count"], "bytes": int(row["bytes"])}
