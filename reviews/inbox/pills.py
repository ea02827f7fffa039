"""Ways to another list: pills, the filter menu and the orders. All of them write the query."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from reviews.inbox.counts import Counts
from reviews.inbox.query import Query
from reviews.inbox.sorts import CLOSED, SORTS
from reviews.inbox.tokens import Term

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.utils.functional import _StrPromise

RARE = ("failed", "high")  # shown only when there are any


@dataclass(frozen=True)
class Filter:
    """A link to the same list, narrowed or widened."""

    name: str
    label: str | _StrPromise
    url: str
    is_current: bool
    count: str = ""


def pills(query: Query, counts: Counts) -> list[Filter]:
    """One question at a time above the open tasks; what else was typed stays."""
    if query.view != "open" or query.saved:
        return []
    choices = {
        "open": (_("Open"), None),
        "unclaimed": (_("Unclaimed"), Term("is", "unclaimed")),
        "high": (_("High risk"), Term("risk", "high")),
        "failed": (_("Run failed"), Term("is", "failed")),
        "mine": (_("Mine"), Term("is", "mine")),
    }
    ours = [term for _label, term in choices.values() if term]
    others = [term for term in query.terms if term not in ours]
    chosen = [term for term in query.terms if term in ours]
    found = []
    for name, (label, term) in choices.items():
        narrowed = query.asking([*([term] if term else []), *others])
        is_current = chosen == ([term] if term else [])
        count = counts.of(narrowed)
        if name not in RARE or is_current or count != "0":
            found.append(Filter(name, label, narrowed.url, is_current, count))
    return found


def menu(query: Query, user: User) -> list[Filter]:
    """Filters to be switched on and off, for hands that do not type."""
    choices = {_("Unread"): Term("is", "unread"), _("Watched"): Term("is", "watched")}
    choices |= {
        _("Breakpoints"): Term("is", "breakpoint"),
        _("With my draft"): Term("has", "draft"),
    }
    if query.view == "decided":
        choices = {_("Decided by me"): Term("by", "me")}
        choices |= {_("Rejected"): Term("verdict", "reject"), _("Edited"): Term("verdict", "edit")}
        choices |= {_("In the last day"): Term("closed", "<1d")}
    else:
        choices[_("Waiting for over a day")] = Term("age", ">1d")
    queues = user.groups.order_by("name").values_list("name", flat=True)[:12]
    choices |= {name: Term("queue", name) for name in (queues if len(queues) > 1 else [])}
    return [_switch(query, label, term) for label, term in choices.items()]


def orders(query: Query) -> list[Filter]:
    """The orders the list can have."""
    fitting = [sort for sort in SORTS.values() if (sort is not CLOSED) or query.view == "decided"]
    return [
        Filter(
            sort.name,
            sort.label,
            replace(query, sort=sort.name, after="").url,
            sort is query.order,
        )
        for sort in fitting
    ]


def _switch(query: Query, label: str, term: Term) -> Filter:
    is_on = term in query.terms
    others = [other for other in query.terms if other != term]
    url = query.asking(others if is_on else [*others, term]).url
    return Filter(str(term), label, url, is_on)
