"""The page of a graph and its breakpoints: what is drawn, listed and set there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _

from reviews import policies
from reviews.breakpoint_drafts import (
    POSITIONS,
    SCOPES,
    Change,
    Scopes,
    State,
    changes_in,
    diff,
    name_of,
    stored_for,
)
from reviews.inbox import COUNT_CAP
from reviews.inbox.tokens import Term, written
from reviews.models import ReviewPolicy, ReviewTask
from reviews.payloads import one_line
from reviews.services.tasks import DEFAULT_QUEUE
from runs import services
from runs.exceptions import RunsError
from runs.models import Assistant, Breakpoint, BreakpointVersion, Place
from runs.services import AtWork, Picture, PicturedNode

LABEL = 24  # characters of a node's name in the picture
RECENT = 5  # versions told beside the picture


@dataclass(frozen=True)
class Switch:
    """One box of the form: a place, as it is stored and as somebody wants it."""

    value: str
    scope: str
    place: Place
    label: str
    is_on: bool
    is_wanted: bool


@dataclass(frozen=True)
class Side:
    """Before or after a node: what stops there."""

    position: str
    is_compiled: bool
    switches: tuple[Switch, ...]

    @property
    def is_before(self) -> bool:
        return self.position == Breakpoint.Position.BEFORE


@dataclass(frozen=True)
class NodePart:
    """A node of the page; one inside a subgraph is shown, and takes no breakpoint."""

    path: str
    name: str
    depth: int
    within: str
    sides: tuple[Side, ...]
    has_inside: bool
    reviewers: str

    @property
    def anchor(self) -> str:
        return anchor(self.path)

    @property
    def can_stop(self) -> bool:
        return not self.depth


@dataclass(frozen=True)
class Here:
    """What happens at a node just now."""

    path: str
    waiting: int
    running: int
    url: str

    @property
    def waiting_words(self) -> str:
        return f"{COUNT_CAP - 1}+" if self.waiting >= COUNT_CAP else str(self.waiting)


@dataclass(frozen=True)
class Version:
    """One entry of the history, with what concerns the page's assistant."""

    row: BreakpointVersion
    changes: list[Change]


@dataclass
class GraphPage:
    """An assistant's graph with its breakpoints and what an admin wants of them."""

    assistant: Assistant
    user: User
    wishes: Mapping[Place, str] = field(default_factory=dict)
    problem: str = ""
    meanwhile: list[Version] = field(default_factory=list)
    is_list: bool = False

    @cached_property
    def name(self) -> str:
        return name_of(self.assistant)

    @cached_property
    def scopes(self) -> Scopes:
        return Scopes(self.assistant)

    @cached_property
    def seen(self) -> int:
        """The version of the breakpoints that is shown."""
        newest = BreakpointVersion.objects.about(self.assistant).first()
        return newest.number if newest else 0

    @cached_property
    def picture(self) -> Picture | None:
        """The graph as it is deployed now; None, and why, if it cannot be loaded."""
        try:
            return services.picture_of(self.assistant.graph_id)
        except RunsError as error:
            self.problem = self.problem or str(error)
            return None

    @cached_property
    def stored(self) -> list[Breakpoint]:
        return stored_for(self.assistant)

    @cached_property
    def nodes(self) -> list[NodePart]:
        """Every node, subgraphs' after the node that holds them."""
        return list(self._parts(self.picture, "", 0)) if self.picture else []

    @cached_property
    def lost(self) -> list[Breakpoint]:
        """Stored breakpoints whose node is no longer there: runs are refused until they go."""
        names = {node.name for node in self.nodes if node.can_stop}
        return [
            stop
            for stop in self.stored
            if stop.node not in names and (stop.graph_id or not services.graphs_with(stop.node))
        ]

    @property
    def removed(self) -> set[int]:
        """The lost ones that are to be removed."""
        return {stop.pk for stop in self.lost if self.wishes.get(stop.place) == State.GONE}

    @property
    def refuses_runs(self) -> bool:
        return any(stop.is_on and stop.graph_id for stop in self.lost)

    @cached_property
    def changes(self) -> list[Change]:
        """What saving would do now."""
        return diff(self.wishes, self.scopes)

    @cached_property
    def history(self) -> list[Version]:
        return self.versions()[:RECENT]

    def versions(self, *, after: int = 0, before: int = 0, limit: int = RECENT) -> list[Version]:
        """The versions that concern the assistant, newest first."""
        rows = BreakpointVersion.objects.about(self.assistant).filter(number__gt=after)
        if before:
            rows = rows.filter(number__lt=before)
        found = rows.select_related("author").prefetch_related("changes")[:limit]
        return [Version(row, changes_in(row.changes.all(), self.scopes)) for row in found]

    @property
    def drawing(self) -> dict[str, Any]:
        """What the picture is drawn from."""
        return _drawn(self.picture, "") if self.picture else {"nodes": [], "edges": []}

    @cached_property
    def at_work(self) -> AtWork:
        return services.at_work(self.assistant) if self.picture else AtWork(0, Counter())

    @cached_property
    def here(self) -> list[Here]:
        """What happens at each node just now."""
        waiting = waiting_at(self.assistant, self.user)
        return [
            Here(
                node.path,
                sum(waiting[node.path].values()),
                self.at_work.at[node.path],
                inbox_url(self.assistant, waiting[node.path]),
            )
            for node in self.nodes
        ]

    @property
    def rows(self) -> list[tuple[NodePart, Here]]:
        """Every node with what happens there."""
        return list(zip(self.nodes, self.here, strict=True))

    def _parts(self, picture: Picture, within: str, depth: int) -> Iterator[NodePart]:
        for node in picture.nodes:
            path = f"{within}{node.name}"
            yield NodePart(
                path=path,
                name=node.name,
                depth=depth,
                within=within.rstrip(":"),
                sides=tuple(self._side(node, position, depth) for position in POSITIONS),
                has_inside=node.inside is not None,
                reviewers=self._reviewers(node.name),
            )
            if node.inside:
                yield from self._parts(node.inside, f"{path}:", depth + 1)

    def _side(self, node: PicturedNode, position: str, depth: int) -> Side:
        is_before = position == Breakpoint.Position.BEFORE
        is_compiled = node.stops_before if is_before else node.stops_after
        scopes = () if depth else SCOPES
        switches = tuple(self._switch(scope, position, node.name) for scope in scopes)
        return Side(position, is_compiled, switches)

    def _switch(self, scope: str, position: str, node: str) -> Switch:
        place = self.scopes.place(scope, position, node)
        is_on = place in self._on
        wish = self.wishes.get(place)
        return Switch(
            value=f"{scope}:{position}:{node}",
            scope=scope,
            place=place,
            label=self.scopes.words(place),
            is_on=is_on,
            is_wanted=is_on if wish is None else wish == State.ON,
        )

    @cached_property
    def _on(self) -> set[Place]:
        return {stop.place for stop in self.stored if stop.is_on}

    @cached_property
    def _policies(self) -> list[ReviewPolicy]:
        return list(ReviewPolicy.objects.select_related("queue"))

    def _reviewers(self, node: str) -> str:
        graph_id = self.assistant.graph_id
        policy = policies.fitting(self._policies, graph_id=graph_id, nodes=[node])
        return policy.queue.name if policy else DEFAULT_QUEUE


