"""Pure: which policy fits what was asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reviews.models import ReviewPolicy


def fitting(policies: Iterable[ReviewPolicy], *, graph_id: str, node: str) -> ReviewPolicy | None:
    """The first policy, in their order, whose graph and node fit; empty fits everything."""
    for policy in policies:
        if policy.graph_id in ("", graph_id) and policy.node in ("", node):
            return policy
    return None
