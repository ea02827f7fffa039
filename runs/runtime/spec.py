"""What goes into an execution and what comes out: plain values, no LangGraph types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

Emit = Callable[[str, Any], Awaitable[None]]
Nodes = tuple[str, ...] | Literal["*"]
Durability = Literal["sync", "async", "exit"]
Position = Literal["before", "after", "between"]

# The stream mode of what only the thread-centric protocol tells; its events are named after it.
PROTOCOL = "protocol"


@dataclass(frozen=True, slots=True)
class StateUpdate:
    """Values written as if a node had returned them, before the run goes on."""

    values: Any
    as_node: str | Sequence[str] | None = None  # several where several nodes wait together

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes it stands for; none to let LangGraph find the last one that ran."""
        return (self.as_node,) if isinstance(self.as_node, str) else tuple(self.as_node or ())


@dataclass(frozen=True, slots=True)
class RunSpec:
    """Everything the runtime needs to know to execute one attempt of a run."""

    run_id: UUID
    thread_id: UUID
    attempt: int
    graph_id: str
    input: Any = None
    command: dict[str, Any] | None = None  # {"resume": {interrupt id: value}, "update", "goto"}
    state_update: StateUpdate | None = None
    config: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    caller: dict[str, Any] | None = None  # whom the auth handlers let in; None without handlers
    checkpoint_id: str | None = None
    stream_modes: tuple[str, ...] = ()
    stream_subgraphs: bool = False
    interrupt_before: Nodes = ()  # added to the compiled ones, never in their place
    interrupt_after: Nodes = ()
    durability: Durability = "sync"
    strict_resume: bool = True
    stops_at_start: bool = False  # nobody has let it through a breakpoint where it would begin


@dataclass(frozen=True, slots=True)
class AskedInterrupt:
    """A question a node asks, and where it asks it."""

    interrupt_id: str
    value: Any
    response_schema: dict[str, Any] | None
    node: str
    task_id: str
    namespace: str  # "" in the root, "child:<task id>" in a subgraph

    @property
    def root_task_id(self) -> str:
        """The task of the root graph within which this is asked: its key on the thread."""
        return self.namespace.split("|")[0].rpartition(":")[2] or self.task_id


@dataclass(frozen=True, slots=True)
class PausedAt:
    """A pause at a breakpoint: the nodes that wait, and the side of them it stands on."""

    nodes: tuple[str, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an execution ended, and what its waiting clients are to be told."""

    values: Any
    next: tuple[str, ...]
    interrupts: tuple[AskedInterrupt, ...]
    paused_at: PausedAt | None
    checkpoint_id: str | None
    output: Any = None  # the body of runs/wait and join
    closing: list[tuple[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pending:
    """What a thread waits for according to its latest checkpoint."""

    values: Any
    next: tuple[str, ...]
    interrupts: tuple[AskedInterrupt, ...]
    checkpoint_id: str | None
    run_id: UUID | None
    answered: tuple[str, ...] = ()  # ids still listed whose answer is already saved
