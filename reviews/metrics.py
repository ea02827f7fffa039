"""What people are asked and what they answered, for `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Min
from prometheus_client.core import Metric

from reviews.models import AuditEntry, Decision, Delivery, ReviewTask
from runs.metrics import age, counter, gauge

RECOVERIES = ("handed_on", "queued_again", "failed")  # of runs that lost their worker or their job


def families() -> Iterator[Metric]:
    """Every family of ours, with its samples."""
    yield from _tasks()
    yield from _decisions()
    yield _recoveries()


def _tasks() -> Iterator[Metric]:
    tasks = gauge("tasks", "Review tasks that wait for a person", "queue", "status")
    oldest = gauge("tasks_oldest_seconds", "Age of the oldest of them", "queue", "status")
    waiting = (ReviewTask.Status.OPEN, ReviewTask.Status.FAILED)
    rows = ReviewTask.objects.filter(status__in=waiting).order_by("queue__name", "status")
    found = rows.values_list("queue__name", "status")
    for queue, status, count, since in found.annotate(Count("pk"), Min("created_at")):
        tasks.add_metric([queue, status], count)
        oldest.add_metric([queue, status], age(since))
    yield from (tasks, oldest)


def _decisions() -> Iterator[Metric]:
    decisions = counter("decisions", "Decisions by verdict and way", "verdict", "via")
    rows = Decision.objects.order_by("kind", "via").values_list("kind", "via")
    for verdict, via, count in rows.annotate(Count("pk")):
        decisions.add_metric([verdict, via], count)
    deliveries = gauge("deliveries", "What became of decisions", "state")
    found = dict(Delivery.objects.order_by().values_list("state").annotate(Count("pk")))
    for state in Delivery.State.values:
        deliveries.add_metric([state], found.get(state, 0))
    yield from (decisions, deliveries)


def _recoveries() -> Metric:
    recoveries = counter("recoveries", "Runs that lost their worker or their job", "what")
    actions = [f"run.{what}" for what in RECOVERIES]
    rows = AuditEntry.objects.filter(action__in=actions).order_by().values_list("action")
    found = dict(rows.annotate(Count("pk")))
    for what, action in zip(RECOVERIES, actions, strict=True):
        recoveries.add_metric([what], found.get(action, 0))
    return recoveries
