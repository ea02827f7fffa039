"""Breakpoints admins have set: applied to every run, failing closed, every change a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.timezone import now

from runs import runtime
from runs.exceptions import BreakpointsMoved, BrokenBreakpoint, InvalidInput, RunsError
from runs.models import Assistant, Breakpoint, BreakpointChange, BreakpointVersion, Place
from runs.runtime import Nodes
from runs.signals import breakpoint_changed

BEFORE, AFTER = Breakpoint.Position.BEFORE, Breakpoint.Position.AFTER
State = BreakpointChange.State


@transaction.atomic
def change_breakpoints(
    *,
    wishes: Mapping[Place, str],
    author: User,
    via: str,
    about: Assistant | None = None,
    seen: int = 0,
) -> BreakpointVersion | None:
    """Bring places to the wished states, as one new version; None if they are there already.

    A name that is no node of its graph is refused. So is everything, if what concerns the
    assistant it is `about` has changed since the version the author has `seen`.
    """
    newest = _lock_newest()
    if about and BreakpointVersion.objects.about(about).filter(number__gt=seen).exists():
        raise BreakpointsMoved
    were = {place: _state_of(place) for place in wishes}
    differing = {place: state for place, state in wishes.items() if were[place] != state}
    if not differing:
        return None
    version = BreakpointVersion.objects.create(number=newest + 1, author=author)
    for place, state in differing.items():
        if state == State.ON or (state == State.OFF and were[place] == State.GONE):
            _refuse_unknown(place)
        BreakpointChange.objects.create(
            version=version, was=were[place], became=state, **vars(place)
        )
        _store(place, state, version, via)
    return version


def set_breakpoint(
    *,
    node: str,
    position: str,
    author: User,
    assistant: Assistant | None = None,
    graph_id: str = "",
    is_on: bool = True,
    via: str = "api",
) -> Breakpoint:
    """Set, or switch, a breakpoint; a name that is no node of the graph is refused."""
    place = place_of(node, position, assistant=assistant, graph_id=graph_id)
    change_breakpoints(wishes={place: _switched(is_on)}, author=author, via=via)
    return Breakpoint.objects.at(place).select_related("author").get()


def switch_breakpoint(
    *, breakpoint_: Breakpoint, is_on: bool, author: User, via: str = "api"
) -> Breakpoint:
    """Switch a breakpoint on or off; one without its node is not switched on."""
    place = breakpoint_.place
    if is_on:
        _refuse_unknown(place)  # also where it is on already: it guards nothing
    change_breakpoints(wishes={place: _switched(is_on)}, author=author, via=via)
    return Breakpoint.objects.at(place).select_related("author").get()


def remove_breakpoint(*, breakpoint_: Breakpoint, author: User, via: str = "api") -> None:
    """Take a breakpoint away; runs that wait at it go on waiting."""
    change_breakpoints(wishes={breakpoint_.place: State.GONE}, author=author, via=via)


def place_of(
    node: str, position: str, *, assistant: Assistant | None = None, graph_id: str = ""
) -> Place:
    """A side of a node: of an assistant, of a graph, or of every graph that has the node."""
    if assistant:
        return Place(node, position, assistant.pk, assistant.graph_id)
    return Place(node, position, graph_id=graph_id)


def graphs_with(node: str) -> list[str]:
    """The graphs that have a node of this name; one that cannot be loaded counts for none."""
    found = []
    for graph_id in runtime.registry.graph_ids():
        with suppress(RunsError):
            if node in runtime.nodes(graph_id):
                found.append(graph_id)
    return found


def stops_of(assistant_id: UUID | None, graph_id: str) -> dict[str, Nodes]:
    """The nodes an assistant's runs stop at, by position; raises if one is gone from the graph.

    A breakpoint of every graph binds those that have its node; all others name a node that must
    be there, or the runs it guards would go unguarded.
    """
    nodes = runtime.nodes(graph_id)
    found: dict[str, list[str]] = {BEFORE: [], AFTER: []}
    for stop in Breakpoint.objects.on_runs_of(assistant_id, graph_id):
        if stop.node in nodes:
            found[stop.position].append(stop.node)
        elif stop.graph_id:
            raise BrokenBreakpoint(
                f"The breakpoint {stop} of the graph '{graph_id}' names a node it no longer has. "
                "Its runs wait until an admin moves or removes the breakpoint."
            )
    return {position: tuple(names) for position, names in found.items()}


def added(asked: str | Iterable[str] | None, stored: Nodes) -> Nodes:
    """A run's own breakpoints and the stored ones: neither takes one of the other away."""
    if asked == "*" or stored == "*":
        return "*"
    return tuple(dict.fromkeys((*(asked or ()), *stored)))


def _lock_newest() -> int:
    """The newest version's number; who changes breakpoints next waits for this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('breakpoints'))")
    newest = BreakpointVersion.objects.first()
    return newest.number if newest else 0


def _state_of(place: Place) -> str:
    stored = Breakpoint.objects.at(place).first()
    return _switched(stored.is_on) if stored else State.GONE


def _switched(is_on: bool) -> str:
    return State.ON if is_on else State.OFF


def _store(place: Place, state: str, version: BreakpointVersion, via: str) -> None:
    said = {"actor": version.author, "version": version, "via": via}
    if state == State.GONE:
        stop = Breakpoint.objects.at(place).get()
        breakpoint_changed.send(sender=Breakpoint, stop=stop, what="removed", **said)
        stop.delete()
        return
    changed = {"is_on": state == State.ON, "author": version.author, "updated_at": now()}
    stop, _ = Breakpoint.objects.update_or_create(**vars(place), defaults=changed)
    breakpoint_changed.send(sender=Breakpoint, stop=stop, what="set", **said)


def _refuse_unknown(place: Place) -> None:
    if place.graph_id:
        is_known, where = place.node in runtime.nodes(place.graph_id), place.graph_id
    else:
        is_known, where = bool(graphs_with(place.node)), "any graph"
    if not is_known:
        raise InvalidInput(f"node: '{place.node}' is not a node of {where}.")
