"""Crons: set by clients, fired by workers, each firing once."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterError, croniter
from django.conf import settings
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils.timezone import now

from runs import runtime
from runs.exceptions import InvalidInput, NotFound, RunsError, ThreadPinned
from runs.models import ApiKey, Assistant, Cron, Interrupt, Run, Scope, Thread
from runs.services.callers import is_caller
from runs.services.runs import create_run
from runs.services.threads import EVERY, create_thread

YEARS = 10  # in which a schedule has to come round: leap days may be eight apart
BATCH = 100
ITS_ASSISTANT = "Its assistant was deleted."
ITS_KEY = "Whoever set it may start no runs any more: their keys are gone, or they are kept out."

logger = logging.getLogger(__name__)


@transaction.atomic
def create_cron(
    *,
    assistant: Assistant,
    thread_id: UUID | None,
    actor: User,
    among: Q = EVERY,
    **fields: Any,
) -> Cron:
    """A new cron, on one thread of those the client may have or on a new one for each run."""
    if thread_id is not None and not Thread.objects.filter(among, pk=thread_id).exists():
        raise NotFound
    moment = now()
    cron = Cron(
        assistant=assistant,
        thread_id=thread_id,
        created_by=actor,
        created_at=moment,
        updated_at=moment,
        **fields,
    )
    cron.next_run_at = _next_run_of(cron, moment)
    cron.save(force_insert=True)
    return cron


@transaction.atomic
def update_cron(
    *,
    cron_id: UUID,
    actor: User,
    payload: dict[str, Any],
    metadata: dict[str, Any],
    among: Q = EVERY,
    **changes: Any,
) -> Cron:
    """Change a cron: payload and metadata are merged. Its runs are from now on this actor's."""
    cron = Cron.objects.select_for_update().filter(among, pk=cron_id).first()
    if cron is None:
        raise NotFound("Cron not found.")
    for name, value in changes.items():
        setattr(cron, name, value)
    cron.payload = cron.payload | payload
    cron.metadata = cron.metadata | metadata
    cron.created_by = actor  # or it would do another's bidding under the first one's name
    cron.updated_at = now()
    cron.next_run_at = _next_run_of(cron, cron.updated_at)
    cron.save()
    return cron


def delete_cron(*, cron_id: UUID, among: Q = EVERY) -> None:
    """Delete a cron; the runs it made stay."""
    if not Cron.objects.filter(among, pk=cron_id).delete()[0]:
        raise NotFound("Cron not found.")


def fire_crons() -> int:
    """Make the runs whose time has come; what was missed while no worker was up, once."""
    due = Cron.objects.due().order_by("next_run_at").values_list("pk", "thread_id")
    return sum(_fire(cron_id, thread_id) for cron_id, thread_id in due[:BATCH])


def next_run(schedule: str, timezone: str, after: datetime) -> datetime:
    """When a schedule comes round next, by the clocks of its time zone."""
    if timezone and timezone not in _zones():
        raise InvalidInput(f"Invalid timezone: '{timezone}' is no IANA time zone.")
    zone = ZoneInfo(timezone or "UTC")
    try:
        times = croniter(schedule, after.astimezone(zone), max_years_between_matches=YEARS)
        found: datetime = times.get_next(datetime).astimezone(zone)
        # Where clocks are put back an hour comes twice; a job with an hour of its own comes once.
        while found.fold and times.expanded[1] != ["*"]:
            found = times.get_next(datetime).astimezone(zone)
    except (CroniterError, TypeError) as error:
        raise InvalidInput(f"Invalid cron schedule: '{schedule}': {error}") from None
    return found.astimezone(UTC)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _next_run_of(cron: Cron, after: datetime) -> datetime | None:
    """When it fires next; the schedule is looked at even where it does not."""
    found = next_run(cron.schedule, cron.timezone, after)
    is_over = cron.ends_at is not None and found > cron.ends_at
    return None if is_over or not cron.is_enabled else found


@transaction.atomic
def _fire(cron_id: UUID, thread_id: UUID | None) -> bool:
    """Take a due cron and make its run, in one transaction; False when another worker was faster.

    The thread comes first, as everywhere. A cron somebody else holds is being fired by them.
    """
    if thread_id and not Thread.objects.select_for_update(no_key=True).filter(pk=thread_id):
        return False
    held = Cron.objects.due().select_for_update(skip_locked=True, of=("self",))
    cron = held.select_related("assistant", "created_by").filter(pk=cron_id).first()
    if cron is None or cron.next_run_at is None:
        return False
    moment = now()
    is_late = cron.ends_at is not None and moment > cron.ends_at
    cron.next_run_at = _next_run_of(cron, max(moment, cron.next_run_at))
    cron.last_error = "" if is_late else _tried(cron)
    cron.save(update_fields=["next_run_at", "last_error"])
    return not is_late and not cron.last_error


def _tried(cron: Cron) -> str:
    """Make the run; what keeps it from being made, in words. Whatever it is, others must go on."""
    try:
        with transaction.atomic():
            _make_run(cron)
    except (OperationalError, InterfaceError):
        raise  # the database is away: nothing was taken, and it is tried again
    except RunsError as error:
        logger.warning("cron %s made no run: %s", cron.pk, error.detail)
        return str(error.detail)
    except Exception as error:
        logger.exception("cron %s made no run", cron.pk)
        return f"{type(error).__name__}: {error}"
    return ""


def _make_run(cron: Cron) -> Run:
    """A run as any client's, by the door all clients use; but it never moves a waiting thread."""
    if cron.assistant is None:
        raise RunsError(ITS_ASSISTANT)
    if not _may_start(cron.created_by):
        raise RunsError(ITS_KEY)
    is_temporary = cron.on_run_completed == Cron.OnRunCompleted.DELETE
    if cron.thread is None:
        # The rules that let the cron be made have to find its threads again.
        metadata = cron.metadata if cron.caller else None
        thread = create_thread(is_temporary=is_temporary, metadata=metadata)
    elif Interrupt.objects.on(cron.thread.pk).unsettled().exists():
        raise ThreadPinned
    else:
        thread = cron.thread
    asked = {
        **cron.payload,
        "stream_mode": cron.payload.get("stream_mode") or ["values"],
        "metadata": cron.metadata | {"cron_id": str(cron.pk)},
        "temporary": is_temporary,
        "caller": cron.caller,
    }
    return create_run(
        thread=thread,
        assistant=cron.assistant,
        request=asked,
        actor=cron.created_by,
        may_decide=False,
    )


def _may_start(user: User | None) -> bool:
    """Whether its user may start runs now: keys are revoked and people leave."""
    if user is None or not user.is_active:
        return False
    if settings.API_AUTH == "none" or (is_caller(user) and runtime.auth.handlers()):
        return True
    return any(key.may(Scope.RUNS) for key in ApiKey.objects.usable().filter(user=user))
