"""Threads and runs in lists: what is asked for, a page at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.urls import reverse

from reviews.cursors import after, cursor
from reviews.operators import threads_visible_to
from runs.models import Assistant, Run, Thread

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import QueryDict

PAGE = 50
LONGEST = 200


@dataclass(frozen=True)
class Query:
    """What of a list is asked for; its address says it again."""

    page: str  # the list's URL name
    status: str = ""
    q: str = ""
    after: str = ""

    @classmethod
    def of(cls, page: str, data: QueryDict, statuses: Iterable[str]) -> Query:
        """The query of a request; words we do not know ask for everything."""
        status = data.get("status", "")
        q = data.get("q", "").strip()[:LONGEST].replace("\0", "")
        return cls(page, status if status in statuses else "", q, data.get("after", ""))

    @property
    def url(self) -> str:
        given = {"status": self.status, "q": self.q, "after": self.after}
        words = {name: word for name, word in given.items() if word}
        return reverse(self.page) + (f"?{urlencode(words)}" if words else "")

    def narrowed(self, **changes: Any) -> str:
        """The address of this list, asked for otherwise, from its beginning."""
        return replace(self, after="", **changes).url


@dataclass(frozen=True)
class Filter:
    """A pill above a list."""

    label: str
    url: str
    is_current: bool


@dataclass(frozen=True)
class ListPage:
    """One page of a list."""

    query: Query
    rows: list[Any]
    filters: list[Filter]
    next_url: str

    @property
    def first_url(self) -> str:
        return self.query.narrowed() if self.query.after else ""

    @property
    def clear_url(self) -> str:
        return self.query.narrowed(q="", status="")

    @property
    def is_narrowed(self) -> bool:
        return bool(self.query.q or self.query.status)


@dataclass(frozen=True)
class ThreadRow:
    """A thread in the list."""

    thread: Thread
    assistant: Assistant | None


def thread_list(user: User, data: QueryDict, labels: dict[str, str]) -> ListPage:
    """The threads a person may read, the last that moved first."""
    query = Query.of("reviews:threads", data, labels)
    # Those of stateless runs are gone in a moment, unless they wait for somebody.
    lasting = Q(is_temporary=False) | Q(status=Thread.Status.INTERRUPTED)
    found = threads_visible_to(user).filter(lasting)
    if query.status:
        found = found.filter(status=query.status)
    for word in query.q.split():
        found = _said(found, word)
    ordered = found.filter(after(query.after, "updated_at")).order_by("-updated_at", "-pk")
    threads = list(ordered.defer("values", "interrupts", "error", "config")[: PAGE + 1])
    assistants = _assistants_of(threads)
    rows = [ThreadRow(thread, assistants.get(_assistant_id(thread))) for thread in threads[:PAGE]]
    behind = cursor(threads[PAGE - 1].updated_at, threads[PAGE - 1].pk) if threads[PAGE:] else ""
    return _page(query, rows, labels, behind)


def _said(threads: QuerySet[Thread], word: str) -> QuerySet[Thread]:
    """The threads with a word in their id, their metadata or their assistant's name."""
    named = Assistant.objects.filter(name__icontains=word).values_list("pk", flat=True)[:PAGE]
    found = Q(as_text__icontains=word) | Q(id_text__startswith=word.lower())
    found |= Q(metadata__assistant_id__in=[str(pk) for pk in named])
    texts = {"as_text": Cast("metadata", TextField()), "id_text": Cast("id", TextField())}
    return threads.alias(**texts).filter(found)


def _assistants_of(threads: Iterable[Thread]) -> dict[UUID | None, Assistant]:
    ids = {_assistant_id(thread) for thread in threads} - {None}
    return dict(Assistant.objects.in_bulk(ids))


def _assistant_id(thread: Thread) -> UUID | None:
    """The id in a thread's metadata, where a client may have written anything."""
    return uuid_of(str(thread.metadata.get("assistant_id")))


def uuid_of(text: str) -> UUID | None:
    """The id a text is, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def run_list(data: QueryDict, labels: dict[str, str]) -> ListPage:
    """Every run, the newest first; the words of the search are ids, graphs and assistants."""
    query = Query.of("reviews:runs", data, labels)
    found = Run.objects.for_list()
    if query.status:
        found = found.filter(status=query.status)
    for word in query.q.split():
        texts = {"id_text": Cast("id", TextField()), "thread_text": Cast("thread_id", TextField())}
        named = Q(graph_id__icontains=word) | Q(assistant__name__icontains=word)
        ids = Q(id_text__startswith=word.lower()) | Q(thread_text__startswith=word.lower())
        found = found.alias(**texts).filter(named | ids)
    if last := uuid_of(query.after):
        found = found.filter(pk__lt=last)
    runs = list(found.order_by("-pk")[: PAGE + 1])  # ids of runs are in the order of time
    behind = str(runs[PAGE - 1].pk) if runs[PAGE:] else ""
    return _page(query, runs[:PAGE], labels, behind)


def _page(query: Query, rows: list[Any], labels: dict[str, str], behind: str) -> ListPage:
    filters = [
        Filter(label, query.narrowed(status=status), status == query.status)
        for status, label in labels.items()
    ]
    next_url = replace(query, after=behind).url if behind else ""
    return ListPage(query, rows, filters, next_url)
