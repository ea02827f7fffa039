"""Threads that go by themselves or in numbers; never one that a person is asked about."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.timezone import now

from runs import runtime
from runs.exceptions import RunsError, ThreadBusy, ThreadPinned
from runs.models import Interrupt, Run, Thread
from runs.services.threads import delete_thread

logger = logging.getLogger(__name__)


@transaction.atomic
def prune_threads(*, thread_ids: Iterable[UUID], strategy: str, actor: User | None) -> int:
    """Delete threads, or all but where they stand; one that waits for a person refuses it all."""
    threads = list(Thread.objects.filter(pk__in=thread_ids).order_by("pk"))
    for thread in threads:
        try:
            _prune(thread, strategy, actor)
        except ThreadPinned:
            raise ThreadPinned(f"Thread {thread.pk}: {ThreadPinned.default_detail}") from None
    return len(threads)


def expire_threads() -> int:
    """Take the threads whose time is over; what is busy or waits for a person stays until then."""
    expired = 0
    for thread in Thread.objects.expired().order_by("expires_at")[:100]:
        try:
            expired += _expire(thread.pk)
        except RunsError as error:
            logger.warning("thread %s has expired and stays: %s", thread.pk, error.detail)
            Thread.objects.filter(pk=thread.pk).update(expires_at=None)
    return expired


@transaction.atomic
def _expire(thread_id: UUID) -> bool:
    """Look again under the thread's lock: a run may have begun, or asked, meanwhile."""
    locked = Thread.objects.expired().select_for_update(no_key=True, of=("self",))
    thread = locked.filter(pk=thread_id).first()
    if thread is None or thread.ttl is None:
        return False
    _prune(thread, thread.ttl["strategy"], None)
    if thread.ttl["strategy"] == "keep_latest":
        again = now() + timedelta(minutes=max(thread.ttl["ttl_minutes"], 1))
        Thread.objects.filter(pk=thread_id).update(expires_at=again)
    return True


def _prune(thread: Thread, strategy: str, actor: User | None) -> None:
    if strategy == "delete":
        delete_thread(thread=thread, actor=actor)
        return
    Thread.objects.lock(thread.pk)
    if Run.objects.on(thread.pk).active().exists():
        raise ThreadBusy
    if Interrupt.objects.on(thread.pk).unsettled().exists():
        raise ThreadPinned
    runtime.keep_latest(thread.pk)
