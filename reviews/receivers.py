"""Where runs become reviews: one function per signal, in the transaction that sent it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import (
    user_logged_in,
    user_logged_out,
    user_login_failed,
)
from django.db.models.signals import m2m_changed, post_save
from django.http import HttpRequest
from prometheus_client.core import Metric

from reviews import live, metrics, services
from reviews.models import AuditEntry
from reviews.services import audit
from runs.models import ApiKey, Breakpoint, BreakpointVersion, Interrupt, Run, Thread
from runs.signals import (
    breakpoint_changed,
    interrupts_answered,
    interrupts_closed,
    key_changed,
    metrics_asked,
    run_interrupted,
    run_recovered,
    thread_deleted,
    way_around_asked,
)


def connect() -> None:
    """Listen to runs; called once when the app is ready."""
    run_interrupted.connect(open_review_tasks)
    interrupts_answered.connect(record_answers)
    interrupts_closed.connect(close_review_tasks)
    way_around_asked.connect(refuse_ways_around)
    key_changed.connect(note_key)
    breakpoint_changed.connect(note_breakpoint)
    run_recovered.connect(note_recovery)
    thread_deleted.connect(note_deletion)
    metrics_asked.connect(tell_metrics)
    user_logged_in.connect(note_login)
    user_login_failed.connect(note_refusal)
    user_logged_out.connect(note_logout)
    post_save.connect(note_person, sender=User)
    m2m_changed.connect(note_groups, sender=User.groups.through)


def open_review_tasks(
    *, run: Run, first: list[Interrupt], again: list[Interrupt], **_: Any
) -> None:
    services.open_tasks(run=run, first=first, again=again)


def record_answers(
    *, run: Run, answers: dict[Interrupt, Any], actor: User, may_decide: bool, **_: Any
) -> None:
    services.record_answers(run=run, answers=answers, actor=actor, may_decide=may_decide)


def refuse_ways_around(
    *, graph_ids: set[str], thread: Thread, what: str, may_decide: bool, **_: Any
) -> None:
    services.refuse_ways_around(
        graph_ids=graph_ids, thread=thread, what=what, may_decide=may_decide
    )


def close_review_tasks(
    *, interrupts: list[Interrupt], run: Run | None, reason: str, **_: Any
) -> None:
    services.close_tasks(interrupts=interrupts, run=run, reason=reason)


def note_key(*, key: ApiKey, what: str, actor: User | None, **_: Any) -> None:
    audit.record(
        action=f"key.{what}",
        object=f"key:{key.prefix}",
        actor=actor,
        via=AuditEntry.Via.PAGE if actor else AuditEntry.Via.COMMAND,
        details={"name": key.name, "user": key.user.get_username(), "scopes": key.scopes},
    )


def note_recovery(*, run: Run, what: str, **_: Any) -> None:
    audit.record(action=f"run.{what}", object=f"run:{run.pk}")


def note_deletion(*, thread: Thread, actor: User | None, is_forced: bool, **_: Any) -> None:
    audit.record(
        action="thread.deleted",
        object=f"thread:{thread.pk}",
        actor=actor,
        via=AuditEntry.Via.API if actor else AuditEntry.Via.SYSTEM,
        details={"forced": is_forced},
    )


def tell_metrics(**_: Any) -> Iterator[Metric]:
    return metrics.families()


def note_login(*, request: HttpRequest, user: User, **_: Any) -> None:
    assert request.session.session_key
    services.open_login(
        user=user,
        session_key=request.session.session_key,
        browser=request.headers.get("User-Agent", ""),
        address=_address(request),
    )


def note_refusal(*, credentials: dict[str, Any], request: HttpRequest | None, **_: Any) -> None:
    if request is not None and not getattr(request, "axes_locked_out", False):
        services.refuse_login(
            username=str(credentials.get("username", "")), address=_address(request)
        )


def note_logout(*, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user and request.session.session_key:
        services.close_login(
            user=user, session_key=request.session.session_key, address=_address(request)
        )


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def note_person(*, instance: User, created: bool, update_fields: Any, **_: Any) -> None:
    """Open sockets look at once at what a changed person may still hear; a login is no change."""
    if not created and set(update_fields or ()) != {"last_login"}:
        live.tell_rights_changed({instance.pk})


def note_groups(*, instance: User | Group, action: str, pk_set: set[int] | None, **_: Any) -> None:
    """Who joins or leaves a queue, from either end of the relation."""
    if action not in ("post_add", "post_remove", "pre_clear"):
        return
    if isinstance(instance, User):
        live.tell_rights_changed({instance.pk})
    else:
        people = pk_set or set(instance.user_set.values_list("pk", flat=True))
        live.tell_rights_changed(people)


def note_breakpoint(
    *, stop: Breakpoint, what: str, actor: User, version: BreakpointVersion, via: str, **_: Any
) -> None:
    audit.record(
        action=f"breakpoint.{what}",
        object=f"breakpoint:{stop.pk}",
        actor=actor,
        via=via,
        details={
            "version": version.number,
            "assistant": str(stop.assistant_id or ""),
            "graph": stop.graph_id,
            "place": str(stop),
            "is_on": stop.is_on,
        },
    )
