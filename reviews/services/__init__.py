"""Every change to what people are asked and what they answer."""

from __future__ import annotations

from reviews.services.claims import claim_task, release_task
from reviews.services.decisions import decide, record_answers
from reviews.services.tasks import close_tasks, open_tasks

__all__ = [
    "claim_task",
    "close_tasks",
    "decide",
    "open_tasks",
    "record_answers",
    "release_task",
]
