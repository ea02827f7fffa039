"""What an admin wants of the breakpoints, before it is saved: read from a form, told in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from reviews.payloads import one_line
from runs import services
from runs.models import Assistant, Breakpoint, BreakpointChange, Place

if TYPE_CHECKING:
    from django.http import QueryDict

SCOPES = ("assistant", "graph", "every")
POSITIONS = tuple(Breakpoint.Position.values)
NAMED = 3  # assistants or graphs that are told by name
State = BreakpointChange.State


class Malformed(ValueError):
    """A form this page does not make."""


@dataclass(frozen=True)
class Change:
    """One line of a diff: what becomes of a place, and whose runs that concerns."""

    place: Place
    is_set: bool
    words: str
    where: str
    affected: str = ""


@dataclass(frozen=True)
class Scopes:
    """Whom a breakpoint on an assistant's page can be for: it, its graph, or every graph."""

    assistant: Assistant

    def place(self, scope: str, position: str, node: str) -> Place:
        """The place a box of the form stands for."""
        if scope == "assistant":
            return services.place_of(node, position, assistant=self.assistant)
        graph_id = self.assistant.graph_id if scope == "graph" else ""
        return services.place_of(node, position, graph_id=graph_id)

    def words(self, place: Place) -> str:
        """Whose runs a breakpoint stops, in words."""
        if place.assistant_id:
            return _("this assistant")
        if place.graph_id:
            graph = one_line(place.graph_id, 60)
            return _("every assistant of %(graph)s") % {"graph": graph}
        return _("every graph with this node")

    def affected(self, place: Place) -> str:
        """Whose runs that are, by number and by name."""
        if place.assistant_id:
            return self._names([name_of(self.assistant)], 1)
        if place.graph_id:
            return self._names(*self._of_graph)
        graphs = services.graphs_with(place.node)
        return self._names(*_assistants_of(graphs))

    @cached_property
    def _of_graph(self) -> tuple[list[str], int]:
        return _assistants_of([self.assistant.graph_id])

    @staticmethod
    def _names(names: list[str], count: int) -> str:
        told = ", ".join(names)
        if count > len(names):
            told = _("%(names)s and %(n)s more") % {"names": told, "n": count - len(names)}
        words = ngettext("%(n)s assistant", "%(n)s assistants", count) % {"n": count}
        return f"{words}: {told}" if told else words


def name_of(assistant: Assistant) -> str:
    """What an assistant is called on the pages."""
    name = assistant.name if assistant.name != "Untitled" else ""
    return one_line(name or assistant.graph_id, 80)


def stored_for(assistant: Assistant) -> list[Breakpoint]:
    """The breakpoints an assistant's page is about: its own, its graph's, and those of all."""
    general = Q(assistant=None, graph_id__in=["", assistant.graph_id])
    found = Breakpoint.objects.filter(Q(assistant=assistant) | general)
    return list(found.select_related("author").order_by("node", "position", "pk"))


def wishes_of(data: QueryDict, scopes: Scopes) -> dict[Place, str]:
    """What a form changes: boxes ticked that were not, boxes cleared that were, and removals."""
    was, wanted = set(data.getlist("was")), set(data.getlist("stop"))
    wishes = {_place_in(value, scopes): str(State.ON) for value in sorted(wanted - was)}
    wishes |= {_place_in(value, scopes): str(State.GONE) for value in sorted(was - wanted)}
    for stop in _removed(data.getlist("remove"), scopes.assistant):
        wishes[stop.place] = State.GONE
    return wishes


def seen_in(data: QueryDict) -> int:
    """The version of the breakpoints a form was made from."""
    text = data.get("seen", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Malformed("seen")
    return int(text)


def diff(wishes: Mapping[Place, str], scopes: Scopes) -> list[Change]:
    """What saving would do, as things are now: what is so already is no change."""
    on = {stop.place for stop in stored_for(scopes.assistant) if stop.is_on}
    kept = {stop.place for stop in stored_for(scopes.assistant)}
    return [
        told(place, state == State.ON, scopes, scopes.affected(place))
        for place, state in wishes.items()
        if (place not in on if state == State.ON else place in kept)
    ]


def changes_in(rows: Iterable[BreakpointChange], scopes: Scopes) -> list[Change]:
    """What a version did that concerns the assistant."""
    return [
        told(row.place, row.became == State.ON, scopes)
        for row in rows
        if row.assistant_id in (None, scopes.assistant.pk)
        and (row.assistant_id or row.graph_id in ("", scopes.assistant.graph_id))
    ]


def told(place: Place, is_set: bool, scopes: Scopes, affected: str = "") -> Change:
    """A change of one place, in words."""
    node = {"node": one_line(place.node, 60)}
    is_before = place.position == Breakpoint.Position.BEFORE
    words = _("Pause before %(node)s") if is_before else _("Pause after %(node)s")
    return Change(place, is_set, words % node, scopes.words(place), affected)


def _assistants_of(graph_ids: list[str]) -> tuple[list[str], int]:
    found = Assistant.objects.filter(graph_id__in=graph_ids).order_by("created_at")
    return [name_of(one) for one in found[:NAMED]], found.count()


def _place_in(value: str, scopes: Scopes) -> Place:
    scope, _, rest = value.partition(":")
    position, _, node = rest.partition(":")
    if scope not in SCOPES or position not in POSITIONS or not node or "\0" in node:
        raise Malformed(value)
    return scopes.place(scope, position, node)


def _removed(ids: list[str], assistant: Assistant) -> list[Breakpoint]:
    if not all(text.isascii() and text.isdecimal() and len(text) < 19 for text in ids):
        raise Malformed("remove")
    wanted = {int(text) for text in ids}
    return [stop for stop in stored_for(assistant) if stop.pk in wanted]
