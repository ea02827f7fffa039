"""Threads: created, copied, moved by hand, deleted; never from under an open question."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from runs import queue, runtime
from runs.exceptions import InvalidUpdate, NotFound, RunsError, ThreadBusy, ThreadPinned
from runs.models import Interrupt, Run, Thread
from runs.runtime import PausedAt
from runs.services import detours, execution, interrupts
from runs.signals import thread_deleted

EVERY = Q()


@transaction.atomic
def create_thread(
    *,
    thread_id: UUID | None = None,
    metadata: dict[str, Any] | None = None,
    do_nothing: bool = False,
    ttl: Mapping[str, Any] | None = None,
    is_temporary: bool = False,
) -> Thread:
    """A new thread; with `do_nothing`, the one that already has this id."""
    fields: dict[str, Any] = {"metadata": metadata or {}, "is_temporary": is_temporary}
    fields |= lifetime(ttl) if ttl else {}
    fields |= dict.fromkeys(("created_at", "updated_at", "state_updated_at"), now())
    if thread_id is None:
        thread = Thread.objects.create(**fields)
    else:
        thread, is_new = Thread.objects.get_or_create(pk=thread_id, defaults=fields)
        if not is_new and not do_nothing:
            raise RunsError(f"Thread with ID {thread_id} already exists")
    return thread


@transaction.atomic
def write_past(
    *, thread: Thread, supersteps: list[dict[str, Any]], may_decide: bool = True
) -> None:
    """Give a thread a past: each superstep the updates of nodes that ran together."""
    thread = Thread.objects.lock(thread.pk)
    graph_id = _writable(thread)
    detours.ask(thread, "a state update", may_decide=may_decide)
    runtime.write_supersteps(thread.pk, graph_id, supersteps, metadata=thread.metadata)
    _follow_state(thread, graph_id)


@transaction.atomic
def update_thread(
    *, thread: Thread, metadata: dict[str, Any], ttl: Mapping[str, Any] | None = None
) -> Thread:
    """Merge metadata at its top level; a ttl counts from now."""
    thread = Thread.objects.lock(thread.pk)
    thread.metadata |= metadata
    thread.updated_at = now()
    for name, value in (lifetime(ttl) if ttl else {}).items():
        setattr(thread, name, value)
    thread.save(update_fields=["metadata", "updated_at", "ttl", "expires_at"])
    return thread


def lifetime(ttl: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a thread that goes some minutes from now, or all of it but where it stands."""
    kept = {"strategy": ttl.get("strategy", "delete"), "ttl_minutes": ttl["ttl"]}
    return {"ttl": kept, "expires_at": now() + timedelta(minutes=ttl["ttl"])}


@transaction.atomic
def copy_thread(
    *, thread: Thread, thread_id: UUID, metadata: dict[str, Any], may_decide: bool = True
) -> Thread:
    """A new thread with the same checkpoints; runs and review tasks stay with the first."""
    detours.ask(thread, "a copy of the thread", may_decide=may_decide)
    copy = Thread.objects.create(pk=thread_id, metadata=metadata)
    runtime.copy_checkpoints(thread.pk, copy.pk)
    return copy


@transaction.atomic
def update_state(
    *,
    thread: Thread,
    values: Any,
    as_node: str | None = None,
    checkpoint_id: str | None = None,
    may_decide: bool = True,
) -> dict[str, Any]:
    """Write to a thread's state as if a node had; a pending question is dropped by it.

    LangGraph asks a dropped question again, under a new id, when the thread goes on (measured).
    """
    thread = Thread.objects.lock(thread.pk)
    graph_id = _writable(thread)
    detours.ask(thread, "a state update", may_decide=may_decide)
    checkpoint = runtime.write_state(
        thread.pk,
        graph_id,
        values=values,
        as_node=as_node,
        checkpoint_id=checkpoint_id,
        metadata=thread.metadata,
    )
    _follow_state(thread, graph_id)
    return checkpoint


def _writable(thread: Thread) -> str:
    """The graph whose state a thread has; refused while a run writes it."""
    if Run.objects.on(thread.pk).active().exists():
        raise ThreadBusy
    if thread.graph_id is None:
        raise InvalidUpdate(f"Thread {thread.pk} has no assigned graph ID.")
    return thread.graph_id


def _follow_state(thread: Thread, graph_id: str) -> None:
    """Rows and status after a write by hand; a thread that waited still waits, at the new state."""
    state = runtime.pending(thread.pk, graph_id)
    waited = Interrupt.objects.on(thread.pk).unsettled().select_related("run").first()
    if waited is not None:
        still = PausedAt(state.next, "before") if state.next and not state.interrupts else None
        interrupts.record(
            thread,
            waited.run,
            state.interrupts,
            still,
            checkpoint_id=state.checkpoint_id,
            values=state.values,
        )
    moment = now()
    Thread.objects.filter(pk=thread.pk).update(
        status=Thread.Status.INTERRUPTED if state.next else Thread.Status.IDLE,
        values=state.values,
        interrupts=execution.wire_interrupts(state.interrupts),
        error=None,
        updated_at=moment,
        state_updated_at=moment,
    )


@transaction.atomic
def delete_thread(*, thread: Thread, force: bool = False, actor: User | None = None) -> None:
    """Delete a thread and its checkpoints; `force` also cancels the review tasks that pin it."""
    thread = Thread.objects.lock(thread.pk)
    if Interrupt.objects.on(thread.pk).unsettled().exists():
        if not force:
            raise ThreadPinned
        interrupts.close_all(thread, reason="cancelled")
    for run in Run.objects.on(thread.pk).active():
        queue.abort_job(run)
    runtime.delete_checkpoints(thread.pk)
    thread_deleted.send(sender=Thread, thread=thread, actor=actor, is_forced=force)
    thread.delete()


def get_thread(thread_id: UUID, among: Q = EVERY) -> Thread:
    """The thread, if it is among those one may have; or the 404 the wire gives."""
    thread = Thread.objects.filter(among, pk=thread_id).first()
    if thread is None:
        raise NotFound(f"Thread with ID {thread_id} not found")
    return thread
