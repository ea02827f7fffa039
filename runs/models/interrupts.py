"""What graphs wait for."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import models
from django.utils.timezone import now

from hitl_console.fields import WireJSONField
from runs.models.runs import Run
from runs.models.threads import Thread


class InterruptQuerySet(models.QuerySet["Interrupt"]):
    def on(self, thread_id: UUID) -> InterruptQuerySet:
        return self.filter(thread_id=thread_id)

    def pending(self) -> InterruptQuerySet:
        return self.filter(status=Interrupt.Status.PENDING)

    def known(self, keys: Iterable[str]) -> InterruptQuerySet:
        """What is unsettled, and what these keys ever meant."""
        return self.filter(~models.Q(status=Interrupt.Status.CLOSED) | models.Q(key__in=keys))

    def unsettled(self) -> InterruptQuerySet:
        """Still in the graph's hands: waiting for an answer, or for the run that carries it."""
        return self.exclude(status=Interrupt.Status.CLOSED)


class Interrupt(models.Model):
    """One thing a graph waits for: a question a node asked, or a pause at a breakpoint."""

    class Kind(models.TextChoices):
        DYNAMIC = "dynamic"  # a node called interrupt()
        BREAKPOINT = "breakpoint"  # interrupt_before / interrupt_after

    class Status(models.TextChoices):
        PENDING = "pending"
        ANSWERED = "answered"  # a resume run carries the answer
        STUCK = "stuck"  # the node failed after its answer: LangGraph would ignore another
        CLOSED = "closed"  # gone from the graph

    thread = models.ForeignKey(Thread, models.CASCADE, related_name="asked")
    run = models.ForeignKey(Run, models.CASCADE, related_name="asked")
    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(max_length=100)  # LangGraph's interrupt id; a breakpoint's checkpoint id
    node = models.CharField(max_length=500)
    position = models.CharField(max_length=7, blank=True)  # of a breakpoint: before, after, between
    namespace = models.TextField(blank=True)
    task_id = models.CharField(max_length=100, blank=True)
    checkpoint_id = models.CharField(max_length=100)
    value = WireJSONField(null=True)  # a breakpoint's value is the state a reviewer needs
    response_schema = WireJSONField(null=True)
    fingerprint = models.CharField(max_length=64)  # of the graph that asked
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    answered_by = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="answers")
    created_at = models.DateTimeField(default=now, editable=False)

    objects = InterruptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["thread", "key"], name="one_interrupt_per_key")
        ]
        indexes = [models.Index(fields=["thread", "status"])]

    def __str__(self) -> str:
        return f"{self.kind} at {self.node}"

    @property
    def is_breakpoint(self) -> bool:
        return self.kind == self.Kind.BREAKPOINT

    @property
    def nodes(self) -> list[str]:
        """The node that asks, or those that wait together at a breakpoint."""
        return self.node.split(", ") if self.is_breakpoint else [self.node]
