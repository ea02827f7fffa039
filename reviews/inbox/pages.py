"""One page of the list, and the way through it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db.models import Prefetch, Q, Subquery
from django.utils.timezone import now
from django.utils.translation import gettext as _

from reviews.inbox.counts import Counts, SavedList
from reviews.inbox.groups import RowGroup, grouped, heading_of
from reviews.inbox.pills import Filter, menu, orders, pills
from reviews.inbox.query import Query
from reviews.inbox.sorts import CLOSED, Sort
from reviews.models import Decision, ReviewTask, ReviewTaskQuerySet, SavedView, TaskMark

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PAGE = 50
MOST_ROWS = 400  # of one page, however far somebody scrolls


@dataclass(frozen=True)
class Inbox:
    """One page of the list; read when it is shown."""

    query: Query
    user: User
    counts: Counts
    size: int = PAGE

    @cached_property
    def _rows(self) -> list[ReviewTask]:
        """One more than are shown, which says whether there is a next page."""
        tasks = self.query.tasks(self.user)
        if self._place:
            tasks = tasks.filter(self.query.order.after(self._place))
        return list(_for_rows(tasks, self.user)[: self.size + 1])

    @cached_property
    def _place(self) -> list[Any] | None:
        """Where the page begins, if it is not the first."""
        return self.query.order.place_at(self.query.after) if self.query.after else None

    @cached_property
    def groups(self) -> list[RowGroup]:
        above = _heading_at(self._place, self.query.order) if self._place else ""
        return grouped(self._rows[: self.size], self.query.order, above)

    @property
    def next_url(self) -> str:
        """Where the list goes on; empty at its end."""
        if len(self._rows) <= self.size:
            return ""
        return replace(self.query, after=self.query.order.cursor(self._rows[self.size - 1])).url

    @property
    def view(self) -> str:
        return self.query.view

    @property
    def q(self) -> str:
        return self.query.q

    @property
    def url(self) -> str:
        return self.query.url

    @property
    def count(self) -> str:
        return self.counts.of(self.query)

    @property
    def filters(self) -> list[Filter]:
        return pills(self.query, self.counts)

    @property
    def menu(self) -> list[Filter]:
        return menu(self.query, self.user)

    @property
    def orders(self) -> list[Filter]:
        return orders(self.query)

    @cached_property
    def saved(self) -> SavedList | None:
        """The saved view this list came from, if its reader has it."""
        known = (entry for entry in self.counts.saved if entry.saved.pk == self.query.saved)
        return next(known, None)

    @property
    def may_change_saved(self) -> bool:
        is_ours = SavedView.objects.changeable_by(self.user)
        return self.saved is not None and is_ours.filter(pk=self.saved.saved.pk).exists()

    @property
    def is_paged(self) -> bool:
        """Whether this is only a part of the list."""
        return bool(self.next_url or self.query.after)

    @property
    def first_url(self) -> str:
        return replace(self.query, after="").url if self.query.after else ""

    @property
    def bare_url(self) -> str:
        """The same view with nothing asked of it."""
        return replace(self.query, after="", q="").url

    @property
    def title(self) -> str:
        if self.saved:
            return self.saved.saved.name
        titles = {
            "mine": _("Claimed by me"),
            "watching": _("Watching"),
            "snoozed": _("Snoozed"),
            "decided": _("Decided"),
        }
        return titles.get(self.view, _("Inbox"))


def inbox_page(user: User, query: Query, *, rows: int = PAGE) -> Inbox:
    """The page of the list that was asked for; of so many rows, if more are on the screen."""
    return Inbox(query, user, Counts(user), min(max(rows, PAGE), MOST_ROWS))


def _heading_at(place: list[Any], sort: Sort) -> str:
    """The heading a place stands under."""
    columns = (key.removeprefix("-") for key in sort.keys)
    return heading_of(ReviewTask(**dict(zip(columns, place, strict=True))), sort)


def _for_rows(tasks: ReviewTaskQuerySet, user: User) -> ReviewTaskQuerySet:
    """Tasks with what their reader noted of them, and what was decided."""
    mine = TaskMark.objects.of(user).on_row()
    standing = Decision.objects.effective().select_related("reviewer").defer("value")
    return (
        tasks.for_inbox()
        .annotate(
            seen_version=Subquery(mine.values("seen_version")),
            is_watched=Subquery(mine.values("is_watched")),
            snoozed_until=Subquery(mine.snoozing().values("snoozed_until")),
        )
        .prefetch_related(Prefetch("decisions", standing.order_by("pk"), to_attr="standing"))
    )


def neighbours(user: User, query: Query, task: ReviewTask) -> tuple[int | None, int | None]:
    """The tasks before and after one, in the order of the list."""
    place, upwards = query.order.place_of(task), query.order.reversed()
    if None in place:  # not decided, beside a list of those that are
        return None, None
    ids = query.tasks(user).values_list("pk", flat=True)
    above = ids.filter(upwards.after(place)).order_by(*upwards.keys)
    return above.first(), ids.filter(query.order.after(place)).first()


def next_to_decide(user: User, query: Query, task: ReviewTask) -> ReviewTask | None:
    """The next open task nobody else holds: below this one, else from the top."""
    asked = Query() if query.order is CLOSED else query
    tasks = asked.tasks(user).open().exclude(pk=task.pk)
    free = tasks.exclude(Q(claimed_until__gt=now()) & ~Q(claimed_by=user))
    below = free.filter(asked.order.after(asked.order.place_of(task)))
    return below.first() or free.first()
