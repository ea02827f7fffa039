"""One task as a page shows it: the question, the form as somebody left it, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from uuid import uuid4

from django.http import QueryDict
from django.urls import reverse

from reviews import payloads
from reviews.inbox import Query, neighbours
from reviews.models import Delivery, ReviewTask
from reviews.sending import Sending, sending_of
from reviews.surroundings import Surroundings
from reviews.task_form import TaskForm
from reviews.work_page import Work, text_of
from runs import services as runs
from runs.models import Run

RAW_LIMIT = 64 * 1024
GIVEN_BACK = (Delivery.State.UNDONE, Delivery.State.REFUSED)


@dataclass
class TaskPage(TaskForm):
    """What the task's templates read."""

    notice: str = ""  # why something else than a decision was refused
    is_late: bool = False  # somebody was faster: what was posted has to be kept
    idempotency_key: str = field(default_factory=lambda: str(uuid4()))

    def __post_init__(self) -> None:
        if self.posted is None:
            self.posted = self.work.form or self._recalled()

    def _recalled(self) -> QueryDict | None:
        """The form of the answer this reviewer gave before, when it came back unused."""
        last = self.decisions[0] if self.is_open and self.decisions else None
        if last is None or last.reviewer_id != self.user.pk:
            return None
        if last.delivery.state not in GIVEN_BACK:
            return None
        return self.as_given(last)

    @cached_property
    def work(self) -> Work:
        """Who else is at the task, and what this person has in hand for it."""
        return Work(self.task, self.user)

    @property
    def is_mine(self) -> bool:
        return self.task.holder == self.user

    @property
    def is_held_by_other(self) -> bool:
        return self.task.holder not in (None, self.user)

    @property
    def is_refused(self) -> bool:
        """Whether the form shows what was typed before, not what the agent proposed."""
        return self.posted is not None

    @property
    def has_other_holder(self) -> bool:
        """Whether somebody else claimed or left the task since the form was drawn."""
        holder = self.task.holder
        is_known = self.typed("holder") == (str(holder.pk) if holder else "")
        return not is_known and holder != self.user

    @property
    def has_changed(self) -> bool:
        """Whether the form was filled in for another edition of the request."""
        seen = self.typed("seen")
        return self.is_open and seen not in ("", self.task.edition)

    @cached_property
    def graph_problem(self) -> str:
        """Why an answer would not be sent to the graph as it is deployed now."""
        if not self.is_open or self.task.interrupt is None:
            return ""
        return runs.problem_of(self.task.interrupt)

    @cached_property
    def around(self) -> Surroundings:
        """What else is known of the task's pause and its thread."""
        return Surroundings(self.task, self.user)

    @property
    def is_graph_changed(self) -> bool:
        """Whether it is for people to accept the graph as it is now; else a part of it is gone."""
        return self.graph_problem.endswith("was changed")

    # -- addresses ---------------------------------------------------------------------------

    @property
    def list_url(self) -> str:
        return (self.query or Query()).url

    def url_of(self, pk: int) -> str:
        """Where another task opens: beside the list, or on its own page."""
        return f"{self.query.url}&task={pk}" if self.query else reverse("reviews:task", args=[pk])

    @property
    def url(self) -> str:
        return self.url_of(self.task.pk)

    @cached_property
    def _neighbours(self) -> tuple[int | None, int | None]:
        return neighbours(self.user, self.query or Query(), self.task)

    @property
    def previous_url(self) -> str:
        return self.url_of(self._neighbours[0]) if self._neighbours[0] else ""

    @property
    def next_url(self) -> str:
        return self.url_of(self._neighbours[1]) if self._neighbours[1] else ""

    # -- what was decided ---------------------------------------------------------------------

    @property
    def was_given_back(self) -> bool:
        """Whether the graph refused the last answer, which opened the task again."""
        last = self.decisions[0] if self.is_open and self.decisions else None
        return last is not None and last.delivery.state == Delivery.State.REFUSED

    @property
    def sending(self) -> Sending | None:
        """The time left to undo the decision."""
        return sending_of(self.decision.delivery) if self.decision else None

    @property
    def may_undo(self) -> bool:
        """Whether the decision is still here, and this person's to take back."""
        decision = self.decision
        if decision is None or decision.delivery.state != Delivery.State.RECORDED:
            return False
        return self.user.is_staff or decision.reviewer_id == self.user.pk

    @cached_property
    def failure(self) -> str:
        """What the run that carried the answer said as it failed."""
        if self.task.status != ReviewTask.Status.FAILED or self.decision is None:
            return ""
        carrier = Run.objects.filter(pk__in=[self.decision.delivery.run_id])
        error = carrier.values_list("error", flat=True).first()
        if isinstance(error, dict):
            said = [str(error[key]) for key in ("error", "message") if error.get(key)]
            return ": ".join(said)[:RAW_LIMIT]
        return payloads.json_text(error)[:RAW_LIMIT] if error else ""

    @cached_property
    def successor(self) -> ReviewTask | None:
        """The task that stands in the place of this one, if this person may see it."""
        if self.task.superseded_by_id is None:
            return None
        visible = ReviewTask.objects.visible_to(self.user).for_inbox()
        return visible.filter(pk=self.task.superseded_by_id).first()

    @property
    def draft(self) -> str:
        """What this person typed, on a task that somebody else closed."""
        if self.posted is None or self.is_open:
            return ""
        return text_of(self.asked, self.posted)
