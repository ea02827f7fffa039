"""What agents do, as rows: assistants, threads, their runs, and what the runs asked people."""

from __future__ import annotations

from runs.models.assistants import (
    Assistant,
    AssistantVersion,
    Breakpoint,
    BreakpointChange,
    BreakpointVersion,
    Place,
)
from runs.models.crons import Cron, CronQuerySet
from runs.models.interrupts import Interrupt, InterruptQuerySet
from runs.models.keys import ApiKey, Scope
from runs.models.runs import Run, RunEvent, RunQuerySet
from runs.models.threads import Thread, ThreadQuerySet, uuid7
from runs.models.webhooks import WebhookDelivery

__all__ = [
    "ApiKey",
    "Assistant",
    "AssistantVersion",
    "Breakpoint",
    "BreakpointChange",
    "BreakpointVersion",
    "Cron",
    "CronQuerySet",
    "Interrupt",
    "InterruptQuerySet",
    "Place",
    "Run",
    "RunEvent",
    "RunQuerySet",
    "Scope",
    "Thread",
    "ThreadQuerySet",
    "WebhookDelivery",
    "uuid7",
]
