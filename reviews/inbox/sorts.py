"""The orders of the list, and its pages: found by key, an index lookup however deep the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from reviews.models import ReviewTask, ReviewTaskQuerySet

SALT = "inbox"


@dataclass(frozen=True)
class Sort:
    """An order: the columns that make it, the last of them different for every task."""

    name: str
    label: str | _StrPromise
    keys: tuple[str, ...]  # as Django writes them: a minus where it goes down

    def ordered(self, tasks: ReviewTaskQuerySet) -> ReviewTaskQuerySet:
        return tasks.order_by(*self.keys)

    def reversed(self) -> Sort:
        """The same order read upwards."""
        turned = (key.removeprefix("-") if key[0] == "-" else f"-{key}" for key in self.keys)
        return Sort(self.name, self.label, tuple(turned))

    def place_of(self, task: ReviewTask) -> list[Any]:
        """What of a task says where it stands."""
        return [getattr(task, key.removeprefix("-")) for key in self.keys]

    def after(self, place: Sequence[Any]) -> Q:
        """What comes later than a place."""
        return _beyond(self.keys, place)

    def cursor(self, task: ReviewTask) -> str:
        """The place of a task, to be taken from an address and not made up."""
        place = [v.isoformat() if isinstance(v, datetime) else v for v in self.place_of(task)]
        return signing.dumps([self.name, *place], salt=SALT)

    def place_at(self, cursor: str) -> list[Any] | None:
        """The place a cursor names; None for one that is not ours, or of another order."""
        try:
            name, *place = signing.loads(cursor, salt=SALT)
        except signing.BadSignature:
            return None
        if name != self.name:
            return None
        return [
            datetime.fromisoformat(value) if key.endswith("_at") else value
            for key, value in zip(self.keys, place, strict=True)
        ]


def _beyond(keys: Sequence[str], place: Sequence[Any]) -> Q:
    (key, *others), (value, *rest) = keys, place
    column, word = key.removeprefix("-"), "lt" if key[0] == "-" else "gt"
    past = Q(**{f"{column}__{word}": value})
    if not others:
        return past
    # The first part looks redundant and lets the index start at the right place.
    return Q(**{f"{column}__{word}e": value}) & (past | _beyond(others, rest))


NEWEST = Sort("newest", _("Newest"), ("-created_at", "-pk"))
CLOSED = Sort("closed", _("Decided last"), ("-closed_at", "-pk"))
SORTS = {
    sort.name: sort
    for sort in (
        NEWEST,
        Sort("age", _("Waiting longest"), ("created_at", "pk")),
        Sort("risk", _("Risk"), ("-high_risk", "-created_at", "-pk")),
        Sort("assistant", _("Assistant"), ("agent", "-created_at", "-pk")),
        CLOSED,
    )
}
