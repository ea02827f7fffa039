"""The words of the query box: `is:unread -node:publish "late parcel"`. Pure; knows no database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from reviews.payloads import Kind, one_line

STATUS_WORDS = ("open", "unclaimed", "mine", "failed", "decided", "replaced", "cancelled")
IS_WORDS = (*STATUS_WORDS, "unread", "watched", "snoozed", "breakpoint")
CHOICES = {
    "is": IS_WORDS,
    "verdict": tuple(kind.value for kind in Kind),
    "risk": ("high",),
    "has": ("draft",),
}
KEYS = (*CHOICES, "assistant", "node", "tool", "queue", "by", "age", "closed", "thread")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
TERM = re.compile(
    r'(?P<minus>-?)(?:(?P<key>[^\W\d_]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]*))'
)
SPAN = re.compile(r"([<>])(\d{1,4})([mhdw])")
THREAD_END = re.compile(r"[0-9a-f]{4,12}")


@dataclass(frozen=True)
class Term:
    """One part of a query: words to find, or a filter by its key."""

    key: str  # empty: words
    value: str
    is_negated: bool = False

    def __str__(self) -> str:
        key = f"{self.key}:" if self.key else ""
        needs_quotes = not self.value or re.search(r'[\s:"]|^-', self.value)
        value = f'"{self.value}"' if needs_quotes and (self.value or not key) else self.value
        return f"{'-' if self.is_negated else ''}{key}{value}"

    @property
    def span(self) -> tuple[str, timedelta]:
        """Of an age: whether it is more (>) or less (<), and than what."""
        found = SPAN.fullmatch(self.value)
        assert found
        return found[1], timedelta(**{UNITS[found[3]]: int(found[2])})


@dataclass(frozen=True)
class Problem:
    """A part of a query that cannot be understood, and why."""

    text: str
    reason: str


def parse(q: str) -> tuple[list[Term], list[Problem]]:
    """The parts of a query, and those among them that mean nothing."""
    terms, problems = [], []
    for found in TERM.finditer(q):
        if not found[0]:
            continue
        term = Term(
            key=(found["key"] or "").lower(),
            value=found["quoted"] if found["quoted"] is not None else found["plain"],
            is_negated=bool(found["minus"]),
        )
        if term.key in CHOICES:
            term = Term(term.key, term.value.lower(), term.is_negated)
        if reason := _fault(term):
            problems.append(Problem(one_line(found[0], 60), reason))
        else:
            terms.append(term)
    return terms, problems


def written(terms: Iterable[Term]) -> str:
    """Terms as somebody would type them."""
    return " ".join(map(str, terms))


def words_of(text: str) -> list[str]:
    """The words of a text as the search index has them: punctuation parts them."""
    return re.sub(r"[!-/:-@\[-`{-~\s]+", " ", text).split()


def _fault(term: Term) -> str:
    """Why a term means nothing; empty when it means something."""
    if not term.key:
        return "" if words_of(term.value) else _("There is no letter or figure to search for.")
    if term.key not in KEYS:
        known = ", ".join(KEYS)
        return _("There is no such filter. Quote it to search for the words, or use: %(keys)s.") % {
            "keys": known
        }
    if not term.value:
        return _("Say what after the colon.")
    if term.key in CHOICES and term.value not in CHOICES[term.key]:
        return _("It can be: %(words)s.") % {"words": ", ".join(CHOICES[term.key])}
    if term.key in ("age", "closed") and not SPAN.fullmatch(term.value):
        return _("Write it as >2d or <1h: more or less, a number, and m, h, d or w.")
    if term.key == "thread" and not (THREAD_END.fullmatch(term.value) or uuid_of(term.value)):
        return _("It is the id of a thread, or its last characters.")
    return ""


def uuid_of(text: str) -> UUID | None:
    """The id a text is; None when it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
