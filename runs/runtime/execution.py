"""Running a graph: one attempt of one run, from its first chunk to its outcome."""

from __future__ import annotations

import dataclasses
from contextlib import aclosing
from typing import Any

from django.conf import settings
from langgraph.types import StateSnapshot

from runs.runtime import auth, checkpointer, registry, resumption, snapshots, store
from runs.runtime.chunks import INTERRUPT, Chunks
from runs.runtime.jsonable import jsonable
from runs.runtime.registry import Graph
from runs.runtime.spec import AskedInterrupt, Emit, Nodes, Outcome, PausedAt, Position, RunSpec

CLIENT_CONFIG = ("tags", "run_name", "max_concurrency")
RESERVED = {
    *("thread_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map", "run_id"),
    *auth.CONFIGURABLE,
}


async def execute(spec: RunSpec, emit: Emit) -> Outcome:
    """Run the graph until it ends or waits for someone; what it raises is the caller's."""
    chunks = Chunks(spec, emit)
    saver = await checkpointer.fenced_saver(spec)
    config: Any = run_config(spec)
    async with (
        store.fenced_store(spec) as kept,
        registry.opened(spec.graph_id, config) as made,
    ):
        graph = made.copy(update={"checkpointer": saver, "store": kept})
        start = await resumption.starting_point(graph, spec, config)
        if start.over is not None:
            return await _outcome(graph, spec, start.over, chunks)
        if start.checkpoint_id:
            config["configurable"]["checkpoint_id"] = start.checkpoint_id
        await _run(graph, spec, start.input, config, chunks)
        return await _outcome(graph, spec, await snapshots.head(graph, spec.thread_id), chunks)


async def _run(graph: Graph, spec: RunSpec, given: Any, config: Any, chunks: Chunks) -> None:
    options: dict[str, Any] = {
        "context": _context(graph, spec),
        "stream_mode": chunks.modes,
        "output_keys": graph.output_channels,
        "interrupt_before": _breakpoints(graph.interrupt_before_nodes, spec.interrupt_before),
        "interrupt_after": _breakpoints(graph.interrupt_after_nodes, spec.interrupt_after),
        "durability": spec.durability,
        "subgraphs": spec.stream_subgraphs,
    }
    if chunks.with_events:
        await _run_with_events(graph, spec, given, config, options, chunks)
        return
    stream: Any = graph.astream(given, config, **options)
    async with aclosing(stream):
        async for found in stream:
            await chunks.take(*_parts(spec, found))


async def _run_with_events(
    graph: Graph, spec: RunSpec, given: Any, config: Any, options: dict[str, Any], chunks: Chunks
) -> None:
    """The same, and every runnable at work beside it; the graph's own chunks come as its events."""
    root = str(spec.run_id)
    config = {"run_name": spec.graph_id, **config, "run_id": spec.run_id}
    stream: Any = graph.astream_events(given, config, version="v2", **options)
    async with aclosing(stream):
        async for event in stream:
            if event["event"] == "on_chain_stream" and event["run_id"] == root:
                await chunks.take(*_parts(spec, event["data"]["chunk"]))
            else:
                await chunks.take_event(event)


def _parts(spec: RunSpec, found: Any) -> tuple[tuple[str, ...], str, Any]:
    """The namespace, the mode and the content of a chunk."""
    return found if spec.stream_subgraphs else ((), *found)


async def _outcome(graph: Graph, spec: RunSpec, head: StateSnapshot, chunks: Chunks) -> Outcome:
    interrupts = snapshots.asked(head)
    paused = bool(head.next) and not interrupts
    return Outcome(
        values=jsonable(head.values),
        next=head.next,
        interrupts=interrupts,
        paused_at=await _paused_at(graph, spec, head) if paused else None,
        checkpoint_id=snapshots.checkpoint_id(head),
        output=_output(graph, head, interrupts, chunks.values),
        closing=await chunks.end(),
    )


def _output(
    graph: Graph, head: StateSnapshot, interrupts: tuple[AskedInterrupt, ...], last: Any
) -> Any:
    """The body of `runs/wait`: the last values; beside one interrupt, instead of several."""
    if last is None:
        last = _last_values(graph, head)
    if not interrupts:
        return jsonable(last)
    if len(interrupts) == 1 and isinstance(last, dict) and INTERRUPT in last:
        return jsonable(last)
    return {INTERRUPT: snapshots.on_the_run(interrupts)}


def _last_values(graph: Graph, head: StateSnapshot) -> Any:
    """What the last values chunk of an attempt that has died must have been."""
    keys = graph.output_channels
    values = head.values
    if isinstance(values, dict) and not isinstance(keys, str):
        values = {key: values[key] for key in keys if key in values}
    finished = any(task.result is not None for task in head.tasks)
    if head.interrupts and not finished and isinstance(values, dict):
        return {**values, INTERRUPT: head.interrupts}
    return values


async def _paused_at(graph: Graph, spec: RunSpec, head: StateSnapshot) -> PausedAt:
    """Which side of its nodes a breakpoint stopped the run at."""
    before = resumption.together(graph.interrupt_before_nodes, spec.interrupt_before)
    after = resumption.together(graph.interrupt_after_nodes, spec.interrupt_after)
    ran = await resumption.ran_last(graph, head, after)
    is_after = bool(resumption.named(graph, ran, after))
    is_before = bool(resumption.named(graph, set(head.next), before))
    position: Position = "before"
    if is_after:
        position = "between" if is_before else "after"
    return PausedAt(nodes=head.next, position=position)


def _breakpoints(compiled: Any, added: Nodes) -> Any:
    """For LangGraph, whose run-time list stands in place of the compiled one: both, or None."""
    both = resumption.together(compiled, added)
    return both if both == "*" else list(both) or None


def run_config(spec: RunSpec) -> dict[str, Any]:
    """LangGraph's config for a run: what the client may say, under what only we may say."""
    ours = {"thread_id": str(spec.thread_id), "run_id": str(spec.run_id), "graph_id": spec.graph_id}
    configurable = spec.config.get("configurable") or spec.context or {}
    if assistant_id := spec.metadata.get("assistant_id"):
        ours["assistant_id"] = str(assistant_id)
    return {
        **{key: spec.config[key] for key in CLIENT_CONFIG if key in spec.config},
        "recursion_limit": spec.config.get("recursion_limit", settings.RECURSION_LIMIT),
        "metadata": {
            **spec.config.get("metadata", {}),
            **spec.metadata,
            **ours,
            "run_attempt": spec.attempt,
        },
        "configurable": {
            **_unreserved(configurable),
            **auth.configurable_of(spec.caller),
            **ours,
            "__pregel_strict_resume": spec.strict_resume,
        },
    }


def _unreserved(configurable: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in configurable.items()
        if key not in RESERVED and not key.startswith("__")
    }


def _context(graph: Graph, spec: RunSpec) -> dict[str, Any] | None:
    """The run's context; a graph that wants one gets the client's configurable for lack of it.

    Whatever its dataclass has no field for stays behind: a configurable may hold anything.
    """
    schema: Any = graph.context_schema
    if schema is None:
        return spec.context
    context = spec.context
    if context is None:
        context = _unreserved(spec.config.get("configurable") or {}) or None
    if context and dataclasses.is_dataclass(schema):
        names = {field.name for field in dataclasses.fields(schema)}
        context = {name: value for name, value in context.items() if name in names}
    return context
