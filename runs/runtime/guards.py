"""Cheap questions asked just before something irreversible: is the thread still where it was?"""

from __future__ import annotations

from uuid import UUID

from runs.runtime import checkpointer, registry

HEAD = """
    SELECT checkpoint_id FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = ''
    ORDER BY checkpoint_id DESC LIMIT 1
"""
# Every table of a checkpoint, the row that names its run last.
ROLLBACK = (
    """
    DELETE FROM checkpoint_writes WHERE thread_id = %(thread)s AND checkpoint_id IN (
        SELECT checkpoint_id FROM checkpoints
        WHERE thread_id = %(thread)s AND metadata ->> 'run_id' = %(run)s)
    """,
    "DELETE FROM checkpoints WHERE thread_id = %(thread)s AND metadata ->> 'run_id' = %(run)s",
)


def head(thread_id: UUID) -> str | None:
    """The id of a thread's latest checkpoint; one query, no graph."""
    with checkpointer.connection() as connection:
        row = connection.execute(HEAD, [str(thread_id)]).fetchone()
    return row["checkpoint_id"] if row else None


def has_node(graph_id: str, namespace: str, node: str) -> bool:
    """Whether the graph as deployed still has the node, or the subgraph node, that asked."""
    outermost = namespace.split("|")[0].split(":")[0] or node
    known = set(registry.graph(graph_id).nodes)
    return all(name in known for name in outermost.split(", "))


def rollback(thread_id: UUID, run_id: UUID) -> None:
    """Forget the checkpoints a run has written, as if it had never been."""
    names = {"thread": str(thread_id), "run": str(run_id)}
    with checkpointer.connection() as connection, connection.transaction():
        for statement in ROLLBACK:
            connection.execute(statement, names)
