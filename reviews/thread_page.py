"""A thread as people read it: its steps with what was asked and decided on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from reviews.lanes import Place, places
from reviews.models import Decision, ReviewTask
from reviews.operators import may_operate
from runs import services as runs
from runs.exceptions import RunsError
from runs.models import Assistant, Run, Thread

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from runs.services import Step

PAGE = 40
NEWEST_RUNS = 12


@dataclass(frozen=True)
class TaskCard:
    """A question where it was asked, with what people decided of it."""

    task: ReviewTask
    decisions: list[Decision]


@dataclass(frozen=True)
class Row:
    """One step in the timeline; `run` where its run's steps begin in the list."""

    step: Step
    place: Place
    run: Run | None = None
    cards: list[TaskCard] = field(default_factory=list)
    is_head: bool = False
    goes_on: bool = False  # something is to follow that has not come to a checkpoint yet

    @property
    def is_forkable(self) -> bool:
        """Whether something can be run from here; input is taken again as it was."""
        follows = self.place.children or self.goes_on or self.step.asking or self.step.failed
        return self.step.source != "input" and bool(follows)


@dataclass
class ThreadPage:
    """What the timeline's templates read; `before` is the checkpoint a page ends in front of."""

    thread: Thread
    user: User
    before: str = ""

    @property
    def may_operate(self) -> bool:
        return may_operate(self.user)

    @property
    def is_busy(self) -> bool:
        return self.thread.status == Thread.Status.BUSY

    @property
    def is_waiting(self) -> bool:
        return self.thread.status == Thread.Status.INTERRUPTED

    @cached_property
    def assistant(self) -> Assistant | None:
        """The assistant of its last run."""
        return assistant_of(self.thread)

    @property
    def facts(self) -> dict[str, str]:
        """What the thread's metadata say beside what the page says itself."""
        known = ("graph_id", "assistant_id")
        return {name: item for name, item in self.thread.metadata.items() if name not in known}

    @cached_property
    def _steps(self) -> list[Step]:
        return runs.steps_of(self.thread, limit=PAGE + 1, before=self.before or None)

    @cached_property
    def rows(self) -> list[Row]:
        """The steps of this page, newest first."""
        shown = self._steps[:PAGE]
        if not shown:
            return []
        lineage = runs.lineage_of(self.thread, shown[-1].checkpoint_id)
        where = places(lineage, goes_on=bool(self.coming))
        cards = cards_of(self.user, self.thread.pk, (step.checkpoint_id for step in shown))
        head = next(iter(lineage), "")
        return [
            Row(
                step,
                where[step.checkpoint_id],
                run,
                cards.get(step.checkpoint_id, []),
                is_head=step.checkpoint_id == head,
                goes_on=step.checkpoint_id == head and bool(self.coming),
            )
            for step, run in self._with_runs(shown)
            if step.checkpoint_id in where  # a run may be rolled back while the page is made
        ]

    def _with_runs(self, steps: list[Step]) -> Iterator[tuple[Step, Run | None]]:
        ids = {step.run_id for step in steps if step.run_id}
        found = Run.objects.filter(pk__in=ids).for_list().in_bulk()
        before: UUID | None = None
        for step in steps:
            is_new = step.run_id is not None and step.run_id != before
            yield step, found.get(step.run_id) if is_new and step.run_id else None
            before = step.run_id

    @cached_property
    def coming(self) -> tuple[str, ...]:
        """The nodes that run next; shown on the first page only."""
        if self.before or not self._steps:
            return ()
        with suppress(RunsError):  # the graph is not deployed any more, or not readable
            return tuple(dict.fromkeys(runs.next_of(self.thread)))
        return ()

    @cached_property
    def runs(self) -> list[Run]:
        """Its newest runs, those included that never came to a checkpoint."""
        rows = Run.objects.on(self.thread.pk).for_list()
        return list(rows.order_by("-pk")[:NEWEST_RUNS])

    @property
    def url(self) -> str:
        return reverse("reviews:thread", args=[self.thread.pk])

    @property
    def older_url(self) -> str:
        if len(self._steps) <= PAGE:
            return ""
        return f"{self.url}?{urlencode({'before': self._steps[PAGE - 1].checkpoint_id})}"

    @property
    def refresh_url(self) -> str:
        return f"{self.url}?{urlencode({'before': self.before})}" if self.before else self.url


def assistant_of(thread: Thread) -> Assistant | None:
    """The assistant a thread's metadata name; a client may have written anything there."""
    with suppress(ValueError):
        return Assistant.objects.filter(pk=UUID(str(thread.metadata.get("assistant_id")))).first()
    return None


def cards_of(
    user: User, thread_id: UUID, checkpoint_ids: Iterable[str]
) -> dict[str, list[TaskCard]]:
    """What was asked at each of these checkpoints, as far as the reader may know."""
    visible = ReviewTask.objects.visible_to(user).on(thread_id).for_inbox()
    tasks = visible.filter(checkpoint_id__in=list(checkpoint_ids)).order_by("pk")
    return grouped(with_decisions(tasks))


def grouped(cards: Iterable[TaskCard]) -> dict[str, list[TaskCard]]:
    """Cards by the checkpoint that asked."""
    found: dict[str, list[TaskCard]] = {}
    for card in cards:
        found.setdefault(card.task.checkpoint_id, []).append(card)
    return found


def with_decisions(tasks: Iterable[ReviewTask]) -> list[TaskCard]:
    """Tasks, each with what was decided of it, oldest first."""
    listed = list(tasks)
    decided: dict[int, list[Decision]] = {}
    rows = Decision.objects.filter(task__in=listed).defer("value")
    for row in rows.select_related("reviewer", "delivery").order_by("pk"):
        decided.setdefault(row.task_id, []).append(row)
    return [TaskCard(task, decided.get(task.pk, [])) for task in listed]
