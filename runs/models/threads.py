"""Threads: one conversation with a graph each."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from uuid import UUID

from django.db import models
from django.utils.timezone import now

from hitl_console.fields import WireJSONField


def uuid7() -> UUID:
    """A time-ordered UUID (RFC 9562), as the Agent Server gives its threads and runs.

    Twelve bits below the milliseconds keep the order of what is made within one.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | secrets.randbits(62)
    return UUID(int=value)


class ThreadQuerySet(models.QuerySet["Thread"]):
    def lock(self, thread_id: UUID) -> Thread:
        """The thread, held to the transaction's end: its runs and tasks change one at a time."""
        return self.select_for_update(no_key=True).get(pk=thread_id)

    def left_behind(self, age: timedelta) -> ThreadQuerySet:
        """Threads of stateless runs, over for a while, on which nobody is asked anything."""
        return (
            self.filter(is_temporary=True, updated_at__lt=now() - age)
            .exclude(runs__status__in=["pending", "running"])
            .exclude(asked__status__in=["pending", "answered", "stuck"])
        )

    def expired(self) -> ThreadQuerySet:
        """Threads whose time is over, on which nothing runs and nobody is asked anything."""
        return (
            self.filter(expires_at__lt=now())
            .exclude(runs__status__in=["pending", "running"])
            .exclude(asked__status__in=["pending", "answered", "stuck"])
        )


class Thread(models.Model):
    """One conversation with a graph; its state lives in LangGraph's checkpoints."""

    class Status(models.TextChoices):
        IDLE = "idle"
        BUSY = "busy"
        INTERRUPTED = "interrupted"
        ERROR = "error"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    metadata = models.JSONField(default=dict)
    status = models.CharField(max_length=12, choices=Status, default=Status.IDLE)
    config = WireJSONField(default=dict)
    values = WireJSONField(null=True)  # of the last settled run
    interrupts = WireJSONField(null=True)  # task id -> list, as the wire has it; null: never ran
    error = WireJSONField(null=True)
    ttl = models.JSONField(null=True)  # {"strategy", "ttl_minutes"}; null: kept until deleted
    expires_at = models.DateTimeField(null=True)
    watched_until = models.DateTimeField(null=True)  # somebody follows whatever runs on it
    is_temporary = models.BooleanField(default=False)  # of a stateless run: deleted when it is over
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)
    state_updated_at = models.DateTimeField(default=now, editable=False)

    objects = ThreadQuerySet.as_manager()

    class Meta:
        permissions = [("operate_thread", "Can start, cancel and fork runs")]
        indexes = [
            models.Index(fields=["-updated_at"]),
            models.Index(fields=["status"]),
            models.Index(
                fields=["updated_at"],
                condition=models.Q(is_temporary=True),
                name="runs_thread_temporary",
            ),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(expires_at__isnull=False),
                name="runs_thread_expiring",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def graph_id(self) -> str | None:
        """The graph of its last run, or the one it was created for."""
        graph_id = self.metadata.get("graph_id")
        return graph_id if isinstance(graph_id, str) else None  # clients write metadata, too
