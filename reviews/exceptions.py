"""Why a decision was not taken. The docstring is the sentence the reviewer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

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


class CannotReview(ReviewError):
    """This person does not review this task."""

    status_code = 422


class DraftTooLong(ReviewError):
    """This draft is too long to be kept."""

    status_code = 413


class NothingToGive(ReviewError):
    """You have no draft of this task."""


class NobodyToGiveTo(ReviewError):
    """Nobody else holds this task."""


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


class PeopleError(Exception):
    """Why people, queues or keys stay as they are; `said` is the sentence the page shows."""

    said: StrPromise = _("This is not possible now.")

    def __str__(self) -> str:
        return str(self.said)


class LastAdmin(PeopleError):
    said = _("Nobody else could administer: make somebody else an administrator first.")


class NotOfYourRank(PeopleError):
    said = _("Only a superuser may change a superuser.")


class NameTaken(PeopleError):
    said = _("This name is taken.")


class DefaultQueue(PeopleError):
    said = _("What no policy sends elsewhere goes to the queue of this name: it keeps it.")


class ScopeTooWide(PeopleError):
    said = _("A key may do no more than the person it belongs to.")
