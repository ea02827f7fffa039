"""Members, queues and keys as the pages of administrators list them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib.auth.models import Group, User
from django.db.models import Count, Max, QuerySet
from django.urls import reverse
from django.utils.timezone import now

from reviews.inbox import capped_count
from reviews.models import ReviewTask
from reviews.people import matching, people
from runs.models import ApiKey

if TYPE_CHECKING:
    from django.http import QueryDict

PAGE = 50


@dataclass(frozen=True)
class MembersPage:
    """One page of the members, by name."""

    q: str
    members: Sequence[User]
    next_url: str
    first_url: str


def members_page(data: QueryDict) -> MembersPage:
    """The members that were asked for."""
    q, after = (data.get(name, "").replace("\0", "")[:200].strip() for name in ("q", "after"))
    found = people().filter(matching(q)).prefetch_related("groups")
    seen = found.annotate(seen_at=Max("logins__seen_at")).order_by("username")
    rows = list(seen.filter(username__gt=after)[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    return MembersPage(
        q=q,
        members=rows,
        next_url=_members_url(q=q, after=rows[-1].username) if more else "",
        first_url=_members_url(q=q) if after else "",
    )


def _members_url(**words: str) -> str:
    said = {name: word for name, word in words.items() if word}
    return f"{reverse('reviews:members')}?{urlencode(said)}"


@dataclass(frozen=True)
class QueueRow:
    """A queue in a list."""

    queue: Group
    reviewers: int

    @property
    def waiting(self) -> str:
        """How many tasks wait in it, as far as counting is cheap."""
        return capped_count(ReviewTask.objects.open().filter(queue=self.queue))


def queue_rows() -> list[QueueRow]:
    """Every queue, by name."""
    reviewers = people().filter(is_active=True).values("groups").annotate(n=Count("pk"))
    sizes = dict(reviewers.values_list("groups", "n"))
    return [QueueRow(queue, sizes.get(queue.pk, 0)) for queue in Group.objects.order_by("name")]


@dataclass(frozen=True)
class KeyRow:
    """An API key in a list."""

    key: ApiKey

    @property
    def is_usable(self) -> bool:
        return self.key.revoked_at is None and not self.is_expired and self.key.user.is_active

    @property
    def is_expired(self) -> bool:
        return self.key.expires_at is not None and self.key.expires_at <= now()

    @property
    def is_own(self) -> bool:
        """Whether it acts as a person, and not as an account of its own."""
        return ":" not in self.key.user.get_username()


def key_rows(keys: QuerySet[ApiKey]) -> list[KeyRow]:
    """Keys in their order: those that let somebody in first, then by age."""
    found = keys.select_related("user").order_by("-created_at", "-pk")
    return sorted(map(KeyRow, found), key=lambda row: not row.is_usable)
