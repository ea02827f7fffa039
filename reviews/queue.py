"""Jobs of reviews: they commit with the rows that cause them, and outlive every process."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from procrastinate.contrib.django import app

QUEUE = "runs"
SEND = "reviews.tasks.send_decisions"


def send_later(thread_id: UUID, at: datetime) -> None:
    """Queue the sending of a thread's decisions for when a hold is over."""
    app.configure_task(SEND, queue=QUEUE, schedule_at=at).defer(thread_id=str(thread_id))
