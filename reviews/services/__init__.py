"""Every change to what people are asked and what they answer."""

from __future__ import annotations

from reviews.services.claims import claim_task, release_task
from reviews.services.decisions import decide, record_answers
from reviews.services.holds import send_decisions, sweep_decisions, undo_decision
from reviews.services.recovery import reconcile_tasks
from reviews.services.repair import accept_change, repair
from reviews.services.tasks import close_tasks, open_tasks, refuse_ways_around

__all__ = [
    "accept_change",
    "claim_task",
    "close_tasks",
    "decide",
    "open_tasks",
    "reconcile_tasks",
    "record_answers",
    "refuse_ways_around",
    "release_task",
    "repair",
    "send_decisions",
    "sweep_decisions",
    "undo_decision",
]
