"""What operators do to runs by hand, each with its entry in the audit."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from reviews.digests import digest_of
from reviews.models import AuditEntry
from reviews.services import audit
from runs import services as runs
from runs.models import Assistant, Run, Thread

CANCELLED = "Cancelled by {}"
PAGE = AuditEntry.Via.PAGE


@transaction.atomic
def start_run(*, assistant: Assistant, given: Any, operator: User) -> Run:
    """Start a run with this input, on a thread of its own."""
    run = runs.create_run(
        thread=runs.create_thread(),
        assistant=assistant,
        request={"input": given},
        actor=operator,
        may_decide=operator.is_staff,
    )
    audit.record(
        action="run.started",
        object=f"run:{run.pk}",
        actor=operator,
        via=PAGE,
        details={
            "thread": str(run.thread_id),
            "assistant": str(assistant.pk),
            "input": digest_of(given),
        },
    )
    return run


@transaction.atomic
def cancel_run(*, run: Run, operator: User) -> None:
    """Stop a run; raises a RunsError when it is over."""
    runs.cancel_run(run=run, reason=CANCELLED.format(operator.get_username()))
    audit.record(
        action="run.cancelled",
        object=f"run:{run.pk}",
        actor=operator,
        via=PAGE,
        details={"thread": str(run.thread_id)},
    )


@transaction.atomic
def fork_thread(
    *, thread: Thread, checkpoint_id: str, values: dict[str, Any], branch: str, operator: User
) -> Run:
    """Run again from a checkpoint, with other values; past a reviewers-only question only staff."""
    run = runs.fork_thread(
        thread=thread,
        checkpoint_id=checkpoint_id,
        values=values,
        branch=branch,
        actor=operator,
        may_decide=operator.is_staff,
    )
    audit.record(
        action="thread.forked",
        object=f"thread:{thread.pk}",
        actor=operator,
        via=PAGE,
        details={
            "checkpoint": checkpoint_id,
            "run": str(run.pk),
            "branch": branch,
            "values": {name: digest_of(value) for name, value in values.items()},
        },
    )
    return run
