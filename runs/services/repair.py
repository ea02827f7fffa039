"""Un-sticking a thread: a node failed after its answer, and LangGraph would ignore another one.

Both ways were measured: going on without input replays the saved answer; going on from the
checkpoint that asked drops it, and the question comes again under a new id.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from runs import runtime
from runs.exceptions import RunsError, StaleThread, ThreadBusy
from runs.models import Interrupt, Run, Thread
from runs.services.runs import continuation_of, create_run, get_assistant


@transaction.atomic
def retry_answer(*, interrupt: Interrupt, actor: User) -> Run:
    """Run a stuck node again with the answer it has taken."""
    run = _go_on(interrupt, actor, {})
    Interrupt.objects.filter(pk=interrupt.pk).update(
        status=Interrupt.Status.ANSWERED, answered_by=run
    )
    return run


@transaction.atomic
def ask_again(*, interrupt: Interrupt, actor: User) -> Run:
    """Have a stuck node ask its question again; what it was answered is forgotten."""
    return _go_on(interrupt, actor, {"checkpoint_id": interrupt.checkpoint_id})


@transaction.atomic
def accept_graph(*, interrupt: Interrupt) -> str:
    """Let a question be answered although its graph was changed; returns the new fingerprint."""
    fingerprint = runtime.registry.fingerprint(interrupt.run.graph_id)
    Interrupt.objects.filter(pk=interrupt.pk).update(fingerprint=fingerprint)
    return fingerprint


def _go_on(interrupt: Interrupt, actor: User, request: dict[str, Any]) -> Run:
    thread = Thread.objects.lock(interrupt.thread_id)
    interrupt.refresh_from_db()
    if interrupt.status != Interrupt.Status.STUCK:
        raise RunsError("The thread is not stuck at this question.")
    if Run.objects.on(thread.pk).active().exists():
        raise ThreadBusy
    if runtime.head(thread.pk) != interrupt.checkpoint_id:
        raise StaleThread
    asking = interrupt.run
    return create_run(
        thread=thread,
        assistant=asking.assistant or get_assistant(asking.graph_id),
        request=continuation_of(asking) | request,
        actor=actor,
        continues=asking,
    )
