"""What the ledger of one thread should say: questions, the runs in line, and how both move."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from runs.runtime import AskedInterrupt, Pending

SIDES = ("left", "right")  # the nodes of the graph `two_branches`


class Checkpoint:
    """What LangGraph would have saved of a thread.

    The ledger looks at checkpoints through `runtime.head` and `runtime.pending` only. Here both
    read this object: what a graph does is then ours to say, crashes half-way included, and an
    example costs milliseconds. That the two tell the truth about real graphs is for other tests.
    """

    def __init__(self) -> None:
        self.number = 0
        self.asked: dict[str, AskedInterrupt] = {}
        self.taken: set[str] = set()  # asked still, and their answers saved: stuck

    @property
    def head(self) -> str | None:
        return f"{self.number:032d}" if self.number else None

    @property
    def next(self) -> tuple[str, ...]:
        return tuple(sorted({item.node for item in self.asked.values()}))

    def move_on(self, sides: Iterable[str] = ()) -> None:
        """A new checkpoint, at which these nodes ask something nobody has been asked yet."""
        self.number += 1
        self.taken = set()
        self.asked = {}
        for side in sides:
            key = uuid.uuid4().hex
            self.asked[key] = AskedInterrupt(
                key, {"question": f"{side}?"}, None, side, uuid.uuid4().hex, ""
            )

    def pending(self) -> Pending:
        asked, taken = tuple(self.asked.values()), tuple(self.taken)
        return Pending({}, self.next, asked, self.head, None, answered=taken)


@dataclass
class Question:
    """An interrupt with its task, and the last decision on it."""

    key: str
    interrupt: str = "pending"
    task: str = "open"
    delivery: str = ""
    is_ask_again: bool = False  # that decision
    is_held: bool = False
    value: str = ""
    carrier: UUID | None = None  # the run that brings the answer

    def sent(self, run: UUID) -> None:
        self.interrupt, self.task, self.delivery, self.carrier = (
            "answered",
            "decided",
            "delivered",
            run,
        )

    def stuck(self) -> None:
        self.interrupt, self.task = "stuck", "failed"
        if self.delivery == "delivered":
            self.delivery = "failed"

    def asked_again(self) -> None:
        self.interrupt, self.carrier = "pending", None
        if self.delivery == "recorded":
            return  # decided, and waits for the others of its pause
        self.task = "open"
        if self.delivery == "delivered":
            self.delivery = "refused"

    def consumed(self) -> None:
        self.interrupt, self.task, self.delivery = "closed", "decided", "consumed"

    def superseded(self) -> None:
        self.interrupt, self.task = "closed", "superseded"
        if self.delivery == "delivered" and self.is_ask_again:
            self.delivery = "consumed"
        elif self.delivery in ("recorded", "delivered"):
            self.delivery = "refused"


@dataclass
class Queued:
    """A run in line."""

    id: UUID
    kind: str  # "start over", "go on", "resume", "retry", "ask again"
    keys: frozenset[str] = frozenset()  # the questions it answers
    is_running: bool = False
    crashes: int = 0


@dataclass
class Model:
    """The ledger of a thread whose graph asks left and right."""

    at: Checkpoint = field(default_factory=Checkpoint)
    questions: dict[str, Question] = field(default_factory=dict)
    line: list[Queued] = field(default_factory=list)
    status: str = "idle"

    @property
    def running(self) -> Queued | None:
        return next((run for run in self.line if run.is_running), None)

    def pending(self) -> set[str]:
        return {key for key, one in self.questions.items() if one.interrupt == "pending"}

    def is_complete(self) -> bool:
        """Whether everything that is pending was decided, and nothing can be undone any more."""
        asked = [self.questions[key] for key in self.pending()]
        decided = all(one.task == "decided" for one in asked)
        return bool(asked) and decided and not any(one.is_held for one in asked)

    def put(self, run: Queued) -> None:
        self.line.append(run)
        if len(self.line) == 1:
            self._begin()
        self.status = "busy"

    def send(self, run: UUID) -> None:
        """All that is pending goes as one resume."""
        keys = frozenset(self.pending())
        for key in keys:
            self.questions[key].sent(run)
        self.put(Queued(run, "resume", keys))

    def settle(self, run: Queued, status: str) -> None:
        """The run is over; rows follow the checkpoint, and the next in line begins."""
        self.line.remove(run)
        self._record(run)
        self.status = status
        if self.line:
            self.status = "busy"
            self._begin()

    def cancel(self, run: Queued) -> None:
        if self.running in (None, run):
            self.settle(run, "interrupted" if self.at.asked else "idle")
            return
        self.line.remove(run)
        for key in run.keys:
            if self.questions[key].carrier == run.id:
                self.questions[key].asked_again()

    def _begin(self) -> None:
        if self.line[0].kind == "start over":
            for one in self.questions.values():
                if one.interrupt != "closed":
                    one.superseded()

    def _record(self, run: Queued) -> None:
        active = {other.id for other in self.line}
        for key, one in self.questions.items():
            if key not in self.at.asked:
                self._went(one, run)
            elif not (one.interrupt == "answered" and one.carrier in active):
                one.stuck() if key in self.at.taken else one.asked_again()
        for key in self.at.asked.keys() - self.questions.keys():
            self.questions[key] = Question(key)

    def _went(self, one: Question, run: Queued) -> None:
        if one.interrupt == "closed":
            return
        is_replayed = one.interrupt == "stuck" and run.kind != "ask again"
        if is_replayed or one.carrier == run.id:
            one.consumed()
        else:
            one.superseded()
