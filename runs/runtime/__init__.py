"""The port to LangGraph: the only package that imports it."""

from __future__ import annotations

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
]
