"""Threads as tests of their pages read and lengthen them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.urls import reverse

from runs import services as runs
from runs.models import Run, Thread
from runs.runtime import checkpointer
from tests.console import wait_for


def words(response: Any) -> str:
    """The page as a person reads it, however its lines are broken."""
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", unescape(text))


def thread_url(thread_id: object) -> str:
    return reverse("reviews:thread", args=[thread_id])


def checkpoint_url(thread_id: object, checkpoint_id: str, **query: str) -> str:
    return reverse("reviews:checkpoint", args=[thread_id, checkpoint_id], query=query or None)


def settled(run: Run) -> Run:
    wait_for(lambda: not Run.objects.active().filter(pk=run.pk).exists(), what=f"{run} settled")
    return Run.objects.get(pk=run.pk)


def step_after(thread: Thread, node: str) -> str:
    """The checkpoint a node's step led to, the newest one."""
    found = runs.steps_of(thread, limit=100)
    return next(step.checkpoint_id for step in found if node in step.nodes)


def lengthen(thread: Thread, count: int) -> None:
    """As many more checkpoints as after a long conversation: each like the last, and after it."""
    with checkpointer.connection() as tables:
        tables.execute(
            """
            WITH head AS (
                SELECT *, left(checkpoint_id, 24) AS start FROM checkpoints
                WHERE thread_id = %s ORDER BY checkpoint_id DESC LIMIT 1)
            INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id,
                                     parent_checkpoint_id, type, checkpoint, metadata)
            SELECT thread_id, checkpoint_ns, replace(start, '-8', '-9') || lpad(n::text, 12, '0'),
                   CASE n WHEN 1 THEN checkpoint_id
                          ELSE replace(start, '-8', '-9') || lpad((n - 1)::text, 12, '0') END,
                   type, checkpoint, metadata
            FROM head, generate_series(1, %s) AS n
            """,
            (str(thread.pk), count),
        )
