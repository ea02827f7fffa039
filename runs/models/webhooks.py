"""Calls to the URLs clients gave with their runs."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils.timezone import now

from hitl_console.fields import WireJSONField
from runs.models.threads import uuid7

SKEW = timedelta(seconds=1)  # between the clocks of our processes


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def due(self) -> WebhookDeliveryQuerySet:
        """Not settled, and nobody is just at it."""
        return self.filter(status=WebhookDelivery.Status.WAITING, due_at__lte=now() + SKEW)


class WebhookDelivery(models.Model):
    """One run's end, told to one URL; tried again until somebody answers or it is given up.

    It holds what is said, since the run and its thread may be gone by then.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run_id = models.UUIDField(db_index=True)
    url = models.TextField()
    body = WireJSONField()
    status = models.CharField(max_length=9, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    due_at = models.DateTimeField(default=now)  # of the next attempt
    created_at = models.DateTimeField(default=now, editable=False)
    settled_at = models.DateTimeField(null=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "webhook deliveries"
        indexes = [models.Index(fields=["created_at"])]

    def __str__(self) -> str:
        return f"{self.status}: {self.url}"
