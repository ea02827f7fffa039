"""The port to LangGraph: the only package that imports it."""

from __future__ import annotations

from runs.runtime import checkpointer, registry
from runs.runtime.description import drawing, nodes, schemas, subgraphs
from runs.runtime.execution import error_body, execute
from runs.runtime.jsonable import jsonable
from runs.runtime.spec import (
    AskedInterrupt,
    Durability,
    Emit,
    Nodes,
    Outcome,
    PausedAt,
    Pending,
    RunSpec,
    StateUpdate,
)
from runs.runtime.state import (
    copy_checkpoints,
    delete_checkpoints,
    history,
    pending,
    read_state,
    write_state,
)

__all__ = [
    "AskedInterrupt",
    "Durability",
    "Emit",
    "Nodes",
    "Outcome",
    "PausedAt",
    "Pending",
    "RunSpec",
    "StateUpdate",
    "checkpointer",
    "copy_checkpoints",
    "delete_checkpoints",
    "drawing",
    "error_body",
    "execute",
    "history",
    "jsonable",
    "nodes",
    "pending",
    "read_state",
    "registry",
    "schemas",
    "subgraphs",
    "write_state",
]
