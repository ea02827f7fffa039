"""What a graph looks like, and where its runs are just now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from runs import runtime
from runs.models import Assistant, Run
from runs.runtime import Picture, PicturedNode

__all__ = ["AtWork", "Picture", "PicturedNode", "at_work", "picture_of", "schemas_of"]

LOOKED_AT = 25  # each costs a read of its checkpoint


@dataclass(frozen=True)
class AtWork:
    """The running runs of an assistant, and how many of those looked at are at which node."""

    count: int
    at: Counter[str]

    @property
    def is_partial(self) -> bool:
        """Whether only the newest were looked at."""
        return self.count > LOOKED_AT


def picture_of(graph_id: str) -> Picture:
    """The graph as it is deployed now; raises if it cannot be loaded."""
    return runtime.picture(graph_id)


def schemas_of(graph_id: str) -> dict[str, Any]:
    """What the graph takes, keeps and gives; raises if it cannot be loaded."""
    return runtime.schemas(graph_id)


def at_work(assistant: Assistant) -> AtWork:
    """Where an assistant's running runs are; raises if its graph cannot be loaded."""
    running = Run.objects.filter(assistant=assistant, status=Run.Status.RUNNING)
    threads = [
        run.thread_id
        for run in running.filter(graph_id=assistant.graph_id).order_by("-pk")[:LOOKED_AT]
    ]
    places = runtime.standing_at(assistant.graph_id, threads) if threads else {}
    return AtWork(running.count(), Counter(node for at in places.values() for node in at))
