"""Runs and what their clients read of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Now
from django.utils.timezone import now

from hitl_console.fields import WireJSONField
from runs.models.assistants import Assistant
from runs.models.threads import Thread, uuid7


class RunQuerySet(models.QuerySet["Run"]):
    def active(self) -> RunQuerySet:
        return self.filter(status__in=Run.ACTIVE)

    def on(self, thread_id: UUID) -> RunQuerySet:
        return self.filter(thread_id=thread_id)

    def for_list(self) -> RunQuerySet:
        """Rows of a list: without what was asked and answered, which may be large."""
        return self.select_related("assistant", "created_by").defer("kwargs", "output")

    def abandoned(self) -> RunQuerySet:
        """Running for a worker that has not been heard of for a whole lease (database clock)."""
        return self.filter(status=Run.Status.RUNNING, lease_until__lt=Now())

    def transition(self, run_id: UUID, *, expect: Iterable[str], to: str, **fields: Any) -> bool:
        """Move a run on if it still is what we expect; False when someone was faster."""
        rows = self.filter(pk=run_id, status__in=expect)
        return bool(rows.update(status=to, updated_at=now(), **fields))

    def held(self, run: Run) -> RunQuerySet:
        """This run, only while this attempt of it may still write."""
        return self.filter(pk=run.pk, attempt=run.attempt, status=Run.Status.RUNNING)


class Run(models.Model):
    """One execution of an assistant on a thread. A resume is a new run."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        SUCCESS = "success"
        ERROR = "error"
        TIMEOUT = "timeout"
        INTERRUPTED = "interrupted"  # cancelled; a run that pauses ends with success

    ACTIVE = (Status.PENDING, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="runs")
    assistant = models.ForeignKey(Assistant, models.SET_NULL, null=True, related_name="runs")
    graph_id = models.CharField(max_length=200)
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    kwargs = WireJSONField(default=dict)  # the request, in the wire's words
    metadata = models.JSONField(default=dict)
    multitask_strategy = models.CharField(max_length=12, default="enqueue")
    state_update = WireJSONField(null=True)  # {"values", "as_node"} written before it goes on
    output = WireJSONField(null=True)  # what wait and join answer
    error = WireJSONField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    attempt = models.PositiveIntegerField(default=0)  # the fencing token: never used twice
    crashes = models.PositiveSmallIntegerField(default=0)  # attempts whose worker died
    lease_until = models.DateTimeField(null=True)
    job_id = models.BigIntegerField(null=True)
    started_at = models.DateTimeField(null=True)  # by its first attempt
    not_before = models.DateTimeField(null=True)
    forgotten = models.PositiveIntegerField(default=0)  # events of it that were kept long enough
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["thread"],
                condition=models.Q(status="running"),
                name="one_running_run_per_thread",
            )
        ]
        indexes = [
            models.Index(fields=["thread", "-created_at"]),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(status="running"),
                name="runs_run_leases",
            ),
            models.Index(
                fields=["created_at"],
                condition=models.Q(status="pending"),
                name="runs_run_pending",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE

    @property
    def is_streamed(self) -> bool:
        """Somebody may read its events: only then are they written."""
        return bool(self.kwargs.get("stream_mode"))


class RunEventQuerySet(models.QuerySet["RunEvent"]):
    def after(self, run_id: UUID, event_id: int) -> RunEventQuerySet:
        return self.filter(run_id=run_id, pk__gt=event_id).order_by("pk")

    def outdated(self, *, kept: timedelta, passing: timedelta) -> RunEventQuerySet:
        """Events too old to be read again; those of a run that is over and not resumable sooner."""
        shown_once = models.Q(resumable="false") & ~models.Q(run__status__in=Run.ACTIVE)
        return self.alias(resumable=KeyTextTransform("resumable", "run__kwargs")).filter(
            models.Q(created_at__lt=now() - kept)
            | models.Q(created_at__lt=now() - passing) & shown_once
        )


class RunEvent(models.Model):
    """One chunk of a run's stream, kept so that a client can read it again."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="events")
    event = models.CharField(max_length=500)
    data = WireJSONField(null=True)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = RunEventQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["run", "id"])]

    def __str__(self) -> str:
        return f"{self.event} #{self.pk}"
