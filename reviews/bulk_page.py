"""Several tasks as the pages show them: the bar below the list, and a batch from end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from reviews import bulk, services
from reviews.bulk import Group, Unfit
from reviews.models import Batch, BatchItem, Decision, Delivery, ReviewTask, TaskMark
from reviews.sending import sending_of
from reviews.templatetags.inbox_tags import later
from reviews.work_page import COLLEAGUES, colleagues

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Outcome = BatchItem.Outcome


def verb(kind: str) -> str:
    """What a button says that does it."""
    verbs = {
        "approve": _("Approve"),
        "continue": _("Continue"),
        "reject": _("Reject"),
        "claim": _("Claim"),
        "release": _("Release"),
        "assign": _("Assign"),
    }
    return verbs.get(kind, _("Decide"))


def counted(kind: str, count: int) -> str:
    """How many tasks were answered in which way, as a sentence's end."""
    said = {
        "approve": ngettext("%(n)s approved", "%(n)s approved", count),
        "continue": ngettext("%(n)s continued", "%(n)s continued", count),
        "reject": ngettext("%(n)s rejected", "%(n)s rejected", count),
        "claim": ngettext("%(n)s claimed", "%(n)s claimed", count),
        "release": ngettext("%(n)s released", "%(n)s released", count),
        "assign": ngettext("%(n)s assigned", "%(n)s assigned", count),
    }
    return said.get(kind, ngettext("%(n)s decided", "%(n)s decided", count)) % {"n": count}


def noted(kind: str, count: int, until: datetime | None = None) -> str:
    """What somebody noted of so many tasks for themselves, as a sentence."""
    said = {
        "watch": ngettext("You watch %(n)s task.", "You watch %(n)s tasks.", count),
        "unwatch": ngettext(
            "You no longer watch %(n)s task.", "You no longer watch %(n)s tasks.", count
        ),
        "wake": ngettext("%(n)s task is back.", "%(n)s tasks are back.", count),
        "snooze": ngettext(
            "%(n)s task is hidden from your lists until %(until)s.",
            "%(n)s tasks are hidden from your lists until %(until)s.",
            count,
        ),
    }
    return said[kind] % {"n": count, "until": later(until) if until else ""}


@dataclass(frozen=True)
class Offer:
    """Something that can be done with so many of the selected tasks."""

    kind: str
    count: int

    @property
    def label(self) -> str:
        return verb(self.kind)


@dataclass
class Bar:
    """What can be done with the selected tasks, and why not with the others."""

    tasks: Sequence[ReviewTask]
    user: User
    in_view: str  # how many tasks the list has, as it was when it was shown
    is_whole: bool = False  # all of the list is selected

    @property
    def selected(self) -> str:
        return self.in_view if self.is_whole else str(len(self.tasks))

    @property
    def is_capped(self) -> bool:
        return len(self.tasks) >= bulk.CAP

    @cached_property
    def _sorted(self) -> dict[str, bulk.Sorted]:
        kinds = [kind for kind in bulk.OFFERED if kind != "continue" or self._has_breakpoints]
        kinds += bulk.CLAIMS
        return {kind: bulk.sort_out(self.tasks, {"kind": kind}, self.user) for kind in kinds}

    @property
    def _has_breakpoints(self) -> bool:
        return any(task.is_breakpoint for task in self.tasks)

    @property
    def offers(self) -> list[Offer]:
        offers = [Offer(kind, len(found.together)) for kind, found in self._sorted.items()]
        mine = any(task.holder == self.user for task in self.tasks)
        return [one for one in offers if one.count and (one.kind != bulk.RELEASE or mine)]

    @cached_property
    def _marks(self) -> list[TaskMark]:
        return list(
            TaskMark.objects.of(self.user).filter(task__in=self.tasks).select_related("task")
        )

    @property
    def is_watched(self) -> bool:
        """Whether the reader follows all of them already."""
        return sum(mark.is_watched for mark in self._marks) == len(self.tasks)

    @property
    def is_snoozed(self) -> bool:
        """Whether one of them is put away, and can be brought back."""
        return any(mark.is_snoozing for mark in self._marks)

    @property
    def best(self) -> Offer | None:
        """The verdict most of them can be given together."""
        verdicts = [offer for offer in self.offers if offer.kind in bulk.OFFERED]
        return max(verdicts, key=lambda offer: offer.count, default=None)

    @property
    def words(self) -> str:
        """How many can be decided together."""
        if self.best is None:
            alone = self.rest[0].why if len(self.tasks) == 1 else ""
            return alone or _("None of them can be decided together")
        said = {
            "approve": _("%(n)s can be approved together"),
            "continue": _("%(n)s can be continued together"),
            "reject": _("%(n)s can be rejected together"),
        }
        return said[self.best.kind] % {"n": self.best.count}

    @property
    def rest(self) -> list[Unfit]:
        return self._sorted[self.best.kind if self.best else bulk.OFFERED[0]].rest


