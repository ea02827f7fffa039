"""What people note for themselves: read, watched, snoozed. Not audited: it concerns nobody else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User

from reviews.models import ReviewTask, TaskMark


def mark_read(*, task: ReviewTask, person: User) -> None:
    """The person has seen the task as it is now."""
    _note([TaskMark(task=task, person=person, seen_version=task.version)], "seen_version")


def mark_unread(*, task: ReviewTask, person: User) -> None:
    _note([TaskMark(task=task, person=person, seen_version=0)], "seen_version")


def watch_tasks(*, tasks: Iterable[ReviewTask], person: User) -> None:
    """Keep tasks on the person's list of what they follow, whatever becomes of them."""
    _note((TaskMark(task=task, person=person, is_watched=True) for task in tasks), "is_watched")


def unwatch_tasks(*, tasks: Iterable[ReviewTask], person: User) -> None:
    _note((TaskMark(task=task, person=person, is_watched=False) for task in tasks), "is_watched")


def snooze_tasks(*, tasks: Iterable[ReviewTask], person: User, until: datetime) -> None:
    """Hide tasks from the person's own lists until then, or until each moves on."""
    _snooze(
        TaskMark(task=t, person=person, snoozed_until=until, snoozed_version=t.version)
        for t in tasks
    )


def wake_tasks(*, tasks: Iterable[ReviewTask], person: User) -> None:
    """Back on the person's lists before their time."""
    _snooze(TaskMark(task=t, person=person, snoozed_until=None, snoozed_version=0) for t in tasks)


def _snooze(marks: Iterable[TaskMark]) -> None:
    _note(marks, "snoozed_until", "snoozed_version")


def _note(marks: Iterable[TaskMark], *fields: str) -> None:
    """One statement in one order, so that two tabs of a person cannot collide."""
    TaskMark.objects.bulk_create(
        sorted(marks, key=lambda mark: mark.task_id),
        update_conflicts=True,
        unique_fields=["task", "person"],
        update_fields=fields,
    )
