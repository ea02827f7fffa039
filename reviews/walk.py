"""A walk through a list: one task after another, as they were when it began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Q
from django.urls import reverse
from django.utils.timezone import now

from reviews.inbox import Query
from reviews.inbox.sorts import NEWEST, Sort
from reviews.models import Decision, ReviewTask, ReviewTaskQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import QueryDict

LENGTH = 200  # tasks; who has more to do begins again
SALT = "walk"


@dataclass(frozen=True)
class Walk(Query):
    """A list that keeps to the tasks it began with. It is in its address, whole and signed."""

    trail: str = ""

    @classmethod
    def begin(cls, user: User, query: Query) -> Walk:
        """A walk through the tasks of a list that this person could decide now."""
        tasks = _free(query.tasks(user).open(), user)
        path = [user.pk, now().isoformat(), *tasks.values_list("pk", flat=True)[:LENGTH]]
        trail = signing.dumps(path, salt=SALT, compress=True)
        return cls(view=query.view, q=query.q, sort=query.sort, saved=query.saved, trail=trail)

    @classmethod
    def along(cls, data: QueryDict, user: User) -> Walk | None:
        """The walk a request is on; None for no walk, or somebody else's."""
        query, trail = Query.of(data), data.get("trail", "")
        found = cls(view=query.view, q=query.q, sort=query.sort, saved=query.saved, trail=trail)
        return found if found._path and found._path[0] == user.pk else None

    @cached_property
    def _path(self) -> list[Any]:
        try:
            return list(signing.loads(self.trail, salt=SALT))
        except signing.BadSignature:
            return []

    @property
    def ids(self) -> list[int]:
        return self._path[2:]

    @property
    def began_at(self) -> datetime:
        return datetime.fromisoformat(self._path[1])

    @property
    def given(self) -> dict[str, str]:
        """What a form says to come back to this walk."""
        return super().given | {"trail": self.trail}

    @property
    def _list(self) -> Query:
        return Query(view=self.view, q=self.q, sort=self.sort, saved=self.saved)

    @property
    def list_url(self) -> str:
        """The list it goes through."""
        return self._list.url

    @property
    def again_url(self) -> str:
        """The same walk from the beginning, through what is left by then."""
        return f"{reverse('reviews:walk')}?{urlencode(self._list.given)}"

    @property
    def url(self) -> str:
        """Where it ends; with a task, a step of it."""
        return f"{reverse('reviews:walk')}?{urlencode(self.given)}"

    @property
    def order(self) -> Sort:
        return NEWEST if self.view == "decided" else super().order

    def tasks(self, user: User) -> ReviewTaskQuerySet:
        """All it began with, the decided ones too: one can go back to them."""
        visible = ReviewTask.objects.visible_to(user)
        return self.order.ordered(visible.filter(pk__in=self.ids))

    def next_after(self, task: ReviewTask, user: User) -> ReviewTask | None:
        """The next task that can be decided; what was skipped does not come again."""
        ahead = self.tasks(user).open().filter(self.order.after(self.order.place_of(task)))
        return _free(ahead, user).first()


def _free(tasks: ReviewTaskQuerySet, user: User) -> ReviewTaskQuerySet:
    """Tasks that nobody else has claimed."""
    return tasks.exclude(Q(claimed_until__gt=now()) & ~Q(claimed_by=user))


@dataclass(frozen=True)
class Progress:
    """How far a person has come on a walk, and what became of its tasks."""

    walk: Walk
    user: User

    @cached_property
    def tasks(self) -> list[ReviewTask]:
        return list(self.walk.tasks(self.user).for_inbox().select_related("assistant"))

    @property
    def total(self) -> int:
        return len(self.tasks)

    @cached_property
    def left(self) -> list[ReviewTask]:
        """Those that can still be decided."""
        return [task for task in self.tasks if task.is_open and task.holder in (None, self.user)]

    @property
    def gone(self) -> int:
        return self.total - len(self.left)

    @cached_property
    def decided(self) -> list[Decision]:
        """What this person decided on the way, and has not taken back."""
        made = Decision.objects.effective().filter(
            task__in=self.walk.ids, reviewer=self.user, created_at__gte=self.walk.began_at
        )
        related = made.select_related("task", "delivery").order_by("pk")
        return list(related.defer("value", "task__value", "task__response_schema"))

    @property
    def of_others(self) -> int:
        """Tasks that others decided or claimed meanwhile, or that nobody is asked any more."""
        mine = {decision.task_id for decision in self.decided}
        return self.gone - sum(1 for task in self.tasks if task.pk in mine and not task.is_open)
