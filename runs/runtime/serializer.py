"""How checkpoints are read: what is not of a known type is an error and never data."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import Any

assert os.environ.get("LANGGRAPH_STRICT_MSGPACK") == "true", "must be set before langgraph loads"

from langgraph.checkpoint.serde import _msgpack  # noqa: E402
from langgraph.checkpoint.serde.event_hooks import (  # noqa: E402
    SerdeEvent,
    register_serde_event_listener,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer  # noqa: E402

from runs.exceptions import CheckpointRefused  # noqa: E402

assert _msgpack.STRICT_MSGPACK_ENABLED, "langgraph was loaded before it was told to be strict"

_blocked: ContextVar[list[str] | None] = ContextVar("blocked", default=None)


class StrictSerializer(JsonPlusSerializer):
    """LangGraph's own, but for what it would leave out without a word."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value; raises when any part of it was not let in."""
        blocked: list[str] = []
        outside = _blocked.set(blocked)
        try:
            value = super().loads_typed(data)
        finally:
            _blocked.reset(outside)
        if blocked:
            raise CheckpointRefused(f"{CheckpointRefused.default_detail} It is {blocked[0]}.")
        return value


def _note(event: SerdeEvent) -> None:
    found = _blocked.get()
    if found is not None and event["kind"].endswith("blocked"):
        found.append(f"{event['module']}.{event['name']}")


register_serde_event_listener(_note)
