"""Claims: who works on a task, for as long as a lease lasts."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from reviews import live
from reviews.exceptions import AlreadyDecided, ClaimedByOther
from reviews.models import CLAIM, Decision, ReviewTask
from reviews.services import audit


@transaction.atomic
def claim_task(*, task: ReviewTask, reviewer: User, via: str = Decision.Via.PAGE) -> ReviewTask:
    """Take an open task, or renew one's own claim, for fifteen minutes."""
    is_free = Q(claimed_by=None) | Q(claimed_until__lte=now()) | Q(claimed_by=reviewer)
    rows = ReviewTask.objects.open().filter(is_free, pk=task.pk)
    if not rows.update(claimed_by=reviewer, claimed_until=now() + CLAIM):
        _refuse(task)
    live.tell(task, "claimed")
    audit.record(action="task.claimed", object=f"task:{task.pk}", actor=reviewer, via=via)
    task.refresh_from_db(fields=["claimed_by", "claimed_until"])
    return task


@transaction.atomic
def release_task(*, task: ReviewTask, reviewer: User, via: str = Decision.Via.PAGE) -> ReviewTask:
    """Give one's claim back; a claim that is not one's own stays."""
    rows = ReviewTask.objects.filter(pk=task.pk, claimed_by=reviewer)
    if not rows.update(claimed_by=None, claimed_until=None):
        _refuse(task)
    live.tell(task, "released")
    audit.record(action="task.released", object=f"task:{task.pk}", actor=reviewer, via=via)
    task.refresh_from_db(fields=["claimed_by", "claimed_until"])
    return task


def _refuse(task: ReviewTask) -> None:
    task.refresh_from_db()
    if not task.is_open:
        raise AlreadyDecided(task, Decision.objects.standing_on(task))
    raise ClaimedByOther(task)
