"""A run's way through a worker: taken by compare-and-set, held by a lease, settled at once."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now
from django.utils.timezone import now

from runs import events, queue, runtime
from runs.exceptions import LeaseLost, RunsError
from runs.models import Interrupt, Run, Thread
from runs.runtime import AskedInterrupt, Outcome
from runs.services import detours, interrupts, webhooks
from runs.services.discarding import discard_thread
from runs.signals import run_finished, run_recovered

Held = tuple[UUID, int]  # a run and the attempt of it a worker holds

PENDING, RUNNING = Run.Status.PENDING, Run.Status.RUNNING
LEASE = timedelta(seconds=settings.RUN_LEASE)
LEFT_BEHIND = timedelta(seconds=30)  # time to fetch what a stateless run has said

logger = logging.getLogger(__name__)


def start_run(run_id: UUID) -> Run | None:
    """Take a pending run for this worker; None when it is cancelled or somebody else's."""
    hold = {
        "attempt": F("attempt") + 1,
        "lease_until": Now() + LEASE,
        "started_at": Coalesce("started_at", Now()),
    }
    try:
        taken = Run.objects.transition(run_id, expect=[PENDING], to=RUNNING, **hold)
    except IntegrityError:  # one_running_run_per_thread
        return None
    return Run.objects.get(pk=run_id) if taken else None


def renew_leases(held: Collection[Held]) -> set[Held]:
    """Keep what a worker works on; returns what it has lost: cancelled, deleted or handed on."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE runs_run SET lease_until = now() + make_interval(secs => %s)
            FROM unnest(%s::uuid[], %s::int[]) AS held(id, attempt)
            WHERE runs_run.id = held.id AND runs_run.attempt = held.attempt AND status = 'running'
            RETURNING runs_run.id, runs_run.attempt
            """,
            [settings.RUN_LEASE, [run_id for run_id, _ in held], [attempt for _, attempt in held]],
        )
        missing = set(held) - set(cursor.fetchall())
    return missing - _settled(missing) if missing else missing


def _settled(held: Collection[Held]) -> set[Held]:
    """Those that came to their end a moment ago, in the hands that hold them."""
    runs = Run.objects.filter(pk__in=[run_id for run_id, _ in held]).exclude(
        status__in=[*Run.ACTIVE, Run.Status.INTERRUPTED]
    )
    return set(runs.values_list("pk", "attempt"))


@transaction.atomic
def settle_run(*, run: Run, outcome: Outcome) -> None:
    """A run came to its end or to a pause: run, thread, interrupts, events, tasks, at once."""
    thread = Thread.objects.lock(run.thread_id)
    _finish(run, Run.Status.SUCCESS, output=outcome.output)
    interrupts.record(
        thread,
        run,
        outcome.interrupts,
        outcome.paused_at,
        checkpoint_id=outcome.checkpoint_id,
        values=outcome.values,
    )
    _close_stream(run, outcome.closing)
    release_thread(
        thread,
        Thread.Status.INTERRUPTED if outcome.next else Thread.Status.IDLE,
        values=outcome.values,
        interrupts=wire_interrupts(outcome.interrupts),
        error=None,
    )
    webhooks.announce(run, outcome.values)
    run_finished.send(sender=Run, run=run)


@transaction.atomic
def fail_run(
    *, run: Run, error: dict[str, Any], status: str = Run.Status.ERROR, is_held: bool = True
) -> None:
    """A run ended badly; an answer it did not take is asked for again, one it took is stuck."""
    thread = Thread.objects.lock(run.thread_id)
    _finish(run, status, output={"__error__": error}, error=error, is_held=is_held)
    state = runtime.pending(run.thread_id, run.graph_id)
    answered = set(Interrupt.objects.filter(answered_by=run).values_list("key", flat=True))
    interrupts.record(
        thread,
        run,
        state.interrupts,
        None,
        checkpoint_id=state.checkpoint_id,
        values=state.values,
        stuck=state.answered,
    )
    _close_stream(run, [("error", error)])
    release_thread(
        thread,
        Thread.Status.ERROR,
        values=state.values,
        interrupts=wire_interrupts(i for i in state.interrupts if i.interrupt_id not in answered),
        error=error,
    )
    webhooks.announce(run, state.values)
    run_finished.send(sender=Run, run=run)


@transaction.atomic
def hand_back_run(*, run: Run) -> None:
    """This worker must stop: another goes on from the last checkpoint, and no crash is counted."""
    if Run.objects.held(run).update(status=PENDING, lease_until=None, updated_at=now()):
        queue.defer_run(run)


def sweep_runs() -> int:
    """Hand on the runs whose worker died or whose job is gone; returns how many.

    Also deletes the threads of stateless runs that are over and that no client came back for.
    """
    swept = 0
    for run in Run.objects.abandoned().order_by("lease_until")[:100]:
        swept += _take_from_the_dead(run)
    for run_id in _orphans():
        swept += _queue_again(run_id)
    for thread_id in Thread.objects.left_behind(LEFT_BEHIND).values_list("pk", flat=True)[:100]:
        discard_thread(thread_id=thread_id)
    return swept


