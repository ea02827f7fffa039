"""Batches: several tasks that one person answers in one go, each with a decision of its own."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils.timezone import now

from hitl_console.fields import WireJSONField
from reviews.models.decisions import Decision
from reviews.models.tasks import ReviewTask

STALLED_AFTER = timedelta(seconds=15)


class BatchQuerySet(models.QuerySet["Batch"]):
    def of(self, user: User) -> BatchQuerySet:
        """A batch is seen by the person who makes it, and by nobody else."""
        return self.filter(reviewer=user)

    def move(self, pk: int, *, expect: str, to: str, **fields: object) -> bool:
        """Move a batch on if it still is what we expect; False when that was done already."""
        return bool(self.filter(pk=pk, status=expect).update(status=to, **fields))

    def stalled(self) -> BatchQuerySet:
        """Those nobody has worked on for a while: their worker died, or their job was lost."""
        lately = now() - STALLED_AFTER
        moving = BatchItem.objects.filter(batch=models.OuterRef("pk"), settled_at__gt=lately)
        running = self.filter(status=Batch.Status.RUNNING, committed_at__lt=lately)
        return running.exclude(models.Exists(moving))


class Batch(models.Model):
    """One verdict for several tasks: shown first, then committed, then done task by task."""

    class Status(models.TextChoices):
        PREPARED = "prepared"  # shown to its reviewer; nothing is decided
        RUNNING = "running"
        DONE = "done"

    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="batches")
    verdict = WireJSONField()  # what `payloads.answer_value` takes, or what to do with claims
    comment = models.TextField(blank=True)  # between people; the agents never see it
    via = models.CharField(max_length=6, choices=Decision.Via)
    source = models.CharField(max_length=2_000, blank=True)  # the list all of it was taken from
    taken_at = models.DateTimeField(default=now)  # what came later is not in it
    found = models.PositiveIntegerField()  # tasks that were chosen, those beyond the cap too
    status = models.CharField(max_length=8, choices=Status, default=Status.PREPARED)
    idempotency_key = models.CharField(max_length=255, blank=True)
    body_digest = models.CharField(max_length=64, blank=True)  # of the request with that key
    created_at = models.DateTimeField(default=now, editable=False)
    committed_at = models.DateTimeField(null=True, editable=False)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(
                fields=["reviewer", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="one_batch_per_idempotency_key",
            )
        ]
        indexes = [
            models.Index(
                fields=["committed_at"],
                condition=models.Q(status="running"),
                name="reviews_running_batches",
            )
        ]

    def __str__(self) -> str:
        return f"batch {self.pk}: {self.kind}"

    @property
    def kind(self) -> str:
        """What is done with its tasks; several actions with a verdict each have no one word."""
        return str(self.verdict.get("kind", ""))

    @property
    def is_claim(self) -> bool:
        """Whether it moves claims and decides nothing."""
        return self.kind in ("claim", "release", "assign")


class BatchItemQuerySet(models.QuerySet["BatchItem"]):
    def waiting(self) -> BatchItemQuerySet:
        return self.filter(outcome=BatchItem.Outcome.WAITING)

    def settle(self, pk: int, *, outcome: str, **fields: object) -> bool:
        """Write down what became of a task; False when that was done already."""
        rows = self.waiting().filter(pk=pk)
        return bool(rows.update(outcome=outcome, settled_at=now(), **fields))


class BatchItem(models.Model):
    """One task of a batch, as it was shown there, and what became of it."""

    class Outcome(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        UNFIT = "unfit"  # could not go with the others; never tried
        LEFT_OUT = "left_out"  # its reviewer took it out of the batch
        CHANGED = "changed"  # no longer what was shown: nothing was decided
        REFUSED = "refused"  # somebody was faster, or the answer is not allowed

    FAILED = (Outcome.UNFIT, Outcome.CHANGED, Outcome.REFUSED)

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="items")
    task = models.ForeignKey(ReviewTask, models.PROTECT, related_name="batch_items")
    seen = models.CharField(max_length=100)  # the edition that was shown
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.WAITING)
    why = models.TextField(blank=True)  # for people: why it was not done
    decision = models.OneToOneField(Decision, models.PROTECT, null=True, related_name="batch_item")
    settled_at = models.DateTimeField(null=True, editable=False)

    objects = BatchItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "task"], name="a_task_once_in_a_batch")
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.task_id} {self.outcome}"
