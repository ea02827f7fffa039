"""Breakpoints admins have set: applied to every run, and failing closed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.timezone import now

from runs import runtime
from runs.exceptions import BrokenBreakpoint, InvalidInput
from runs.models import Assistant, Breakpoint
from runs.runtime import Nodes
from runs.signals import breakpoint_changed

BEFORE, AFTER = Breakpoint.Position.BEFORE, Breakpoint.Position.AFTER


@transaction.atomic
def set_breakpoint(
    *,
    node: str,
    position: str,
    author: User,
    assistant: Assistant | None = None,
    graph_id: str = "",
    is_on: bool = True,
) -> Breakpoint:
    """Set, or switch, a breakpoint; a name that is no node of the graph is refused."""
    graph_id = assistant.graph_id if assistant else graph_id
    _refuse_unknown(node, [graph_id] if graph_id else runtime.registry.graph_ids())
    breakpoint_, _ = Breakpoint.objects.update_or_create(
        assistant=assistant,
        graph_id=graph_id,
        node=node,
        position=position,
        defaults={"is_on": is_on, "author": author, "updated_at": now()},
    )
    breakpoint_changed.send(sender=Breakpoint, stop=breakpoint_, what="set", actor=author)
    return breakpoint_


@transaction.atomic
def switch_breakpoint(*, breakpoint_: Breakpoint, is_on: bool, author: User) -> Breakpoint:
    """Switch a breakpoint on or off; one without its node is not switched on."""
    if is_on:
        graph_id = breakpoint_.graph_id
        _refuse_unknown(breakpoint_.node, [graph_id] if graph_id else runtime.registry.graph_ids())
    breakpoint_.is_on, breakpoint_.author, breakpoint_.updated_at = is_on, author, now()
    breakpoint_.save(update_fields=["is_on", "author", "updated_at"])
    breakpoint_changed.send(sender=Breakpoint, stop=breakpoint_, what="set", actor=author)
    return breakpoint_


@transaction.atomic
def remove_breakpoint(*, breakpoint_: Breakpoint, author: User) -> None:
    """Take a breakpoint away; runs that wait at it go on waiting."""
    breakpoint_changed.send(sender=Breakpoint, stop=breakpoint_, what="removed", actor=author)
    breakpoint_.delete()


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


def _refuse_unknown(node: str, graph_ids: Collection[str]) -> None:
    if not any(node in runtime.nodes(graph_id) for graph_id in graph_ids):
        where = ", ".join(sorted(graph_ids))
        raise InvalidInput(f"node: '{node}' is not a node of {where}.")
