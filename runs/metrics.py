"""What is at work and what waits, read from the database: every web process says the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, cast

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Greatest, Now
from django.utils.timezone import now
from procrastinate.contrib.django.models import ProcrastinateWorker
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from runs.models import Run, WebhookDelivery
from runs.signals import metrics_asked

HEARD_OF = timedelta(seconds=30)  # a worker says every ten seconds that it is there


class Everything(Collector):
    """The metrics of this moment: ours, and those of whoever listens to `metrics_asked`."""

    def collect(self) -> Iterator[Metric]:
        """Every family with its samples."""
        yield from chain(_runs(), _queue(), _webhooks())
        for _, found in metrics_asked.send(sender=Metric):
            yield from cast("Iterator[Metric]", found)


def gauge(name: str, said: str, *labels: str) -> GaugeMetricFamily:
    """A family of what goes up and down."""
    return GaugeMetricFamily(f"hitl_{name}", said, labels=labels)


def counter(name: str, said: str, *labels: str) -> CounterMetricFamily:
    """A family of what only grows."""
    return CounterMetricFamily(f"hitl_{name}", said, labels=labels)


def age(since: datetime | None) -> float:
    """Seconds since then; none where nothing waits."""
    return max((now() - since).total_seconds(), 0.0) if since else 0.0


def as_json() -> dict[str, Any]:
    """The same for people: the Agent Server's three parts, and every family by its name."""
    families = {
        family.name: [{**sample.labels, "value": sample.value} for sample in family.samples]
        for family in Everything().collect()
    }
    waits = sorted(age(since) for since in _due().values_list("since", flat=True))
    running = Run.objects.filter(status=Run.Status.RUNNING).count()
    places = _workers() * settings.RUN_CONCURRENCY
    return {
        "queue": {
            "n_pending": len(waits),
            "pending_runs_wait_time_max_secs": waits[-1] if waits else None,
            "pending_runs_wait_time_med_secs": waits[len(waits) // 2] if waits else None,
            "n_running": running,
        },
        "workers": {"max": places, "active": running, "available": max(places - running, 0)},
        "metrics": families,
    }


def _runs() -> Iterator[Metric]:
    family = gauge("runs", "Runs by status; success is also how a run ends that asks", "status")
    found = dict(Run.objects.order_by().values_list("status").annotate(Count("pk")))
    for status in Run.Status.values:
        family.add_metric([status], found.get(status, 0))
    yield family


def _queue() -> Iterator[Metric]:
    waits = _due().aggregate(count=Count("pk"), first=Min("since"))
    depth = gauge("queue_depth", "Pending runs whose time has come")
    depth.add_metric([], waits["count"])
    oldest = gauge("queue_oldest_seconds", "How long the first of them has been waiting")
    oldest.add_metric([], age(waits["first"]))
    workers = gauge("workers", "Worker processes heard of in the last 30 seconds")
    workers.add_metric([], _workers())
    leases = gauge("leases", "Running runs by the lease of their worker", "state")
    running = Q(status=Run.Status.RUNNING)
    found = Run.objects.filter(running).aggregate(
        held=Count("pk", filter=Q(lease_until__gte=Now())),
        lost=Count("pk", filter=Q(lease_until__lt=Now())),
    )
    for state, count in found.items():
        leases.add_metric([state], count)
    yield from (depth, oldest, workers, leases)


def _webhooks() -> Iterator[Metric]:
    family = gauge("webhooks", "Calls to clients' webhooks; failed ones were given up", "status")
    rows = WebhookDelivery.objects.order_by().values_list("status")
    found = dict(rows.annotate(Count("pk")))
    for status in WebhookDelivery.Status.values:
        family.add_metric([status], found.get(status, 0))
    yield family


def _due() -> QuerySet[Any]:
    """Pending runs that are not for later, with the moment they began to wait."""
    pending = Run.objects.filter(status=Run.Status.PENDING)
    return pending.annotate(since=Greatest("created_at", "not_before")).filter(since__lte=Now())


def _workers() -> int:
    return ProcrastinateWorker.objects.filter(last_heartbeat__gte=now() - HEARD_OF).count()
