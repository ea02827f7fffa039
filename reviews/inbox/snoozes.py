"""The times a task can be put away until, in the clock of who does it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils.timezone import localtime

MORNING, EVENING = 9, 18


def _at(day: datetime, hour: int) -> datetime:
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def _this_evening(now: datetime) -> datetime:
    later = _at(now, EVENING)
    return later if later > now else now + timedelta(hours=3)


TIMES: dict[str, Callable[[datetime], datetime]] = {
    "hour": lambda now: now + timedelta(hours=1),
    "evening": _this_evening,
    "tomorrow": lambda now: _at(now + timedelta(days=1), MORNING),
    "monday": lambda now: _at(now + timedelta(days=7 - now.weekday()), MORNING),
}


def snooze_times() -> dict[str, datetime]:
    """Each choice, and when that is for the reader."""
    here = localtime()
    return {name: time(here) for name, time in TIMES.items()}
