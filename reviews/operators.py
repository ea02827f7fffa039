"""Who runs agents by hand, and which threads a person may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, QuerySet

from reviews.models import ReviewTask
from runs.models import Thread

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

RIGHT = "runs.operate_thread"


def may_operate(user: User | AnonymousUser) -> bool:
    """Whether somebody may see every run, start and cancel them, and fork threads."""
    return user.is_active and (user.is_staff or user.has_perm(RIGHT))


def threads_visible_to(user: User | AnonymousUser) -> QuerySet[Thread]:
    """Every thread for operators; for reviewers those with a task they may see."""
    if may_operate(user):
        return Thread.objects.all()
    tasks = ReviewTask.objects.visible_to(user).filter(thread_id=OuterRef("pk"))
    return Thread.objects.filter(Exists(tasks))
