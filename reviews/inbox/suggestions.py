"""What the query box offers while somebody types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from reviews.inbox.tokens import CHOICES, KEYS, Term
from reviews.models import Decision, ReviewTask

if TYPE_CHECKING:
    from django.contrib.auth.models import User

OFFERED = 8
RECENT = 5_000  # tasks that are looked through for names; all of them would take too long
LAST = re.compile(r'(-?)(?:([^\W\d_]+):)?("?)([^"]*)$')
COLUMNS = {"assistant": "agent", "node": "node"}
SPANS = ("<1h", "<1d", ">1d", ">2d", ">1w")


@dataclass(frozen=True)
class Suggestion:
    """A term to put in the place of what is typed, and what it means."""

    text: str
    meaning: str


def suggestions(typed: str, user: User) -> list[Suggestion]:
    """How the last word of what is typed could go on; none while plain words are typed."""
    found = LAST.search(_last_word(typed))
    if not found:
        return []
    minus, key, _quote, start = found[1], (found[2] or "").lower(), found[3], found[4].lower()
    if not key:
        keys = (name for name in KEYS if name.startswith(start))
        return [Suggestion(f"{minus}{name}:", _meaning(name)) for name in keys][:OFFERED]
    values = (value for value in _values(key, user) if value.lower().startswith(start))
    terms = (Term(key, value, is_negated=bool(minus)) for value in values)
    return [Suggestion(f"{term} ", "") for term in terms if term.value.lower() != start][:OFFERED]


def _last_word(typed: str) -> str:
    """What stands after the last space that is not inside quotes."""
    words = re.findall(r'(?:[^\s"]|"[^"]*(?:"|$))+$', typed)
    return words[-1] if words else ""


def _meaning(key: str) -> str:
    return {
        "is": _("open, mine, unread, decided, …"),
        "verdict": _("what was decided"),
        "risk": _("high"),
        "has": _("a draft of mine"),
        "assistant": _("who asks"),
        "node": _("where in the graph"),
        "tool": _("what is to be called"),
        "queue": _("who reviews it"),
        "by": _("who decided or holds it"),
        "age": _("how long it waits"),
        "closed": _("how long ago it was decided"),
        "thread": _("its id, or the end of it"),
    }[key]


def _values(key: str, user: User) -> list[str]:
    """What a filter can be, of the tasks this person may see."""
    if key in CHOICES:
        return list(CHOICES[key])
    if key in ("age", "closed"):
        return list(SPANS)
    visible = ReviewTask.objects.visible_to(user)
    recent = visible.order_by("-created_at", "-pk")[:RECENT]
    if key in COLUMNS:
        return sorted({name for name in recent.values_list(COLUMNS[key], flat=True) if name})
    if key == "tool":
        return sorted({name for tools in recent.values_list("tools", flat=True) for name in tools})
    if key == "queue":
        return sorted(set(visible.values_list("queue__name", flat=True).distinct()))
    if key == "by":
        decided = Decision.objects.filter(task__in=visible).order_by("-pk")[:RECENT]
        return ["me", *sorted(set(decided.values_list("reviewer__username", flat=True)))]
    return []
