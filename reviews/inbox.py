"""The list of tasks as a page shows it: what is in it, in which order, how far it goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Q
from django.urls import reverse
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _

from reviews.models import ReviewTask, ReviewTaskQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import QueryDict

PAGE = 50
COUNT_CAP = 1_000
VIEWS = ("open", "unclaimed", "mine", "failed", "decided")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Query:
    """What of the list is asked for; its URL says it again."""

    view: str = "open"
    q: str = ""
    after: str = ""

    @classmethod
    def of(cls, data: QueryDict) -> Query:
        """The query of a request; words we do not know mean the first page of the open tasks."""
        view = data.get("view", "")
        q = data.get("q", "").strip()[:200].replace("\0", "")
        return cls(view if view in VIEWS else "open", q, data.get("after", ""))

    @property
    def section(self) -> str:
        """The entry of the navigation this list belongs to."""
        return self.view if self.view in ("mine", "decided") else "open"

    @property
    def url(self) -> str:
        """The address of this list."""
        given = {"view": self.view, "q": self.q, "after": self.after}
        words = {name: word for name, word in given.items() if word}
        return f"{reverse('reviews:inbox')}?{urlencode(words)}"

    def url_with(self, task: ReviewTask | None) -> str:
        """The address of this list with a task open beside it."""
        return f"{self.url}&task={task.pk}" if task else self.url

    def tasks(self, user: User) -> ReviewTaskQuerySet:
        """Every task of this list, in its order; count and rows both come from here."""
        found = _in_view(ReviewTask.objects.visible_to(user), self.view, user)
        for word in self.q.split():
            found = found.filter(
                Q(title__icontains=word)
                | Q(graph_id__icontains=word)
                | Q(node__icontains=word)
                | Q(assistant__name__icontains=word)
            )
        return found.order_by("-created_at", "-pk")


def _in_view(tasks: ReviewTaskQuerySet, view: str, user: User) -> ReviewTaskQuerySet:
    if view == "mine":
        return tasks.claimed_by(user)
    if view == "decided":
        return tasks.decided()
    if view == "failed":
        return tasks.failed()
    if view == "unclaimed":
        return tasks.open().exclude(claimed_until__gt=now())
    return tasks.open()


@dataclass(frozen=True)
class RowGroup:
    """Rows under one heading."""

    label: str
    tasks: list[ReviewTask]


@dataclass(frozen=True)
class Filter:
    """A pill above the list."""

    view: str
    label: str
    count: str
    url: str
    is_current: bool


@dataclass(frozen=True)
class Inbox:
    """One page of the list."""

    query: Query
    groups: list[RowGroup]
    count: str
    filters: list[Filter]
    next_url: str
    first_url: str

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
    def is_paged(self) -> bool:
        """Whether this is only a part of the list."""
        return bool(self.next_url or self.query.after)

    @property
    def title(self) -> str:
        titles = {
            "mine": _("Claimed by me"),
            "failed": _("Run failed"),
            "decided": _("Decided"),
        }
        return titles.get(self.view, _("Inbox"))


def inbox_page(user: User, query: Query) -> Inbox:
    """The page of the list that was asked for."""
    tasks = query.tasks(user)
    rows = list(_after(tasks, query.after).for_inbox().select_related("assistant")[: PAGE + 1])
    has_more = len(rows) > PAGE
    rows = rows[:PAGE]
    return Inbox(
        query=query,
        groups=_grouped(rows),
        count=capped_count(tasks),
        filters=_filters(user, query) if query.view != "decided" else [],
        next_url=replace(query, after=_cursor(rows[-1])).url if has_more else "",
        first_url=replace(query, after="", q="").url if not rows else _first_url(query),
    )


def _first_url(query: Query) -> str:
    return replace(query, after="").url if query.after else ""


def counts(user: User) -> dict[str, str]:
    """What the navigation says beside its entries."""
    visible = ReviewTask.objects.visible_to(user)
    return {
        "open": capped_count(visible.open()),
        "mine": capped_count(visible.claimed_by(user)),
    }


def capped_count(tasks: ReviewTaskQuerySet) -> str:
    """How many there are, as far as counting is cheap."""
    count = tasks.order_by()[:COUNT_CAP].count()
    return f"{COUNT_CAP - 1}+" if count == COUNT_CAP else str(count)


def neighbours(user: User, query: Query, task: ReviewTask) -> tuple[int | None, int | None]:
    """The tasks before and after one, in the order of the list."""
    ids = query.tasks(user).values_list("pk", flat=True)
    above = ids.filter(_above(task.created_at, task.pk)).order_by("created_at", "pk")
    return above.first(), ids.filter(_below(task.created_at, task.pk)).first()


def next_to_decide(user: User, query: Query, task: ReviewTask) -> ReviewTask | None:
    """The next open task nobody else holds: below this one, else from the top."""
    is_closed = query.view in ("decided", "failed")
    view = replace(query, view="open" if is_closed else query.view)
    tasks = view.tasks(user).exclude(pk=task.pk)
    free = tasks.exclude(Q(claimed_until__gt=now()) & ~Q(claimed_by=user))
    return free.filter(_below(task.created_at, task.pk)).first() or free.first()


# -- pages by key: an index lookup, however deep the page -----------------------------------------


def _below(at: datetime, pk: int) -> Q:
    # The first part looks redundant and lets the index start at the right place.
    return Q(created_at__lte=at) & (Q(created_at__lt=at) | Q(pk__lt=pk))


def _above(at: datetime, pk: int) -> Q:
    return Q(created_at__gte=at) & (Q(created_at__gt=at) | Q(pk__gt=pk))


def _after(tasks: ReviewTaskQuerySet, cursor: str) -> ReviewTaskQuerySet:
    if not cursor:
        return tasks
    try:
        at, pk = signing.loads(cursor, salt="inbox")
    except signing.BadSignature:
        return tasks
    return tasks.filter(_below(datetime.fromisoformat(at), pk))


def _cursor(task: ReviewTask) -> str:
    return signing.dumps([task.created_at.isoformat(), task.pk], salt="inbox")


def _grouped(rows: Iterable[ReviewTask]) -> list[RowGroup]:
    return [RowGroup(label, list(tasks)) for label, tasks in groupby(rows, key=_heading)]


def _heading(task: ReviewTask) -> str:
    today, day = localtime().date(), localtime(task.created_at).date()
    if now() - task.created_at < HOUR:
        return _("Last hour")
    if day == today:
        return _("Earlier today")
    return _("Yesterday") if day == today - DAY else _("Older")


def _filters(user: User, query: Query) -> list[Filter]:
    labels = {
        "open": _("Open"),
        "unclaimed": _("Unclaimed"),
        "mine": _("Mine"),
        "failed": _("Run failed"),
    }
    found = []
    for view, label in labels.items():
        narrowed = replace(query, view=view, after="")
        count = capped_count(narrowed.tasks(user))
        found.append(Filter(view, label, count, narrowed.url, view == query.view))
    return [pill for pill in found if pill.view != "failed" or pill.count != "0" or pill.is_current]
