"""Tasks that cannot simply be decided: stuck behind an answer, or asked by a graph that changed."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from reviews import live
from reviews.exceptions import NotStuck, Superseded
from reviews.models import Decision, Delivery, Repair, ReviewTask
from reviews.services import audit
from reviews.services.tasks import identity_of
from runs import services as runs
from runs.exceptions import RunsError
from runs.models import Run, Thread

State = Delivery.State
HOW = {Repair.RETRY: runs.retry_answer, Repair.ASK_AGAIN: runs.ask_again}


@transaction.atomic
def repair(*, task: ReviewTask, reviewer: User, kind: str, via: str = Decision.Via.API) -> Decision:
    """Retry a stuck task with the answer its node has taken, or have the question asked again."""
    _lock(task)
    failed = Decision.objects.standing_on(task)
    if task.status != ReviewTask.Status.FAILED or failed is None or task.interrupt is None:
        raise NotStuck(task)
    try:
        run = HOW[Repair(kind)](interrupt=task.interrupt, actor=reviewer)
    except RunsError as error:
        raise NotStuck(task) from error
    failed.delivery.state = State.REPAIRED
    failed.delivery.save(update_fields=["state"])
    decision = _record(task, failed, run, reviewer, kind, via)
    ReviewTask.objects.move(task.pk, expect=ReviewTask.Status.FAILED, to=ReviewTask.Status.DECIDED)
    live.tell(task, ReviewTask.Status.DECIDED)
    return decision


@transaction.atomic
def accept_change(*, task: ReviewTask, reviewer: User, via: str = Decision.Via.API) -> ReviewTask:
    """Let an open task be decided although its graph was changed since it asked.

    Raises Superseded when its thread is gone.
    """
    _lock(task)
    if task.is_open and task.interrupt is not None:
        task.fingerprint = runs.accept_graph(interrupt=task.interrupt)
        task.digest = identity_of(task)
        task.save(update_fields=["fingerprint", "digest"])
        live.tell(task, ReviewTask.Status.OPEN)
        audit.record(
            action="task.change_accepted",
            object=f"task:{task.pk}",
            actor=reviewer,
            via=via,
            details={"task": task.digest, "graph": task.fingerprint},
        )
    return task


def _lock(task: ReviewTask) -> None:
    """Hold the task's thread, and read the task as it is now."""
    try:
        Thread.objects.lock(task.thread_id)
    except Thread.DoesNotExist:
        raise Superseded(task) from None
    task.refresh_from_db()


def _record(
    task: ReviewTask, failed: Decision, run: Run, reviewer: User, kind: str, via: str
) -> Decision:
    decision = Decision.objects.create(
        task=task,
        reviewer=reviewer,
        kind=kind,
        value=failed.value,
        via=via,
        digest=task.digest,
    )
    Delivery.objects.create(decision=decision, task=task, state=State.DELIVERED, run_id=run.pk)
    audit.record_decision(decision)
    return decision
