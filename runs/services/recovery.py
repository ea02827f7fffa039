"""Threads whose rows and checkpoints disagree: found by a cheap query, put right from the latter.

This should never find anything: interrupts are recorded in the transaction that settles a run. It
is for what nobody foresaw: a settlement that failed for good, a restored backup, a hand in the
database.
"""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import connection, transaction

from runs import runtime
from runs.models import Run, Thread
from runs.runtime import PausedAt
from runs.services import interrupts
from runs.services.execution import wire_interrupts

SETTLED_AFTER = 10  # seconds a thread is left alone after its last change

# Threads at rest that say they wait but have no question open (a cancelled run leaves such a
# thread, and says so in its error), whose question was asked at another checkpoint than the
# latest, or whose latest checkpoint asks something nobody was told of.
SUSPECTS = """
    WITH resting AS (
        SELECT thread.id, thread.status, thread.error, head.checkpoint_id
        FROM runs_thread thread, LATERAL (
            SELECT checkpoint_id FROM checkpoints
            WHERE thread_id = thread.id::text AND checkpoint_ns = ''
            ORDER BY checkpoint_id DESC LIMIT 1) AS head
        WHERE thread.updated_at < now() - make_interval(secs => %(age)s)
          AND thread.updated_at > now() - make_interval(secs => %(since)s)
          AND NOT EXISTS (SELECT FROM runs_run run WHERE run.thread_id = thread.id
                          AND run.status IN ('pending', 'running')))
    SELECT id FROM resting
    WHERE (status = 'interrupted' AND error IS NULL AND NOT EXISTS (
               SELECT FROM runs_interrupt asked
               WHERE asked.thread_id = resting.id AND asked.status <> 'closed'))
       OR EXISTS (SELECT FROM runs_interrupt asked WHERE asked.thread_id = resting.id
                  AND asked.status <> 'closed' AND asked.checkpoint_id <> resting.checkpoint_id)
       OR (EXISTS (SELECT FROM checkpoint_writes written
                   WHERE written.thread_id = resting.id::text AND written.checkpoint_ns = ''
                     AND written.checkpoint_id = resting.checkpoint_id
                     AND written.channel = '__interrupt__')
           AND NOT EXISTS (SELECT FROM runs_interrupt asked WHERE asked.thread_id = resting.id
                           AND asked.checkpoint_id = resting.checkpoint_id
                           AND (asked.status <> 'closed' OR asked.answered_by_id IS NOT NULL)))
    LIMIT 100
"""

logger = logging.getLogger(__name__)


def reconcile(*, since: float) -> list[UUID]:
    """Put right the threads that changed in the last `since` seconds; returns those it touched."""
    with connection.cursor() as cursor:
        cursor.execute(SUSPECTS, {"age": SETTLED_AFTER, "since": since})
        suspects = [row[0] for row in cursor.fetchall()]
    return [thread_id for thread_id in suspects if reconcile_thread(thread_id)]


@transaction.atomic
def reconcile_thread(thread_id: UUID) -> bool:
    """Make a resting thread's rows and tasks say what its checkpoint says; False if it is busy."""
    thread = Thread.objects.lock(thread_id)
    run = Run.objects.on(thread_id).order_by("-pk").first()
    if run is None or run.is_active:
        return False
    state = runtime.pending(thread_id, run.graph_id)
    waits = state.next and not state.interrupts and thread.status == Thread.Status.INTERRUPTED
    interrupts.record(
        thread,
        run,
        state.interrupts,
        PausedAt(state.next, "before") if waits else None,
        checkpoint_id=state.checkpoint_id,
        values=state.values,
        stuck=state.answered,
    )
    waiting = Thread.Status.INTERRUPTED if state.next else Thread.Status.IDLE
    Thread.objects.filter(pk=thread_id).update(
        status=thread.status if thread.status == Thread.Status.ERROR else waiting,
        values=state.values,
        interrupts=wire_interrupts(state.interrupts),
    )
    logger.warning("thread %s: rows and checkpoint disagreed, put right", thread_id)
    return True
