"""Why a decision was not taken. The docstring is the sentence the reviewer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reviews.models import Decision, ReviewTask


class ReviewError(Exception):
    """This task cannot be changed that way."""

    status_code = 409

    def __init__(self, task: ReviewTask) -> None:
        super().__init__(type(self).__doc__)
        self.task = task


class AlreadyDecided(ReviewError):
    """This task has already been decided."""

    def __init__(self, task: ReviewTask, decision: Decision | None) -> None:
        super().__init__(task)
        self.decision = decision


class Superseded(ReviewError):
    """The agent has moved on: nobody waits for this answer any more, and nothing was sent."""


class ClaimedByOther(ReviewError):
    """Somebody else has claimed this task."""


class GraphHasChanged(ReviewError):
    """The graph was changed since it asked. Accept the change before you decide."""


class RequestChanged(ReviewError):
    """The request changed, look again. Nothing was sent."""


class NotYours(ReviewError):
    """Only the person who decided, or an administrator, can undo this."""

    status_code = 403


class AlreadySent(ReviewError):
    """It is too late to undo this: the agent has the answer."""


class NothingToUndo(ReviewError):
    """Nobody has decided this task."""


class NotStuck(ReviewError):
    """This task is not stuck behind an answer."""


class KeyReused(ReviewError):
    """This Idempotency-Key was used with another body."""

    status_code = 422
