"""Threads nobody asked for: those of stateless runs."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from runs import runtime
from runs.models import Interrupt, Run, Thread


@transaction.atomic
def discard_thread(*, thread_id: UUID) -> None:
    """Delete the thread of a stateless run once it is over and nobody is asked anything on it."""
    thread = Thread.objects.select_for_update(no_key=True).filter(pk=thread_id).first()
    if thread is None or not thread.is_temporary:
        return
    if Run.objects.on(thread.pk).active().exists():
        return
    if Interrupt.objects.on(thread.pk).unsettled().exists():
        return
    runtime.delete_checkpoints(thread.pk)
    thread.delete()


def keep_thread(*, thread_id: UUID) -> None:
    """A client was told of the thread of a stateless run, and may come back to it: it stays."""
    Thread.objects.filter(pk=thread_id, is_temporary=True).update(is_temporary=False)
