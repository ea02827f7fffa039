"""The audit as a page shows it: which entries, in words, and whether they are as they were."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Q
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.timezone import make_aware

from reviews import audit_words, people, verifier
from reviews.models import AuditEntry
from reviews.models.audit import AuditEntryQuerySet

if TYPE_CHECKING:
    from django.http import QueryDict

PAGE = 50
MOST_SEQ = 2**63 - 1


@dataclass(frozen=True)
class AuditQuery:
    """Which entries are asked for; the URL says it again."""

    who: str = ""
    action: str = ""
    object: str = ""
    since: str = ""
    until: str = ""
    before: str = ""  # the place in the chain the page begins below

    @classmethod
    def of(cls, data: QueryDict) -> AuditQuery:
        """The query of a request; what cannot be read is as if it had not been said."""
        said = {f.name: data.get(f.name, "").strip().replace("\0", "")[:300] for f in fields(cls)}
        query = cls(**said)
        days = {name: said[name] if _day(said[name]) else "" for name in ("since", "until")}
        return replace(query, **days, before=said["before"] if _is_place(said["before"]) else "")

    @property
    def filters(self) -> dict[str, str]:
        """What narrows the list, by name."""
        return {name: word for name, word in vars(self).items() if word and name != "before"}

    @property
    def url(self) -> str:
        """The address of this list."""
        words = {name: word for name, word in vars(self).items() if word}
        return reverse("reviews:audit") + (f"?{urlencode(words)}" if words else "")

    def entries(self) -> AuditEntryQuerySet:
        """Every entry that is asked for; the page and the export both come from here."""
        found = AuditEntry.objects.filter(seq__isnull=False)
        if self.who:
            members = User.objects.filter(people.matching(self.who)).values("pk")
            found = found.filter(Q(actor__in=members) | Q(actor_name=self.who))
        if self.action:
            found = found.filter(action=self.action)
        if self.object:
            is_one = ":" in self.object
            about = {"object": self.object} if is_one else {"object__startswith": f"{self.object}:"}
            found = found.filter(**about)
        if day := _day(self.since):
            found = found.filter(at__gte=_midnight(day))
        if day := _day(self.until):
            found = found.filter(at__lt=_midnight(day + timedelta(days=1)))
        return found


@dataclass(frozen=True)
class Line:
    """One entry, in words."""

    entry: AuditEntry
    url: str

    @property
    def did(self) -> str:
        return audit_words.action_words(self.entry.action)

    @property
    def about(self) -> str:
        """The name of what it was done to, or its id; nothing where that is the actor."""
        if self.entry.object == f"user:{self.entry.actor_id}":
            return ""
        named = (self.entry.details.get(name) for name in ("member", "queue", "name"))
        return str(next(filter(None, named), self.entry.object))

    @property
    def via(self) -> str:
        return audit_words.via_words(self.entry.via)

    @property
    def details(self) -> list[tuple[str, str]]:
        return audit_words.details_of(self.entry.details)

    @property
    def is_intact(self) -> bool:
        """Whether the entry says what it said when it was sealed."""
        return verifier.hash_of(self.entry.exported) == self.entry.hash


@dataclass(frozen=True)
class AuditPage:
    """One page of the audit, newest first."""

    query: AuditQuery
    lines: list[Line]
    older_url: str
    newest_url: str

    @property
    def damaged(self) -> list[int]:
        """The places of entries on this page that were changed."""
        return [line.entry.seq or 0 for line in self.lines if not line.is_intact]

    @property
    def actions(self) -> list[tuple[str, str]]:
        """What can be asked for, by the words."""
        known = {action: str(words) for action, words in audit_words.ACTIONS.items()}
        if self.query.action:
            known.setdefault(self.query.action, audit_words.action_words(self.query.action))
        return sorted(known.items(), key=lambda item: item[0])


def audit_page(reader: User, query: AuditQuery) -> AuditPage:
    """The page of the audit that was asked for."""
    below = int(query.before) if query.before else MOST_SEQ
    found = query.entries().filter(seq__lt=below).select_related("actor").order_by("-seq")
    rows = list(found[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    lines = [Line(row, audit_words.page_of(row.object, is_admin=reader.is_staff)) for row in rows]
    return AuditPage(
        query=query,
        lines=lines,
        older_url=replace(query, before=str(rows[-1].seq)).url if more else "",
        newest_url=replace(query, before="").url if query.before else "",
    )


def _is_place(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) <= MOST_SEQ


def _day(text: str) -> date | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if day and 1970 <= day.year < 3000 else None


def _midnight(day: date) -> datetime:
    return make_aware(datetime.combine(day, time.min))