@dataclass
class BatchPage:
    """What the templates of a batch read."""

    batch: Batch
    user: User
    reason: str = ""
    to: str = ""  # whom the tasks would be assigned to
    problem: str = ""

    @property
    def verb(self) -> str:
        return verb(self.batch.kind)

    @property
    def is_prepared(self) -> bool:
        return self.batch.status == Batch.Status.PREPARED

    @property
    def is_running(self) -> bool:
        return self.batch.status == Batch.Status.RUNNING

    @cached_property
    def items(self) -> list[BatchItem]:
        rows = self.batch.items.select_related(
            "task__claimed_by", "task__assistant", "decision__delivery", "decision__reviewer"
        )
        return list(rows.defer("task__value", "task__response_schema").order_by("pk"))

    # -- before: what would be sent ----------------------------------------------------------------

    @property
    def needs_reason(self) -> bool:
        return self.batch.kind == "reject"

    @property
    def is_assignment(self) -> bool:
        return self.batch.kind == bulk.ASSIGN

    @cached_property
    def colleagues(self) -> list[User]:
        """Who could have them."""
        return list(colleagues(*self._tasks).exclude(pk=self.user.pk)[:COLLEAGUES])

    @cached_property
    def _tasks(self) -> list[ReviewTask]:
        """The tasks that still are as they were chosen."""
        seen = {item.task_id: item.seen for item in self.items if item.outcome == Outcome.WAITING}
        visible = ReviewTask.objects.visible_to(self.user).filter(pk__in=seen)
        found = {task.pk: task for task in services.tasks_to_compare(visible)}
        return [found[pk] for pk in seen if pk in found and found[pk].edition == seen[pk]]

    @cached_property
    def _sorted(self) -> bulk.Sorted:
        verdict = dict(self.batch.verdict)
        if self.needs_reason:
            verdict["message"] = self.reason.strip() or "…"
        return bulk.sort_out(self._tasks, verdict, self.user)

    @cached_property
    def groups(self) -> list[Group]:
        return bulk.grouped(self._sorted.together, self._sorted.answers)

    @property
    def count(self) -> int:
        return len(self._sorted.together)

    @property
    def is_reason_told(self) -> bool:
        """Whether the agents hear the reason."""
        return any(task.asked.shape in bulk.TOLD_WHY for task in self._sorted.together[:1])

    @cached_property
    def rest(self) -> list[Unfit]:
        """Tasks that were chosen and do not go along."""
        stays = {task.pk for task in self._tasks}
        changed = _("It has changed since it was chosen.")
        said = [
            Unfit(item.task, item.why or changed)
            for item in self.items
            if item.outcome == Outcome.UNFIT or item.task_id not in stays
        ]
        return said + self._sorted.rest

    @property
    def has_changed(self) -> bool:
        """Whether looking again would show something else."""
        waiting = [item for item in self.items if item.outcome == Outcome.WAITING]
        return len(self._tasks) < len(waiting)

    @property
    def beyond(self) -> int:
        """Tasks of the list that are more than a batch holds."""
        return max(0, self.batch.found - len(self.items))

    # -- after: what became of it ------------------------------------------------------------------

    @cached_property
    def tried(self) -> list[BatchItem]:
        out = (Outcome.LEFT_OUT, Outcome.UNFIT)
        return [item for item in self.items if item.outcome not in out]

    @property
    def settled(self) -> int:
        return sum(1 for item in self.tried if item.outcome != Outcome.WAITING)

    @cached_property
    def done(self) -> list[BatchItem]:
        return [item for item in self.items if item.outcome == Outcome.DONE]

    @cached_property
    def failed(self) -> list[BatchItem]:
        return [item for item in self.items if item.outcome in BatchItem.FAILED]

    @property
    def left_out(self) -> int:
        return sum(1 for item in self.items if item.outcome == Outcome.LEFT_OUT)

    @property
    def outcome(self) -> str:
        """How many were done, in words."""
        return counted(self.batch.kind, len(self.done))

    @cached_property
    def undoable(self) -> int:
        """How many of its decisions have not been sent."""
        return sum(1 for item in self.done if is_undoable(item.decision))

    @property
    def is_held(self) -> bool:
        """Whether some decision's time to undo still runs down."""
        made = (item.decision for item in self.done)
        return any(decision and sending_of(decision.delivery) for decision in made)


def is_undoable(decision: Decision | None) -> bool:
    return decision is not None and decision.delivery.state == Delivery.State.RECORDED
