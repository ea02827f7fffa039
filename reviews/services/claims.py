"""Claims: who works on a task, for as long as a lease lasts."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Greatest
from django.utils.timezone import now

from reviews import live
from reviews.exceptions import AlreadyDecided, CannotReview, ClaimedByOther
from reviews.models import CLAIM, GIVEN, Decision, ReviewTask
from reviews.services import audit, drafts

RENEWAL = timedelta(minutes=1)  # what a lease has to have lost before it is written again


@transaction.atomic
def claim_task(*, task: ReviewTask, reviewer: User, via: str = Decision.Via.PAGE) -> ReviewTask:
    """Take an open task, or renew one's own claim, for at least fifteen minutes."""
    is_free = Q(claimed_by=None) | Q(claimed_until__lte=now()) | Q(claimed_by=reviewer)
    rows = ReviewTask.objects.open().filter(is_free, pk=task.pk)
    until = Greatest("claimed_until", now() + CLAIM)
    if not rows.update(claimed_by=reviewer, claimed_until=until):
        _refuse(task)
    return _changed(task, reviewer, "claimed", via)


def renew_claim(*, task: ReviewTask, reviewer: User) -> None:
    """Let one's running claim last fifteen minutes from now; nobody has to be told."""
    until = now() + CLAIM
    rows = ReviewTask.objects.claimed_by(reviewer).filter(claimed_until__lt=until - RENEWAL)
    rows.filter(pk=task.pk).update(claimed_until=until)


@transaction.atomic
def take_over_task(
    *, task: ReviewTask, reviewer: User, holder_id: int | None, via: str = Decision.Via.PAGE
) -> ReviewTask:
    """Take the claim of `holder_id`, whom the reviewer saw at work, and of nobody else."""
    task.refresh_from_db(fields=["claimed_by", "claimed_until"])
    if task.holder in (None, reviewer):
        return claim_task(task=task, reviewer=reviewer, via=via)
    former = task.holder
    rows = ReviewTask.objects.open().filter(pk=task.pk, claimed_by=former)
    if former.pk != holder_id or not rows.update(claimed_by=reviewer, claimed_until=now() + CLAIM):
        _refuse(task)
    return _changed(task, reviewer, "taken_over", via, {"from": former.get_username()})


@transaction.atomic
def hand_over_task(
    *, task: ReviewTask, reviewer: User, to: User, via: str = Decision.Via.PAGE
) -> ReviewTask:
    """Give one's claim to somebody else who reviews the task, with one's draft if there is one."""
    if not ReviewTask.objects.visible_to(to).filter(pk=task.pk).exists():
        raise CannotReview(task)
    rows = ReviewTask.objects.claimed_by(reviewer).filter(pk=task.pk)
    if not rows.update(claimed_by=to, claimed_until=now() + GIVEN):
        _refuse(task)
    drafts.pass_on(task=task, author=reviewer, to=to)
    return _changed(task, reviewer, "handed_over", via, {"to": to.get_username()})


@transaction.atomic
def assign_task(
    *, task: ReviewTask, reviewer: User, to: User, via: str = Decision.Via.PAGE
) -> ReviewTask:
    """Give a task to somebody who reviews it: one that is free, or one's own to hand over."""
    if task.holder == reviewer:
        return hand_over_task(task=task, reviewer=reviewer, to=to, via=via)
    if not ReviewTask.objects.visible_to(to).filter(pk=task.pk).exists():
        raise CannotReview(task)
    is_free = Q(claimed_by=None) | Q(claimed_until__lte=now()) | Q(claimed_by=to)
    rows = ReviewTask.objects.open().filter(is_free, pk=task.pk)
    if not rows.update(claimed_by=to, claimed_until=now() + GIVEN):
        _refuse(task)
    return _changed(task, reviewer, "assigned", via, {"to": to.get_username()})


@transaction.atomic
def release_task(*, task: ReviewTask, reviewer: User, via: str = Decision.Via.PAGE) -> ReviewTask:
    """Give one's claim back; a claim that is not one's own stays."""
    rows = ReviewTask.objects.filter(pk=task.pk, claimed_by=reviewer)
    if not rows.update(claimed_by=None, claimed_until=None):
        _refuse(task)
    return _changed(task, reviewer, "released", via)


def _changed(
    task: ReviewTask, reviewer: User, what: str, via: str, details: dict[str, str] | None = None
) -> ReviewTask:
    live.tell(task, "released" if what == "released" else "claimed")
    audit.record(
        action=f"task.{what}", object=f"task:{task.pk}", actor=reviewer, via=via, details=details
    )
    task.refresh_from_db(fields=["claimed_by", "claimed_until"])
    return task


def _refuse(task: ReviewTask) -> None:
    task.refresh_from_db()
    if not task.is_open:
        raise AlreadyDecided(task, Decision.objects.standing_on(task))
    raise ClaimedByOther(task)
