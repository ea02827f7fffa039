"""What stands around a task: the others of its pause, and what its thread asked before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from django.db.models import Prefetch

from reviews.models import Decision, ReviewTask, ReviewTaskQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SHOWN = 12  # tasks of a thread before this one; the thread's own page has them all


@dataclass
class Surroundings:
    """The tasks around a task, as far as this person may see them."""

    task: ReviewTask
    user: User

    @property
    def _visible(self) -> ReviewTaskQuerySet:
        visible = ReviewTask.objects.visible_to(self.user).on(self.task.thread_id)
        return visible.for_inbox().select_related("assistant")

    @cached_property
    def siblings(self) -> list[ReviewTask]:
        """The tasks of the same pause, in their order; empty if it is the only one."""
        pause = self._visible.filter(checkpoint_id=self.task.checkpoint_id).order_by("pk")
        found = list(pause[:100])
        return found if len(found) > 1 else []

    @property
    def place(self) -> int:
        """Which of its siblings the task is, from 1."""
        return [sibling.pk for sibling in self.siblings].index(self.task.pk) + 1

    @cached_property
    def _before(self) -> list[ReviewTask]:
        decisions = Decision.objects.effective().select_related("reviewer", "delivery")
        given = Prefetch("decisions", decisions.defer("value").order_by("pk"), to_attr="given")
        rows = self._visible.filter(pk__lt=self.task.pk).prefetch_related(given)
        return list(rows.order_by("-pk")[: SHOWN + 1])

    @property
    def story(self) -> list[ReviewTask]:
        """The thread's latest tasks before this one, oldest first, with the decisions `given`."""
        return self._before[SHOWN - 1 :: -1]

    @property
    def has_more(self) -> bool:
        return len(self._before) > SHOWN
