"""The pages of assistants: the list, one of them, and how it came to be as it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet

from reviews.breakpoint_drafts import name_of
from reviews.graph_page import inbox_url
from reviews.models import ReviewTask
from runs import services
from runs.exceptions import RunsError
from runs.models import Assistant, AssistantVersion, Breakpoint, Run

if TYPE_CHECKING:
    from django.contrib.auth.models import User

PAGE = 50
VERSIONED = ("graph_id", "name", "description", "config", "context", "metadata")


@dataclass(frozen=True)
class AssistantRow:
    """One line of the list."""

    assistant: Assistant
    waiting: int
    running: int
    breakpoints: int

    @property
    def name(self) -> str:
        return name_of(self.assistant)

    @property
    def inbox_url(self) -> str:
        """The list of what waits for it."""
        return inbox_url(self.assistant)

    @cached_property
    def problem(self) -> str:
        """Why its runs are refused; empty if they are not."""
        return problem_of(self.assistant)


@dataclass(frozen=True)
class AssistantList:
    """A page of the assistants that match a search."""

    q: str
    page: Page[Assistant]
    rows: list[AssistantRow]


@dataclass(frozen=True)
class VersionRow:
    """A version of an assistant, and what it changed of the one before."""

    version: AssistantVersion
    changed: list[str]
    is_current: bool


@dataclass
class AssistantPage:
    """One assistant."""

    assistant: Assistant
    user: User

    @property
    def name(self) -> str:
        return name_of(self.assistant)

    @cached_property
    def row(self) -> AssistantRow:
        return rows_of([self.assistant], self.user)[0]

    @cached_property
    def schemas(self) -> dict[str, Any]:
        """What its graph takes, keeps and gives; nothing where that cannot be said."""
        try:
            found = services.schemas_of(self.assistant.graph_id)
        except RunsError:
            return {}
        return {name: found[f"{name}_schema"] for name in ("input", "output", "state", "context")}

    @cached_property
    def versions(self) -> list[VersionRow]:
        """Every version, newest first."""
        rows = list(self.assistant.versions.select_related("author").order_by("version"))
        return [
            VersionRow(row, _changed(before, row), row.version == self.assistant.version)
            for before, row in zip([None, *rows], rows, strict=False)
        ][::-1]


def assistant_list(user: User, q: str, number: str) -> AssistantList:
    """The assistants whose name or graph says what is searched for."""
    found = Assistant.objects.order_by("graph_id", "created_at", "pk")
    if q:
        found = found.filter(Q(name__icontains=q) | Q(graph_id__icontains=q))
    page = Paginator(found, PAGE).get_page(number)
    return AssistantList(q, page, rows_of(list(page.object_list), user))


def rows_of(assistants: list[Assistant], user: User) -> list[AssistantRow]:
    """The assistants with what is counted of each, in a query per count."""
    ids = [one.pk for one in assistants]
    tasks = ReviewTask.objects.visible_to(user).open().filter(assistant__in=ids)
    waiting = _counted(tasks)
    running = _counted(Run.objects.filter(assistant__in=ids, status=Run.Status.RUNNING))
    stops = Breakpoint.objects.filter(is_on=True)
    own = _counted(stops.filter(assistant__in=ids))
    general = list(stops.filter(assistant=None).values_list("graph_id", "node"))
    return [
        AssistantRow(
            one,
            waiting.get(one.pk, 0),
            running.get(one.pk, 0),
            own.get(one.pk, 0) + _general(general, one.graph_id),
        )
        for one in assistants
    ]


def problem_of(assistant: Assistant) -> str:
    """Why an assistant's runs are refused; empty if they are not."""
    try:
        services.stops_of(assistant.pk, assistant.graph_id)
    except RunsError as error:
        return str(error)
    return ""


def _general(stops: list[tuple[str, str]], graph_id: str) -> int:
    """How many breakpoints of its graph, or of every graph that has the node, bind an assistant."""
    everywhere = [node for of_graph, node in stops if not of_graph]
    bound = [node for node in everywhere if graph_id in services.graphs_with(node)]
    return len(bound) + sum(1 for of_graph, _ in stops if of_graph == graph_id)


def _counted(rows: QuerySet[Any]) -> dict[UUID, int]:
    found = rows.order_by().values_list("assistant").annotate(Count("pk"))
    return dict(found)


def _changed(before: AssistantVersion | None, after: AssistantVersion) -> list[str]:
    """The names of what a version changed; nothing for the first."""
    if before is None:
        return []
    return [field for field in VERSIONED if getattr(before, field) != getattr(after, field)]
