"""The port to LangGraph: the only package that imports it."""

from __future__ import annotations

from runs.runtime import auth, checkpointer, registry, store
from runs.runtime.channels import channels
from runs.runtime.description import (
    Picture,
    PicturedEdge,
    PicturedNode,
    drawing,
    has_node,
    nodes,
    picture,
    schemas,
    standing_at,
    subgraphs,
)
from runs.runtime.execution import execute
from runs.runtime.failures import error_body
from runs.runtime.jsonable import jsonable
from runs.runtime.spec import (
    PROTOCOL,
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
    head,
    history,
    pending,
    read_state,
    rollback,
    write_state,
    write_supersteps,
    written_by,
)
from runs.runtime.storage import keep_latest, sizes

__all__ = [
    "PROTOCOL",
    "AskedInterrupt",
    "Durability",
    "Emit",
    "Nodes",
    "Outcome",
    "PausedAt",
    "Pending",
    "Picture",
    "PicturedEdge",
    "PicturedNode",
    "RunSpec",
    "StateUpdate",
    "auth",
    "channels",
    "checkpointer",
    "copy_checkpoints",
    "delete_checkpoints",
    "drawing",
    "error_body",
    "execute",
    "has_node",
    "head",
    "history",
    "jsonable",
    "keep_latest",
    "nodes",
    "pending",
    "picture",
    "read_state",
    "registry",
    "rollback",
    "schemas",
    "sizes",
    "standing_at",
    "store",
    "subgraphs",
    "write_state",
    "write_supersteps",
    "written_by",
]
