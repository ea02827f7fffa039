"""What can go wrong with runs, in sentences a person reads."""

from __future__ import annotations

from collections.abc import Mapping

from rest_framework import status
from rest_framework.exceptions import APIException


class RunsError(APIException):
    """The thing asked for does not fit the state of the run, the thread or the graph."""

    status_code: int = status.HTTP_409_CONFLICT
    default_detail = "This is not possible now."
    default_code = "conflict"


class GraphError(RunsError):
    """A graph of langgraph.json cannot be loaded."""

    default_detail = "The graph cannot be loaded."
    default_code = "graph_error"


class GraphNotFound(RunsError):
    """langgraph.json names no such graph."""

    status_code = status.HTTP_404_NOT_FOUND
    default_detail = "Graph not found."
    default_code = "graph_not_found"


class InvalidInput(RunsError):
    """The body is well-formed but a graph cannot take it."""

    status_code: int = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "The graph cannot take this."
    default_code = "invalid_input"


class InvalidNamespace(InvalidInput):
    """A namespace of the store with labels nobody may use."""


class KeyRequired(RunsError):
    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "Key is required"
    default_code = "key_required"


class NotFound(RunsError):
    status_code = status.HTTP_404_NOT_FOUND
    default_detail = "Thread or assistant not found."
    default_code = "not_found"


class ThreadBusy(RunsError):
    default_detail = (
        "Thread is already running a task. Wait for it to finish or choose a different multitask "
        "strategy."
    )
    default_code = "busy"


class ThreadPinned(RunsError):
    default_detail = (
        "The thread waits for a person. Decide its review tasks first, or force it as an admin."
    )
    default_code = "pinned"


class NothingPending(RunsError):
    default_detail = "Nothing waits for an answer on this thread."
    default_code = "nothing_pending"


class AlreadyAnswered(RunsError):
    default_detail = "The interrupt has already been answered."
    default_code = "already_answered"


class WrongInterrupts(RunsError):
    default_detail = "The answer does not name exactly the interrupts that are pending."
    default_code = "wrong_interrupts"


class AmbiguousAnswer(RunsError):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "Several interrupts are pending: answer with a map of interrupt id to value."
    default_code = "ambiguous_answer"


class AnswerRefused(RunsError):
    """An answer that what was asked does not allow; `errors` say where (JSON Pointers)."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "The answer is not one the question allows."
    default_code = "answer_refused"


class StaleThread(RunsError):
    default_detail = "The thread has moved on since the question was asked; nothing was sent."
    default_code = "stale"


class GraphChanged(RunsError):
    default_detail = "The graph no longer has the node that asked; nothing was sent."
    default_code = "graph_changed"


class GraphDiffers(RunsError):
    default_detail = (
        "The graph was changed since it asked; nothing was sent. Somebody has to accept the change "
        "on the review task first."
    )
    default_code = "graph_differs"


class OtherGraph(RunsError):
    default_detail = "Another graph waits for an answer on this thread; nothing was sent."
    default_code = "other_graph"


class OtherAssistant(RunsError):
    default_detail = "Another assistant waits for an answer on this thread; nothing was sent."
    default_code = "other_assistant"


class BreakpointAnswered(RunsError):
    default_detail = (
        "The thread waits at a breakpoint, which takes no answer: go on with `input: null`."
    )
    default_code = "breakpoint_answered"


class BreakpointInTheWay(RunsError):
    default_detail = "A breakpoint stands where this run would begin, and nobody let it through."
    default_code = "breakpoint_in_the_way"


class BrokenBreakpoint(RunsError):
    default_detail = "A breakpoint names a node the graph no longer has."
    default_code = "broken_breakpoint"


class BreakpointsMoved(RunsError):
    default_detail = "Somebody else changed these breakpoints meanwhile; nothing was saved."
    default_code = "breakpoints_moved"


class ReviewersOnly(RunsError):
    status_code = status.HTTP_403_FORBIDDEN
    default_detail = "Only reviewers may answer this, and nobody may go around the question."
    default_code = "reviewers_only"


class StuckInterrupt(RunsError):
    default_detail = (
        "The node failed after it had taken an answer; LangGraph would ignore another one."
    )
    default_code = "stuck"


class CheckpointRefused(RunsError):
    default_detail = "A checkpoint of this thread holds a type its graph does not declare."


class HandlerRefused(RunsError):
    """An auth handler of the deployment says no, in its own words."""

    default_code = "refused"

    def __init__(
        self, status_code: int, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status_code = status_code
        self.headers = dict(headers or {})


class HandlerFailed(RunsError):
    """An auth handler failed: nobody gets past it; what went wrong is in the log alone."""

    status_code = status.HTTP_500_INTERNAL_SERVER_ERROR
    default_detail = "Internal Server Error"
    default_code = "handler_failed"


class LeaseLost(Exception):
    """This attempt of a run no longer holds it: another worker may, so write nothing more."""


class StorageLost(Exception):
    """The checkpoints cannot be reached; the run is not at fault and goes on when they can."""


class InvalidUpdate(InvalidInput):
    """The graph cannot take this state update."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid_update"
