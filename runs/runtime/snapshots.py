"""Reading LangGraph's snapshots: what they ask, and how the wire shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.types import Interrupt, PregelTask, StateSnapshot, _interrupt_id

from runs.runtime.jsonable import jsonable
from runs.runtime.registry import Graph
from runs.runtime.spec import AskedInterrupt

RESUME = "__resume__"
CHECKPOINT_KEYS = ("checkpoint_id", "thread_id", "checkpoint_ns", "checkpoint_map")


def thread_config(
    thread_id: UUID, checkpoint_id: str | None = None, checkpoint_ns: str = ""
) -> dict[str, Any]:
    """The config that finds a thread's checkpoint, the latest unless one is named."""
    found = {"thread_id": str(thread_id), "checkpoint_ns": checkpoint_ns}
    return {"configurable": found | ({"checkpoint_id": checkpoint_id} if checkpoint_id else {})}


async def head(graph: Graph, thread_id: UUID) -> StateSnapshot:
    """The thread as it stands now, with its subgraphs where they are at work."""
    config: Any = thread_config(thread_id)
    snapshot = await graph.aget_state(config)
    if any(task.state for task in snapshot.tasks):
        snapshot = await graph.aget_state(config, subgraphs=True)
    return snapshot


def checkpoint_id(snapshot: StateSnapshot) -> str | None:
    """The id of the checkpoint a snapshot was read from."""
    found: str | None = snapshot.config["configurable"].get("checkpoint_id")
    return found


def nested(task: PregelTask) -> StateSnapshot | None:
    """The state of the subgraph a task runs, once it has one."""
    state = task.state
    return state if isinstance(state, StateSnapshot) and state.metadata is not None else None


def asked(snapshot: StateSnapshot) -> tuple[AskedInterrupt, ...]:
    """The interrupts of a snapshot, each where it is asked: in the innermost subgraph."""
    namespace = snapshot.config["configurable"].get("checkpoint_ns", "")
    found = []
    for task in snapshot.tasks:
        inside = nested(task)
        within = {one.interrupt_id: one for one in asked(inside)} if inside else {}
        found += [
            within.get(interrupt.id) or _asked(interrupt, task, namespace)
            for interrupt in task.interrupts
        ]
    return tuple(found)


def _asked(interrupt: Interrupt[Any], task: PregelTask, namespace: str) -> AskedInterrupt:
    return AskedInterrupt(
        interrupt_id=interrupt.id,
        value=jsonable(interrupt.value),
        response_schema=jsonable(interrupt.response_schema),
        node=task.name,
        task_id=task.id,
        namespace=namespace,
    )


def taken(
    interrupts: Iterable[AskedInterrupt], saved: Mapping[str, CheckpointTuple | None]
) -> set[str]:
    """The interrupts still listed whose answer is saved already; `saved` is by namespace.

    LangGraph ignores another answer to these, or worse: gives it to the node's next question.
    """
    ids = set()
    for one in interrupts:
        checkpoint = saved[one.namespace]
        writes = (checkpoint.pending_writes if checkpoint else None) or []
        answers = [value for task, name, value in writes if (task, name) == (one.task_id, RESUME)]
        count = sum(len(a) if isinstance(a, list) else 1 for a in answers)
        place = "|".join(filter(None, (one.namespace, f"{one.node}:{one.task_id}")))
        ids |= {one.interrupt_id} & {_interrupt_id(place, index) for index in range(count)}
    return ids


def on_the_run(interrupts: Iterable[AskedInterrupt]) -> list[dict[str, Any]]:
    """Interrupts as run outputs and streams show them."""
    return [
        {"value": one.value, "id": one.interrupt_id, "response_schema": one.response_schema}
        for one in interrupts
    ]


def thread_state(snapshot: StateSnapshot) -> dict[str, Any]:
    """A snapshot as the wire's ThreadState."""
    checkpoint = checkpoint_of(snapshot.config) if checkpoint_id(snapshot) else None
    parent = checkpoint_of(snapshot.parent_config)
    return {
        "values": jsonable(snapshot.values),
        "next": list(snapshot.next),
        "tasks": [_task(task) for task in snapshot.tasks],
        "metadata": _metadata(snapshot),
        "created_at": snapshot.created_at,
        "checkpoint": checkpoint,
        "parent_checkpoint": parent,
        "interrupts": [_interrupt(one) for one in snapshot.interrupts],
        "checkpoint_id": checkpoint and checkpoint["checkpoint_id"],
        "parent_checkpoint_id": parent and parent["checkpoint_id"],
    }


def _metadata(snapshot: StateSnapshot) -> dict[str, Any] | None:
    if snapshot.metadata is None:
        return None
    thread_id = snapshot.config["configurable"]["thread_id"]
    plain: dict[str, Any] = jsonable({**snapshot.metadata, "thread_id": thread_id})
    return plain


def checkpoint_of(config: Any) -> dict[str, Any] | None:
    """Where a checkpoint is found, as the wire writes it."""
    if config is None:
        return None
    found = config["configurable"]
    return {key: found[key] for key in CHECKPOINT_KEYS if key in found}


def _task(task: PregelTask) -> dict[str, Any]:
    state = task.state
    return {
        "id": task.id,
        "name": task.name,
        "path": jsonable(task.path),
        "error": None if task.error is None else _error(task.error),
        "interrupts": [_interrupt(one) for one in task.interrupts],
        "checkpoint": dict(state["configurable"]) if isinstance(state, dict) else None,
        "state": thread_state(state) if isinstance(state, StateSnapshot) else None,
        "result": jsonable(task.result),
    }


def _error(error: Any) -> str:
    return str(jsonable(error if isinstance(error, str) else repr(error)))


def _interrupt(interrupt: Interrupt[Any]) -> dict[str, Any]:
    """An interrupt as threads and states show it: a schema only where there is one."""
    shown = {"id": interrupt.id, "value": jsonable(interrupt.value)}
    if interrupt.response_schema is not None:
        shown["response_schema"] = jsonable(interrupt.response_schema)
    return shown
