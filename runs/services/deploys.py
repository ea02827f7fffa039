"""What a deployment of changed graphs would break."""

from __future__ import annotations

from collections.abc import Iterator

from runs import runtime
from runs.exceptions import BrokenBreakpoint, GraphError
from runs.models import Assistant, Interrupt
from runs.services.breakpoints import stops_of


def pending_problems() -> list[str]:
    """Open questions and breakpoints that the graphs as deployed now no longer fit."""
    asked = Interrupt.objects.unsettled().select_related("run").order_by("pk")
    problems = [
        f"thread {interrupt.thread_id}, {interrupt.node}: {problem}"
        for interrupt in asked
        if (problem := problem_of(interrupt))
    ]
    return problems + list(_broken_breakpoints())


def problem_of(interrupt: Interrupt) -> str:
    """Why a question cannot be answered with the graph as it is now; empty if it can."""
    if problem := missing(interrupt):
        return problem
    return f"the graph '{interrupt.run.graph_id}' was changed" if is_changed(interrupt) else ""


def missing(interrupt: Interrupt) -> str:
    """What of the graph that asked is gone; empty if it is all there."""
    graph_id = interrupt.run.graph_id
    if graph_id not in runtime.registry.graph_ids():
        return f"the graph '{graph_id}' is gone"
    try:
        runtime.registry.graph(graph_id)
    except GraphError as error:
        return str(error.detail)
    for node in interrupt.nodes:
        if not runtime.has_node(graph_id, interrupt.namespace, node):
            return f"the graph '{graph_id}' no longer has the node '{node}'"
    return ""


def channels_of(graph_id: str) -> dict[str, str] | None:
    """The channels of a graph's state, each with its reducer's name; None if the graph is gone."""
    try:
        return runtime.channels(graph_id)
    except GraphError:
        return None


def is_changed(interrupt: Interrupt) -> bool:
    """Whether the graph is another than the one that asked."""
    return runtime.registry.fingerprint(interrupt.run.graph_id) != interrupt.fingerprint


def _broken_breakpoints() -> Iterator[str]:
    for assistant in Assistant.objects.filter(graph_id__in=runtime.registry.graph_ids()):
        try:
            stops_of(assistant.pk, assistant.graph_id)
        except BrokenBreakpoint as error:
            yield str(error.detail)
