"""What people note for themselves: read, watched, snoozed. Not audited: it concerns nobody else."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User

from reviews.models import ReviewTask, TaskMark


def mark_read(*, task: ReviewTask, person: User) -> None:
    """The person has seen the task as it is now."""
    _note(task, person, seen_version=task.version)


def mark_unread(*, task: ReviewTask, person: User) -> None:
    _note(task, person, seen_version=0)


def watch_task(*, task: ReviewTask, person: User) -> None:
    """Keep the task on the person's list of what they follow, whatever becomes of it."""
    _note(task, person, is_watched=True)


def unwatch_task(*, task: ReviewTask, person: User) -> None:
    _note(task, person, is_watched=False)


def snooze_task(*, task: ReviewTask, person: User, until: datetime) -> None:
    """Hide the task from the person's own lists until then, or until it moves on."""
    _note(task, person, snoozed_until=until, snoozed_version=task.version)


def wake_task(*, task: ReviewTask, person: User) -> None:
    """Back on the person's lists before its time."""
    _note(task, person, snoozed_until=None, snoozed_version=0)


def _note(task: ReviewTask, person: User, **fields: object) -> None:
    """One statement, so that two tabs of a person cannot collide."""
    TaskMark.objects.bulk_create(
        [TaskMark(task=task, person=person, **fields)],
        update_conflicts=True,
        unique_fields=["task", "person"],
        update_fields=list(fields),
    )
