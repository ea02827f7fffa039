"""Jobs of reviews: they commit with the rows that cause them, and outlive every process."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from procrastinate.contrib.django import app

QUEUE = "runs"
SEND = "reviews.tasks.send_decisions"
BATCH = "reviews.tasks.run_batch"


def send_later(thread_id: UUID, at: datetime) -> None:
    """Queue the sending of a thread's decisions for when a hold is over."""
    app.configure_task(SEND, queue=QUEUE, schedule_at=at).defer(thread_id=str(thread_id))


def run_batch(batch_id: int) -> None:
    """Queue what is left of a batch."""
    app.configure_task(BATCH, queue=QUEUE).defer(batch_id=batch_id)