def waiting_at(assistant: Assistant, user: User) -> Mapping[str, Counter[str]]:
    """How many tasks wait at each node, by what they call it: several may wait together.

    Those inside a subgraph count for its node too.
    """
    tasks = ReviewTask.objects.visible_to(user).open()
    found = tasks.filter(assistant=assistant, graph_id=assistant.graph_id).order_by()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for node, namespace in found.values_list("node", "namespace")[:COUNT_CAP]:
        within = [part.partition(":")[0] for part in namespace.split("|") if part]
        around = [":".join(within[: depth + 1]) for depth in range(len(within))]
        for path in [*around, *(":".join([*within, name]) for name in node.split(", "))]:
            counts[path][node] += 1
    return counts


def inbox_url(assistant: Assistant, nodes: Iterable[str] = ()) -> str:
    """The list of what waits for an assistant, at these nodes."""
    terms = [Term("assistant", str(assistant.pk)), *(Term("node", node) for node in nodes)]
    return f"{reverse('reviews:inbox')}?{urlencode({'q': written(terms)})}"


def anchor(path: str) -> str:
    """The id of a node's part of the page, fit for an address."""
    return f"node-{quote(path, safe='')}"


def _drawn(picture: Picture, within: str) -> dict[str, Any]:
    return {
        "nodes": [
            {
                "id": f"{within}{node.name}",
                "label": one_line(node.name, LABEL),
                "href": f"#{anchor(f'{within}{node.name}')}",
                "before": node.stops_before,
                "after": node.stops_after,
                "inside": _drawn(node.inside, f"{within}{node.name}:") if node.inside else None,
            }
            for node in picture.nodes
        ],
        "edges": [
            {
                "source": f"{within}{edge.source}",
                "target": f"{within}{edge.target}",
                "conditional": edge.is_conditional,
                "label": "" if edge.label == edge.target else one_line(edge.label, LABEL),
            }
            for edge in picture.edges
        ],
    }


def words() -> dict[str, str]:
    """What the picture says, for its script."""
    return {
        "start": _("start"),
        "end": _("end"),
        "before": _("Pause before"),
        "after": _("Pause after"),
        "compiled": _("compiled in"),
        "waiting": _("{n} waiting"),
        "running": _("{n} running"),
        "one": _("Save 1 change"),
        "many": _("Save {n} changes"),
        "none": _("No changes"),
    }
