"""What each part of a query asks of a task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from django.contrib.postgres.search import SearchQuery
from django.db.models import Exists, OuterRef, Q
from django.db.models.fields import TextField
from django.db.models.functions import Cast
from django.utils.timezone import now

from reviews.inbox.tokens import Term, uuid_of, words_of
from reviews.models import Decision, Draft, ReviewTask, ReviewTaskQuerySet, TaskMark
from reviews.models.tasks import SEARCHED

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Status = ReviewTask.Status
Condition = Callable[[Term, "User"], Q]
# Two of these together mean either; of the others, both: a task has one node and many qualities.
EITHER = ("assistant", "node", "tool", "queue", "by", "verdict", "thread")


def matching(tasks: ReviewTaskQuerySet, terms: Iterable[Term], user: User) -> ReviewTaskQuerySet:
    """The tasks that fit every part of a query."""
    wanted: dict[str, list[Q]] = defaultdict(list)
    tasks = tasks.alias(words=SEARCHED, thread_text=Cast("thread_id", TextField()))
    for term in terms:
        condition = CONDITIONS[term.key](term, user)
        if term.is_negated:
            tasks = tasks.filter(~condition)
        else:
            wanted[term.key].append(condition)
    for key, conditions in wanted.items():
        tasks = tasks.filter(reduce(or_ if key in EITHER else and_, conditions))
    return tasks


def is_snoozed(user: User) -> Q:
    """Tasks a person has put away for a while."""
    return Q(Exists(TaskMark.objects.of(user).on_row().snoozing()))


def is_watched(user: User) -> Q:
    """Tasks a person follows."""
    return Q(Exists(TaskMark.objects.of(user).on_row().watching()))


def _words(term: Term, user: User) -> Q:
    """Words that begin like these, next to each other where they were quoted together."""
    parts = [f"'{word}':*" for word in words_of(term.value)]
    return Q(words=SearchQuery(" <-> ".join(parts), search_type="raw", config="simple"))


def _quality(term: Term, user: User) -> Q:
    is_open = Q(status=Status.OPEN)
    match term.value:
        case "open":
            return is_open
        case "unclaimed":
            return is_open & ~Q(claimed_until__gt=now())
        case "mine":
            return is_open & Q(claimed_by=user, claimed_until__gt=now())
        case "decided":
            return ~Q(status__in=[Status.OPEN, Status.FAILED])
        case "failed":
            return Q(status=Status.FAILED)
        case "replaced":
            return Q(status=Status.SUPERSEDED)
        case "cancelled":
            return Q(status=Status.CANCELLED)
        case "watched":
            return is_watched(user)
        case "snoozed":
            return is_snoozed(user)
        case "breakpoint":
            return Q(is_breakpoint=True)
    return ~Q(Exists(TaskMark.objects.of(user).on_row().reading()))  # unread


def _assistant(term: Term, user: User) -> Q:
    named = Q(agent=term.value) | Q(graph_id=term.value)
    return named | Q(assistant=key) if (key := uuid_of(term.value)) else named


def _by(term: Term, user: User) -> Q:
    """Who decided it, or holds it."""
    name = user.get_username() if term.value == "me" else term.value
    decided = Decision.objects.effective().filter(task=OuterRef("pk"), reviewer__username=name)
    return Q(Exists(decided)) | Q(claimed_by__username=name, claimed_until__gt=now())


def _verdict(term: Term, user: User) -> Q:
    decided = Decision.objects.effective().filter(task=OuterRef("pk"), kind=term.value)
    return Q(Exists(decided))


def _draft(term: Term, user: User) -> Q:
    return Q(Exists(Draft.objects.of(user).filter(task=OuterRef("pk"))))


def _thread(term: Term, user: User) -> Q:
    key = uuid_of(term.value)
    return Q(thread_id=key) if key else Q(thread_text__endswith=term.value)


def _span(field: str) -> Condition:
    """How long ago something was: more than an age is before it, less is after it."""

    def condition(term: Term, user: User) -> Q:
        sign, length = term.span
        return Q(**{f"{field}__{'lt' if sign == '>' else 'gt'}": now() - length})

    return condition


CONDITIONS: dict[str, Condition] = {
    "": _words,
    "is": _quality,
    "assistant": _assistant,
    "node": lambda term, user: Q(node=term.value),
    "tool": lambda term, user: Q(tools__contains=[term.value]),
    "queue": lambda term, user: Q(queue__name=term.value),
    "by": _by,
    "verdict": _verdict,
    "risk": lambda term, user: Q(high_risk=True),
    "has": _draft,
    "age": _span("created_at"),
    "closed": _span("closed_at"),
    "thread": _thread,
}
