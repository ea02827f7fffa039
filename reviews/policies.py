"""Pure: which policy fits what was asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reviews.models import ReviewPolicy


def protects(policies: Iterable[ReviewPolicy], graph_ids: Collection[str]) -> bool:
    """Whether some node of the graphs is for reviewers only: then nobody may go around it."""
    return any(
        policy.is_guarded and (not policy.graph_id or policy.graph_id in graph_ids)
        for policy in policies
    )


def fitting(
    policies: Iterable[ReviewPolicy], *, graph_id: str, nodes: Collection[str]
) -> ReviewPolicy | None:
    """The first policy, in their order, whose graph and node fit; empty fits everything.

    Of several nodes that wait together, the most guarded one binds them all.
    """
    of_graph = [policy for policy in policies if policy.graph_id in ("", graph_id)]
    firsts = [
        next((policy for policy in of_graph if policy.node in ("", node)), None) for node in nodes
    ]
    found = [policy for policy in firsts if policy is not None]
    return max(found, key=lambda policy: (policy.high_risk, policy.is_guarded), default=None)
