"""Crons: runs that are asked for again and again, by the clock."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from hitl_console.fields import WireJSONField
from runs.models.assistants import Assistant
from runs.models.threads import Thread, uuid7


class CronQuerySet(models.QuerySet["Cron"]):
    def due(self) -> CronQuerySet:
        """Whose time has come; what is switched off or at its end has none."""
        return self.filter(next_run_at__lte=now())


class Cron(models.Model):
    """A standing order for runs, on one thread or each on a thread of its own."""

    class OnRunCompleted(models.TextChoices):
        DELETE = "delete"
        KEEP = "keep"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    assistant = models.ForeignKey(Assistant, models.SET_NULL, null=True, related_name="crons")
    thread = models.ForeignKey(Thread, models.CASCADE, null=True, related_name="crons")
    schedule = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, blank=True)  # an IANA name; empty: UTC
    payload = WireJSONField(default=dict)  # what each run is asked to do, in the wire's words
    metadata = models.JSONField(default=dict)
    # What becomes of each run's own thread; empty for a cron on one thread.
    on_run_completed = models.CharField(max_length=6, choices=OnRunCompleted, blank=True)
    is_enabled = models.BooleanField(default=True)
    ends_at = models.DateTimeField(null=True)
    next_run_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)  # why its last firing made no run
    caller = WireJSONField(null=True)  # whom the auth handlers let in; its runs are told
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    objects = CronQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["next_run_at"],
                condition=models.Q(next_run_at__isnull=False),
                name="runs_cron_due",
            ),
            models.Index(fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.schedule} {self.timezone}".strip()
