"""Where runs become reviews: one function per signal, in the transaction that sent it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from reviews import services
from runs.models import Interrupt, Run
from runs.signals import (
    interrupts_answered,
    interrupts_closed,
    run_interrupted,
    way_around_asked,
)


def connect() -> None:
    """Listen to runs; called once when the app is ready."""
    run_interrupted.connect(open_review_tasks)
    interrupts_answered.connect(record_answers)
    interrupts_closed.connect(close_review_tasks)
    way_around_asked.connect(refuse_ways_around)


def open_review_tasks(*, run: Run, interrupts: list[Interrupt], **_: Any) -> None:
    services.open_tasks(run=run, interrupts=interrupts)


def record_answers(
    *, run: Run, answers: dict[Interrupt, Any], actor: User, may_decide: bool, **_: Any
) -> None:
    services.record_answers(run=run, answers=answers, actor=actor, may_decide=may_decide)


def refuse_ways_around(*, graph_id: str, what: str, may_decide: bool, **_: Any) -> None:
    services.refuse_ways_around(graph_id=graph_id, what=what, may_decide=may_decide)


def close_review_tasks(
    *, interrupts: list[Interrupt], run: Run | None, reason: str, **_: Any
) -> None:
    services.close_tasks(interrupts=interrupts, run=run, reason=reason)
