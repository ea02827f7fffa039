"""Assistants: a graph with a configuration, its versions and its breakpoints."""

from __future__ import annotations

from dataclasses import dataclass
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
    author = models.ForeignKey(  # null: made by the system, from langgraph.json
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assistant", "version"], name="one_row_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


@dataclass(frozen=True)
class Place:
    """Where a breakpoint may stand: a side of a node, of one assistant, of a graph, or of all."""

    node: str
    position: str
    assistant_id: UUID | None = None
    graph_id: str = ""  # an assistant's own graph; empty: every graph that has the node


class BreakpointQuerySet(models.QuerySet["Breakpoint"]):
    def on_runs_of(self, assistant_id: UUID | None, graph_id: str) -> BreakpointQuerySet:
        """Those that stop a run: its assistant's, its graph's, and those of every graph."""
        ours = models.Q(assistant=assistant_id) if assistant_id else models.Q()
        general = models.Q(assistant=None, graph_id__in=["", graph_id])
        return self.filter(general | ours if assistant_id else general, is_on=True)

    def at(self, place: Place) -> BreakpointQuerySet:
        """The one that is stored at a place, if any."""
        return self.filter(**vars(place))


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

    @property
    def place(self) -> Place:
        return Place(self.node, self.position, self.assistant_id, self.graph_id)


class BreakpointVersionQuerySet(models.QuerySet["BreakpointVersion"]):
    def about(self, assistant: Assistant) -> BreakpointVersionQuerySet:
        """Those that changed where an assistant's runs stop, or may have."""
        ours = models.Q(changes__assistant_id=assistant.pk)
        general = models.Q(
            changes__assistant_id=None, changes__graph_id__in=["", assistant.graph_id]
        )
        return self.filter(ours | general).distinct()


class BreakpointVersion(models.Model):
    """The set of all breakpoints as somebody left it; what made it differ is in its changes."""

    number = models.PositiveIntegerField(primary_key=True)  # from 1, without gaps
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    objects = BreakpointVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"v{self.number}"


class BreakpointChange(models.Model):
    """What one version did at one place; only ever added."""

    class State(models.TextChoices):
        ON = "on"
        OFF = "off"  # stored, and switched off
        GONE = "gone"

    version = models.ForeignKey(BreakpointVersion, models.CASCADE, related_name="changes")
    assistant_id = models.UUIDField(null=True)  # no key: it may have been deleted since
    graph_id = models.CharField(max_length=200, blank=True)
    node = models.CharField(max_length=500)
    position = models.CharField(max_length=6, choices=Breakpoint.Position)
    was = models.CharField(max_length=4, choices=State)
    became = models.CharField(max_length=4, choices=State)

    class Meta:
        indexes = [models.Index(fields=["assistant_id", "graph_id"])]

    def __str__(self) -> str:
        return f"{self.position} {self.node}: {self.became}"

    @property
    def place(self) -> Place:
        return Place(self.node, self.position, self.assistant_id, self.graph_id)
