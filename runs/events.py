"""The event log of a run: what its clients read, now, later, or again after a broken line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from hitl_console.channel_layer import notify_groups
from runs.exceptions import LeaseLost
from runs.models import Run, RunEvent

Chunk = tuple[str, Any]
BEGIN, END = "metadata", "end"  # the end is never sent to clients: it closes their stream


def group(run_id: UUID) -> str:
    """The group that hears when a run has something new to read."""
    return f"run.{run_id}"


def thread_group(thread_id: UUID) -> str:
    """The group that hears when any run of a thread has something new to read."""
    return f"thread.{thread_id}"


@transaction.atomic
def append(run: Run, chunks: Sequence[Chunk]) -> None:
    """Write chunks of a run this attempt still holds, and wake whoever reads it."""
    if not Run.objects.held(run).select_for_update(no_key=True).exists():
        raise LeaseLost
    write(run, chunks)
    announce(run)


def announce(run: Run) -> None:
    """Wake whoever reads a run, or its thread."""
    notify_groups([group(run.pk), thread_group(run.thread_id)], {"type": "run.changed"})


def write(run: Run, chunks: Sequence[Chunk]) -> None:
    """Write chunks inside the transaction that settles the run."""
    RunEvent.objects.bulk_create(
        RunEvent(run=run, event=event, data=data) for event, data in chunks
    )


def forget(outdated: QuerySet[RunEvent]) -> None:
    """Delete events nobody will read; their runs keep count, so that others keep their numbers."""
    for run_id in set(outdated.order_by().values_list("run_id", flat=True).distinct()):
        with transaction.atomic():
            gone = outdated.filter(run=run_id)
            numbered = gone.exclude(event__in=[BEGIN, END]).count()
            Run.objects.filter(pk=run_id).update(forgotten=F("forgotten") + numbered)
            gone.delete()
