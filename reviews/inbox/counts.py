"""How many there are: from the same queries as the lists, as far as counting is cheap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from reviews.inbox.query import Query
from reviews.models import SavedView

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from reviews.models import ReviewTaskQuerySet

COUNT_CAP = 1_000


def capped_count(tasks: ReviewTaskQuerySet) -> str:
    """How many there are, up to 999+."""
    count = tasks.order_by().values("pk")[:COUNT_CAP].count()
    return f"{COUNT_CAP - 1}+" if count == COUNT_CAP else str(count)


def query_of(saved: SavedView) -> Query:
    """The list a saved view names."""
    return Query(view=saved.view, q=saved.q, sort=saved.sort, saved=saved.pk)


@dataclass(frozen=True)
class SavedList:
    """A saved view as the navigation shows it."""

    saved: SavedView
    url: str
    count: str

    @property
    def section(self) -> str:
        return f"saved-{self.saved.pk}"


class Counts:
    """What the frame says beside its entries; counted when it is read, and once."""

    def __init__(self, user: User) -> None:
        self.user = user
        self._known: dict[Query, str] = {}

    def of(self, query: Query) -> str:
        """How many tasks a list has."""
        key = replace(query, after="", sort="", saved=0)
        if key not in self._known:
            self._known[key] = capped_count(key.tasks(self.user))
        return self._known[key]

    @property
    def open(self) -> str:
        return self.of(Query())

    @property
    def mine(self) -> str:
        return self.of(Query("mine"))

    @property
    def watching(self) -> str:
        return self.of(Query("watching"))

    @property
    def snoozed(self) -> str:
        return self.of(Query("snoozed"))

    @cached_property
    def saved(self) -> list[SavedList]:
        """The saved views this person has, own and shared."""
        found = []
        for view in SavedView.objects.visible_to(self.user).select_related("owner", "queue"):
            query = query_of(view)
            found.append(SavedList(view, query.url, self.of(query)))
        return found


def counts(user: User) -> Counts:
    """What the navigation says beside its entries."""
    return Counts(user)
