"""Where an attempt of a run begins, so that nothing is lost, doubled or walked through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.types import Command, PregelTask, Send, StateSnapshot
from langgraph.types import StateUpdate as GraphUpdate

from runs.exceptions import BreakpointInTheWay, InvalidUpdate
from runs.runtime import description, snapshots
from runs.runtime.registry import Graph
from runs.runtime.spec import Nodes, RunSpec, StateUpdate

END = "__end__"


@dataclass(frozen=True, slots=True)
class Start:
    """What to give the graph, or the snapshot that shows there is nothing left to run."""

    input: Any = None
    checkpoint_id: str | None = None
    over: StateSnapshot | None = None


async def starting_point(graph: Graph, spec: RunSpec, config: Any) -> Start:
    """Read how far earlier attempts came, and go on from there."""
    if spec.stops_at_start and (stopped := await _stopped(graph, spec)):
        return Start(over=stopped)
    if spec.attempt == 1 and spec.state_update is None:
        return _from_the_start(spec)
    head = await snapshots.head(graph, spec.thread_id)
    if spec.state_update is not None and not _wrote(head, spec):
        await _update(graph, spec.state_update, config, head)
        head = await snapshots.head(graph, spec.thread_id)
    answers = answers_of(spec)
    taken = await _taken(graph, spec, head)
    left = {
        one.interrupt_id: answers[one.interrupt_id]
        for one in snapshots.asked(head)
        if one.interrupt_id in answers and one.interrupt_id not in taken
    }
    if not _touched(head, spec) and left == answers:
        return _from_the_start(spec)
    if left:
        return Start(Command(resume=left))
    # Not `next`: it is empty too where all of a superstep is written but its checkpoint.
    if not head.tasks or await _waits(graph, spec, head, taken):
        return Start(over=head)
    return Start(None)


async def _stopped(graph: Graph, spec: RunSpec) -> StateSnapshot | None:
    """Where the run would begin, if a breakpoint stands there: LangGraph would walk through it."""
    config: Any = snapshots.thread_config(spec.thread_id, spec.checkpoint_id)
    at = await graph.aget_state(config)
    begun = any(task.interrupts or task.error or task.result for task in at.tasks)
    if begun or _wrote(at, spec):
        return None
    before = together(graph.interrupt_before_nodes, spec.interrupt_before)
    after = together(graph.interrupt_after_nodes, spec.interrupt_after)
    ran = await ran_last(graph, at, after) if (at.metadata or {}).get("source") == "loop" else set()
    if not at.next or not (named(graph, set(at.next), before) or named(graph, ran, after)):
        return None
    if spec.command or spec.checkpoint_id:
        raise BreakpointInTheWay
    return at


def answers_of(spec: RunSpec) -> dict[str, Any]:
    """The answers by interrupt id that a run brings."""
    resume = (spec.command or {}).get("resume")
    return resume if isinstance(resume, dict) else {}


def _from_the_start(spec: RunSpec) -> Start:
    command = as_command(spec.command or {})
    return Start(spec.input if command is None else command, spec.checkpoint_id)


def as_command(body: dict[str, Any]) -> Command[Any] | None:
    """The wire's command as LangGraph's; None when it says nothing."""
    given = {key: body[key] for key in ("resume", "update", "goto") if body.get(key) is not None}
    if not given:
        return None
    if isinstance(update := given.get("update"), list):
        given["update"] = [tuple(pair) for pair in update]
    if "goto" in given:
        goto = given["goto"]
        given["goto"] = [_target(one) for one in (goto if isinstance(goto, list) else [goto])]
    return Command(**given)


def _target(goto: Any) -> Any:
    return Send(goto["node"], goto.get("input")) if isinstance(goto, dict) else goto


async def _update(graph: Graph, update: StateUpdate, config: Any, head: StateSnapshot) -> None:
    """Write what a reviewer decided; LangGraph drops other nodes that wait, so name all."""
    nodes, waiting = update.nodes, set(head.next)
    if waiting & set(nodes) and not waiting <= set(nodes):
        names = ", ".join(head.next)
        raise InvalidUpdate(f"{names} wait together: they can only be skipped together.")
    values = update.values if update.values or nodes != (END,) else None
    first, *others = nodes or await _last_writers(graph, head) or (None,)
    updates = [GraphUpdate(values, first), *(GraphUpdate(None, node) for node in others)]
    await graph.abulk_update_state(config, [updates])


async def _last_writers(graph: Graph, head: StateSnapshot) -> tuple[str, ...]:
    """The nodes whose step the run stopped after: an edit is made in the name of them all.

    LangGraph finds a single one by itself, and refuses where several ran at once. Where one of
    them stands for the others, what these had led to would be forgotten.
    """
    if (head.metadata or {}).get("source") != "loop" or head.parent_config is None:
        return ()
    parent = await graph.aget_state(head.parent_config)
    return tuple(dict.fromkeys(task.name for task in parent.tasks))


async def _taken(graph: Graph, spec: RunSpec, head: StateSnapshot) -> set[str]:
    """The interrupts still listed whose answer LangGraph has already; a crash can lose others."""
    interrupts = snapshots.asked(head)
    saver: Any = graph.checkpointer
    saved = {
        place: await saver.aget_tuple(snapshots.thread_config(spec.thread_id, checkpoint_ns=place))
        for place in {one.namespace for one in interrupts}
    }
    return snapshots.taken(interrupts, saved)


def _wrote(snapshot: StateSnapshot, spec: RunSpec) -> bool:
    return (snapshot.metadata or {}).get("run_id") == str(spec.run_id)


def _touched(snapshot: StateSnapshot, spec: RunSpec) -> bool:
    """Whether this run has written this checkpoint, or one of a subgraph beneath it."""
    beneath = (snapshots.nested(task) for task in snapshot.tasks)
    return _wrote(snapshot, spec) or any(_touched(one, spec) for one in beneath if one)


async def _waits(graph: Graph, spec: RunSpec, head: StateSnapshot, taken: set[str]) -> bool:
    """Whether all that is left has been stopped by a question or a breakpoint."""
    before = together(graph.interrupt_before_nodes, spec.interrupt_before)
    after = together(graph.interrupt_after_nodes, spec.interrupt_after)
    return await _Stops(graph, spec, taken).all_wait(graph, head, before, after)


@dataclass(frozen=True, slots=True)
class _Stops:
    """Finds breakpoints that this run reached but could not report.

    Continuing a run counts as resuming for LangGraph and would walk through them. A checkpoint
    this run wrote is progress, so every breakpoint at it still has to stop someone.
    """

    root: Graph
    spec: RunSpec
    taken: set[str]

    async def all_wait(self, graph: Graph, at: StateSnapshot, before: Nodes, after: Nodes) -> bool:
        begun = any(task.interrupts or task.error or task.result for task in at.tasks)
        if not begun and _wrote(at, self.spec) and await self.breakpoint(graph, at, before, after):
            return True
        unfinished = [t for t in at.tasks if t.name in at.next and t.result is None]
        waiting = [await self.task_waits(graph, task) for task in unfinished]
        return bool(waiting) and all(waiting)

    async def task_waits(self, graph: Graph, task: PregelTask) -> bool:
        inside = snapshots.nested(task)
        if task.interrupts or inside is None:
            return any(one.id not in self.taken for one in task.interrupts)
        child: Any = dict(graph.get_subgraphs()).get(task.name)
        if child is None:
            return False
        before = together(child.interrupt_before_nodes, ())
        after = together(child.interrupt_after_nodes, ())
        return await self.all_wait(child, inside, before, after)

    async def breakpoint(
        self, graph: Graph, at: StateSnapshot, before: Nodes, after: Nodes
    ) -> bool:
        source = (at.metadata or {}).get("source")
        if source == "fork":  # made by going on from an older checkpoint: the way is free
            return False
        free = await self.edited_through(at) if source == "update" else set()
        if named(graph, set(at.next) - free, before):
            return True
        return source == "loop" and bool(named(graph, await ran_last(self.root, at, after), after))

    async def edited_through(self, at: StateSnapshot) -> set[str]:
        """The nodes a reviewer has let through by editing the state in front of them."""
        assert at.parent_config is not None
        waited = set((await self.root.aget_state(at.parent_config)).next)
        update = self.spec.state_update
        return set() if update and waited & set(update.nodes) else waited


async def ran_last(graph: Graph, at: StateSnapshot, after: Nodes) -> set[str]:
    """The nodes whose step made this checkpoint; read only where a breakpoint may follow one."""
    if not after or at.parent_config is None:
        return set()
    parent = await graph.aget_state(at.parent_config)
    return {task.name for task in parent.tasks}


def together(compiled: Any, added: Nodes) -> Nodes:
    """The breakpoints of the graph and those of the run; a run cannot take one away."""
    if "*" in (compiled, added):
        return "*"
    return tuple(dict.fromkeys((*compiled, *added)))


def named(graph: Graph, nodes: set[str], breakpoints: Nodes) -> set[str]:
    """Which of these nodes carry a breakpoint."""
    known = set(description.breakpoint_names(graph)) & nodes
    return known if breakpoints == "*" else known & set(breakpoints)
