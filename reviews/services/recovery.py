"""Tasks without a question and questions without a task: never, but if, then put right."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from reviews import live
from reviews.models import ReviewTask
from reviews.services import audit
from reviews.services.tasks import open_tasks
from runs.models import Interrupt, Thread

Status = ReviewTask.Status
SETTLED_AFTER = timedelta(minutes=5)  # what stays wrong is put right, not what is under way

logger = logging.getLogger(__name__)


def reconcile_tasks() -> int:
    """Close the tasks nobody waits for, open those somebody does; returns how many."""
    gone = Q(interrupt=None) | Q(interrupt__status=Interrupt.Status.CLOSED)
    settled = ReviewTask.objects.filter(created_at__lte=now() - SETTLED_AFTER)
    undecided = settled.filter(gone, status__in=[Status.OPEN, Status.FAILED])
    unseen = Interrupt.objects.pending().filter(review_task=None).select_related("run")
    closed = [task for task in undecided[:100] if _close(task)]
    opened = [interrupt for interrupt in unseen[:100] if _open(interrupt)]
    return len(closed) + len(opened)


@transaction.atomic
def _close(task: ReviewTask) -> bool:
    Thread.objects.select_for_update(no_key=True).filter(pk=task.thread_id).first()
    task.refresh_from_db(fields=["status", "interrupt"])
    waits = task.interrupt and task.interrupt.status != Interrupt.Status.CLOSED
    if waits or not ReviewTask.objects.move(task.pk, expect=task.status, to=Status.SUPERSEDED):
        return False
    live.tell(task, Status.SUPERSEDED)
    audit.record(
        action="task.superseded",
        object=f"task:{task.pk}",
        details={"found": "nobody waits for it any more"},
    )
    logger.warning("task %s: nobody waits for it any more, closed", task.pk)
    return True


@transaction.atomic
def _open(interrupt: Interrupt) -> bool:
    Thread.objects.lock(interrupt.thread_id)
    interrupt.refresh_from_db(fields=["status"])
    has_task = ReviewTask.objects.filter(interrupt=interrupt).exists()
    if has_task or interrupt.status != Interrupt.Status.PENDING:
        return False
    open_tasks(run=interrupt.run, first=[interrupt], again=[])
    logger.warning("interrupt %s had no task: opened one", interrupt.key)
    return True
