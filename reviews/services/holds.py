"""Holds: a decision may wait a few seconds before it is sent, and can be undone meanwhile."""

from __future__ import annotations

import logging
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.timezone import now

from reviews import live
from reviews.exceptions import AlreadySent, NotYours
from reviews.models import CLAIM, Decision, Delivery, ReviewTask
from reviews.services import audit
from reviews.services.decisions import send_if_complete
from runs.exceptions import GraphChanged, GraphDiffers, RunsError, StaleThread
from runs.models import Thread

Status, State = ReviewTask.Status, Delivery.State

logger = logging.getLogger(__name__)


@transaction.atomic
def undo_decision(*, decision: Decision, reviewer: User, via: str = Decision.Via.API) -> ReviewTask:
    """Take back a decision that was not sent; its task is open again, claimed by the reviewer.

    Raises NotYours, or AlreadySent when the agent has it.
    """
    task = decision.task
    Thread.objects.select_for_update(no_key=True).filter(pk=task.thread_id).first()
    if reviewer.pk != decision.reviewer_id and not reviewer.is_staff:
        raise NotYours(task)
    rows = Delivery.objects.filter(decision=decision)
    if not rows.move(expect=(State.RECORDED,), to=State.UNDONE):
        task.refresh_from_db()
        raise AlreadySent(task)
    ReviewTask.objects.move(task.pk, expect=Status.DECIDED, to=Status.OPEN)
    ReviewTask.objects.filter(pk=task.pk).update(claimed_by=reviewer, claimed_until=now() + CLAIM)
    live.tell(task, Status.OPEN)
    audit.record(
        action="task.undone",
        object=f"task:{task.pk}",
        actor=reviewer,
        via=via,
        details={"decision": decision.pk},
    )
    task.refresh_from_db()
    return task


def send_decisions(*, thread_id: UUID) -> None:
    """Send what was decided on a thread if nothing is open or held there any more."""
    try:
        with transaction.atomic():
            thread = Thread.objects.select_for_update(no_key=True).filter(pk=thread_id).first()
            if thread is not None:
                send_if_complete(thread)
    except GraphDiffers:
        _give_back(thread_id, Status.OPEN)
    except (StaleThread, GraphChanged):
        _give_back(thread_id, Status.SUPERSEDED)


def sweep_decisions() -> None:
    """Send the decisions whose hold is over and whose job was lost or failed."""
    for thread_id in (
        Delivery.objects.overdue().values_list("task__thread_id", flat=True).distinct()
    ):
        try:
            send_decisions(thread_id=thread_id)
        except RunsError as error:
            logger.warning("thread %s: its decisions cannot be sent yet: %s", thread_id, error)


@transaction.atomic
def _give_back(thread_id: UUID, status: str) -> None:
    """What was decided during the hold no longer fits the thread: nothing is sent."""
    Thread.objects.lock(thread_id)
    tasks = ReviewTask.objects.on(thread_id).filter(deliveries__state=State.RECORDED)
    for task in list(tasks):
        task.deliveries.all().move(expect=(State.RECORDED,), to=State.REFUSED)
        ReviewTask.objects.move(task.pk, expect=Status.DECIDED, to=status)
        live.tell(task, status)
        audit.record(action="delivery.refused", object=f"task:{task.pk}", details={"task": status})
