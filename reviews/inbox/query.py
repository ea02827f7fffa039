"""What of the list is asked for; one object for its rows, its count and its address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.urls import reverse

from reviews.inbox.conditions import is_snoozed, is_watched, matching
from reviews.inbox.sorts import CLOSED, NEWEST, SORTS, Sort
from reviews.inbox.tokens import STATUS_WORDS, Problem, Term, parse, written
from reviews.models import ReviewTask, ReviewTaskQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import QueryDict

VIEWS = ("open", "mine", "watching", "snoozed", "decided")
PILL_WORDS = ("unclaimed", "failed")  # lists of their own once: an old address still says so
LENGTH = 200


@dataclass(frozen=True)
class Query:
    """A list of tasks: which, in what order, from where on. Its URL says it again."""

    view: str = "open"
    q: str = ""
    after: str = ""
    sort: str = ""  # empty: the order of the view
    saved: int = 0  # the saved view it came from

    @classmethod
    def of(cls, data: QueryDict) -> Query:
        """The query of a request; a view we do not know means the open tasks."""
        view, sort, saved = data.get("view", ""), data.get("sort", ""), data.get("saved", "")
        q = " ".join(data.get("q", "").replace("\0", "").split())
        if view in PILL_WORDS:
            q = f"is:{view} {q}".strip()
        return cls(
            view=view if view in VIEWS else "open",
            q=q[:LENGTH],
            after=data.get("after", ""),
            sort=sort if sort in SORTS else "",
            saved=int(saved) if saved.isdecimal() and len(saved) < 10 else 0,
        )

    @property
    def section(self) -> str:
        """The entry of the navigation this list belongs to."""
        return f"saved-{self.saved}" if self.saved else self.view

    @property
    def given(self) -> dict[str, str]:
        """What a form says to come back to this list."""
        words = {"view": self.view, "q": self.q, "sort": self.sort}
        words |= {"saved": str(self.saved or ""), "after": self.after}
        return {name: word for name, word in words.items() if word}

    @property
    def url(self) -> str:
        """The address of this list."""
        return f"{reverse('reviews:inbox')}?{urlencode(self.given)}"

    def url_with(self, task: ReviewTask | None) -> str:
        """The address of this list with a task open beside it."""
        return f"{self.url}&task={task.pk}" if task else self.url

    def asking(self, terms: list[Term]) -> Query:
        """The first page of the same view for other terms."""
        return replace(self, q=written(terms), after="")

    @cached_property
    def _parsed(self) -> tuple[list[Term], list[Problem]]:
        return parse(self.q)

    @property
    def terms(self) -> list[Term]:
        return self._parsed[0]

    @property
    def problems(self) -> list[Problem]:
        """What of it cannot be understood. Such a query finds nothing, and says why."""
        return self._parsed[1]

    @property
    def order(self) -> Sort:
        """How its rows are sorted."""
        return SORTS.get(self.sort) or (CLOSED if self.view == "decided" else NEWEST)

    def tasks(self, user: User) -> ReviewTaskQuerySet:
        """Every task of this list, in its order; count and rows both come from here."""
        tasks = ReviewTask.objects.visible_to(user)
        if self.problems:
            return tasks.none()
        found = matching(self._in_view(tasks, user), self.terms, user)
        if self.order is CLOSED:
            found = found.filter(closed_at__isnull=False)
        return self.order.ordered(found)

    def _in_view(self, tasks: ReviewTaskQuerySet, user: User) -> ReviewTaskQuerySet:
        if self.view == "decided":
            return tasks.decided()
        if self.view == "watching":
            return tasks.filter(is_watched(user))
        said = {term.value for term in self.terms if term.key == "is" and not term.is_negated}
        if self.view == "snoozed":
            tasks = tasks.filter(is_snoozed(user))
        elif "snoozed" not in said:
            tasks = tasks.filter(~is_snoozed(user))
        if self.view == "mine":
            return tasks.claimed_by(user)
        return tasks if said.intersection(STATUS_WORDS) else tasks.open()
