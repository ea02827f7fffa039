"""Pure: which policy fits what was asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reviews.models import ReviewPolicy


def protects(policies: Iterable[ReviewPolicy], graph_id: str) -> bool:
    """Whether some node of the graph is for reviewers only: then nobody may go around it."""
    return any(policy.reviewers_only and policy.graph_id in ("", graph_id) for policy in policies)


def fitting(policies: Iterable[ReviewPolicy], *, graph_id: str, node: str) -> ReviewPolicy | None:
    """The first policy, in their order, whose graph and node fit; empty fits everything."""
    for policy in policies:
        if policy.graph_id in ("", graph_id) and policy.node in ("", node):
            return policy
    return None
