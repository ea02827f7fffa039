"""Rows under headings; the headings follow the order of the list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _

from reviews.inbox.sorts import CLOSED, Sort
from reviews.models import ReviewTask

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class RowGroup:
    """Rows under one heading; none where the heading stands above them already."""

    label: str
    tasks: list[ReviewTask]
    is_continued: bool = False


def grouped(rows: Iterable[ReviewTask], sort: Sort, before: str = "") -> list[RowGroup]:
    """Rows under their headings; `before` is the heading the rows above them stand under."""
    found: list[RowGroup] = []
    for label, tasks in groupby(rows, key=lambda task: heading_of(task, sort)):
        found.append(RowGroup(label, list(tasks), is_continued=not found and label == before))
    return found


def heading_of(task: ReviewTask, sort: Sort) -> str:
    """The heading a task stands under in an order."""
    if sort.name == "assistant":
        return task.agent or task.graph_id
    if sort.name == "risk":
        return _("High risk") if task.high_risk else _("Other tasks")
    if sort is CLOSED and task.closed_at:
        return _day(task.closed_at)
    return _day(task.created_at)


def _day(at: datetime) -> str:
    today, day = localtime().date(), localtime(at).date()
    if now() - at < HOUR:
        return _("Last hour")
    if day == today:
        return _("Earlier today")
    return _("Yesterday") if day == today - DAY else _("Older")
