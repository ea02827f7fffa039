"""What was decided and can still be undone, with the seconds that are left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.timezone import now

from reviews.models import Delivery

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SHOWN = 3


@dataclass(frozen=True)
class Sending:
    """A held decision, as a bar that runs out."""

    delivery: Delivery
    seconds: int  # that are left
    of: int


def sending_of(delivery: Delivery) -> Sending | None:
    """The time left to undo a decision; None when it is not held."""
    if delivery.state != Delivery.State.RECORDED or delivery.send_after is None:
        return None
    left = (delivery.send_after - now()).total_seconds()
    if left <= 0:
        return None
    whole = (delivery.send_after - delivery.decision.created_at).total_seconds()
    return Sending(delivery, math.ceil(left), max(1, round(whole)))


def sending_by(user: User) -> list[Sending]:
    """The decisions of a person that are about to be sent, newest first."""
    held = Delivery.objects.held().filter(decision__reviewer=user)
    rows = held.select_related("decision", "task").defer("task__value", "task__response_schema")
    found = [sending_of(row) for row in rows.order_by("-decision_id")[:SHOWN]]
    return [sending for sending in found if sending]