def _take_from_the_dead(run: Run) -> bool:
    if run.crashes + 1 >= settings.RUN_ATTEMPTS:
        message = f"The worker died {run.crashes + 1} times while it executed this run."
        try:
            fail_run(run=run, error={"error": "WorkerDied", "message": message})
        except LeaseLost:
            return False
        except Exception:  # the thread must be free, whatever keeps it from being settled
            logger.exception("run %s cannot be settled", run.pk)
            _give_up(run, {"error": "WorkerDied", "message": message})
        logger.error("run %s failed: %s", run.pk, message)
        run_recovered.send(sender=Run, run=run, what="failed")
        return True
    with transaction.atomic():
        Thread.objects.lock(run.thread_id)
        moved = (
            Run.objects.held(run)
            .abandoned()
            .update(status=PENDING, lease_until=None, crashes=F("crashes") + 1, updated_at=now())
        )
        if moved:
            queue.defer_run(run)
            logger.warning("run %s: its worker died, handed on", run.pk)
            run_recovered.send(sender=Run, run=run, what="handed_on")
    return bool(moved)


@transaction.atomic
def _give_up(run: Run, error: dict[str, Any]) -> None:
    """End a run and free its thread, and nothing else; what it asked is left to `reconcile`."""
    thread = Thread.objects.lock(run.thread_id)
    _finish(run, Run.Status.ERROR, output={"__error__": error}, error=error)
    _close_stream(run, [("error", error)])
    release_thread(thread, Thread.Status.ERROR, error=error)
    webhooks.announce(run, None)


def _orphans() -> list[UUID]:
    """Pending runs at the head of their thread that no job has started for a whole lease.

    A job that some worker has taken counts for nothing: whoever lost Postgres between taking it
    and starting the run forgets it, and goes on living. A second job finds the run taken.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT run.id FROM runs_run run
            LEFT JOIN procrastinate_jobs job ON job.id = run.job_id AND job.status = 'todo'
            WHERE run.status = 'pending' AND job.id IS NULL
              AND greatest(run.not_before, run.updated_at)
                < now() - make_interval(secs => %(age)s)
              AND NOT EXISTS (
                SELECT FROM runs_run other WHERE other.thread_id = run.thread_id
                AND (other.status = 'running' OR other.status = 'pending' AND other.id < run.id))
            LIMIT 100
            """,
            {"age": settings.RUN_LEASE},
        )
        return [row[0] for row in cursor.fetchall()]


@transaction.atomic
def _queue_again(run_id: UUID) -> bool:
    run = Run.objects.select_for_update(skip_locked=True).filter(pk=run_id, status=PENDING).first()
    if run is None:
        return False
    Run.objects.filter(pk=run_id).update(updated_at=now())
    queue.defer_run(run)
    logger.warning("run %s: its job was lost, queued again", run_id)
    run_recovered.send(sender=Run, run=run, what="queued_again")
    return True


def start_next(thread: Thread) -> bool:
    """Queue the oldest waiting run of an unoccupied thread; the thread's row must be locked.

    One that would pass what the thread has come to wait for fails instead.
    """
    for run in Run.objects.on(thread.pk).filter(status=PENDING).order_by("pk"):
        try:
            detours.refuse_in_turn(thread, run)
        except RunsError as error:
            _refuse(run, error)
            continue
        leave_questions_behind(thread, run)
        queue.defer_run(run)
        return True
    return False


def _refuse(run: Run, reason: RunsError) -> None:
    error = {"error": type(reason).__name__, "message": str(reason.detail)}
    _finish(run, Run.Status.ERROR, is_held=False, output={"__error__": error}, error=error)
    _close_stream(run, [("error", error)])
    webhooks.announce(run, None)
    run_finished.send(sender=Run, run=run)


def leave_questions_behind(thread: Thread, run: Run) -> None:
    """A run with new input starts over: what the thread waited for is never answered."""
    if interrupts.starts_over(run.kwargs):
        interrupts.close_all(thread, reason="superseded")


def wire_interrupts(asked: Iterable[AskedInterrupt]) -> dict[str, list[dict[str, Any]]]:
    """`Thread.interrupts`: a map of task id to the interrupts of that task."""
    by_task: dict[str, list[dict[str, Any]]] = {}
    for item in asked:
        entry = {"id": item.interrupt_id, "value": item.value}
        if item.response_schema is not None:
            entry["response_schema"] = item.response_schema
        by_task.setdefault(item.root_task_id, []).append(entry)
    return by_task


def _finish(run: Run, status: str, *, is_held: bool = True, **fields: Any) -> None:
    """Write the end of a run if this attempt of it still holds it."""
    rows = Run.objects.held(run) if is_held else Run.objects.active().filter(pk=run.pk)
    if not rows.update(status=status, lease_until=None, updated_at=now(), **fields):
        raise LeaseLost
    run.status = status
    for name, value in fields.items():
        setattr(run, name, value)


def _close_stream(run: Run, closing: list[events.Chunk]) -> None:
    if run.is_streamed:
        events.write(run, [*closing, (events.END, None)])
    events.announce(run)


def release_thread(thread: Thread, status: str, **fields: Any) -> None:
    """Leave a thread after a run: to the next one in line, or with this status."""
    if start_next(thread):
        status = Thread.Status.BUSY
    moment = now()
    Thread.objects.filter(pk=thread.pk).update(
        status=status, updated_at=moment, state_updated_at=moment, **fields
    )
