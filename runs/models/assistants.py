"""Assistants: a graph with a configuration, its versions and its breakpoints."""

from __future__ import annotations

from uuid import UUID, uuid4

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from hitl_console.fields import WireJSONField


class Assistant(models.Model):
    """A graph with a configuration; every graph has one of its own (`created_by: system`)."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    graph_id = models.CharField(max_length=200)
    name = models.CharField(max_length=500, default="Untitled")
    description = models.TextField(null=True)  # noqa: DJ001  # null is what the wire says
    config = WireJSONField(default=dict)
    context = WireJSONField(default=dict)
    metadata = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["graph_id"])]

    def __str__(self) -> str:
        return f"{self.name} ({self.graph_id})"


class AssistantVersion(models.Model):
    """What an assistant was at one version; only ever added."""

    assistant = models.ForeignKey(Assistant, models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    graph_id = models.CharField(max_length=200)
    name = models.CharField(max_length=500)
    description = models.TextField(null=True)  # noqa: DJ001
    config = WireJSONField(default=dict)
    context = WireJSONField(default=dict)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assistant", "version"], name="one_row_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class BreakpointQuerySet(models.QuerySet["Breakpoint"]):
    def on_runs_of(self, assistant_id: UUID | None, graph_id: str) -> BreakpointQuerySet:
        """Those that stop a run: its assistant's, its graph's, and those of every graph."""
        ours = models.Q(assistant=assistant_id) if assistant_id else models.Q()
        general = models.Q(assistant=None, graph_id__in=["", graph_id])
        return self.filter(general | ours if assistant_id else general, is_on=True)


class Breakpoint(models.Model):
    """A stop an admin has set before or after a node: for one assistant, a graph, or all graphs."""

    class Position(models.TextChoices):
        BEFORE = "before"
        AFTER = "after"

    assistant = models.ForeignKey(
        Assistant, models.CASCADE, null=True, blank=True, related_name="breakpoints"
    )
    graph_id = models.CharField(max_length=200, blank=True)  # empty: every graph that has the node
    node = models.CharField(max_length=500)
    position = models.CharField(max_length=6, choices=Position, default=Position.BEFORE)
    is_on = models.BooleanField(default=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    objects = BreakpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assistant", "graph_id", "node", "position"],
                name="one_breakpoint_per_place",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.position} {self.node}"
