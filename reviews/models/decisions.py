"""What people answered, and what became of the answer."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.timezone import now

from hitl_console.fields import WireJSONField
from reviews.models.audit import only_added
from reviews.models.tasks import ReviewTask
from reviews.payloads import Kind


class Repair(models.TextChoices):
    """What can be decided of a task whose node failed after its answer."""

    RETRY = "retry", "Retry with this answer"
    ASK_AGAIN = "ask_again", "Ask again"


class DecisionQuerySet(models.QuerySet["Decision"]):
    def effective(self) -> DecisionQuerySet:
        """Those that stand: not given back by the graph."""
        return self.exclude(delivery__state__in=Delivery.VOID)

    def standing_on(self, task: ReviewTask) -> Decision | None:
        """The decision a task was closed by."""
        rows = self.effective().filter(task=task)
        return rows.select_related("reviewer", "delivery").last()


class Decision(models.Model):
    """One reviewer's answer. Rows are only ever added; what became of it is its Delivery."""

    class Via(models.TextChoices):
        PAGE = "page"
        API = "api"  # the review tasks API
        RESUME = "resume"  # a run with command.resume

    task = models.ForeignKey(ReviewTask, models.PROTECT, related_name="decisions")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="decisions")
    kind = models.CharField(
        max_length=10, choices=[(kind.value, kind.name) for kind in (*Kind, *Repair)]
    )
    value = WireJSONField(null=True)  # what the graph receives
    comment = models.TextField(blank=True)  # between people; the agent never sees it
    via = models.CharField(max_length=6, choices=Via)
    digest = models.CharField(max_length=64)  # of the task that was decided
    idempotency_key = models.CharField(max_length=255, blank=True)
    body_digest = models.CharField(max_length=64, blank=True)  # of the request with that key
    created_at = models.DateTimeField(default=now, editable=False)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reviewer", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="one_decision_per_idempotency_key",
            )
        ]
        triggers = only_added()

    def __str__(self) -> str:
        return f"{self.reviewer} {self.kind} #{self.task_id}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def move(self, *, expect: tuple[str, ...], to: str, **fields: object) -> int:
        """Move deliveries on that still are what we expect; returns how many."""
        return self.filter(state__in=expect).update(state=to, updated_at=now(), **fields)

    def held(self) -> DeliveryQuerySet:
        """Recorded, and still to be undone (database clock, as the queue's)."""
        return self.filter(state=Delivery.State.RECORDED, send_after__gt=Now())

    def overdue(self) -> DeliveryQuerySet:
        """Held no more and yet not sent, on threads where nobody is asked anything."""
        asked = ReviewTask.objects.open().filter(thread_id=models.OuterRef("task__thread_id"))
        return self.filter(
            ~models.Exists(asked), state=Delivery.State.RECORDED, send_after__lte=Now()
        )


class Delivery(models.Model):
    """A decision's way to its graph: recorded → delivered → consumed, or given back."""

    class State(models.TextChoices):
        RECORDED = "recorded"  # waits for the other answers of its pause, or to be undone
        UNDONE = "undone"  # its reviewer took it back in time
        DELIVERED = "delivered"  # a resume run carries it
        CONSUMED = "consumed"  # the run's settlement shows the interrupt gone
        REFUSED = "refused"  # the graph did not take it; the task is open again
        FAILED = "failed"  # the graph took it and then failed
        REPAIRED = "repaired"  # failed, and a later decision on the task stands in its place

    LIVE = (State.RECORDED, State.DELIVERED)
    VOID = (State.UNDONE, State.REFUSED, State.REPAIRED)

    decision = models.OneToOneField(Decision, models.PROTECT, related_name="delivery")
    task = models.ForeignKey(ReviewTask, models.PROTECT, related_name="deliveries")
    state = models.CharField(max_length=9, choices=State, default=State.RECORDED)
    run_id = models.UUIDField(null=True)  # the resume run
    send_after = models.DateTimeField(null=True)  # until then it can be undone
    updated_at = models.DateTimeField(default=now)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["task"],
                condition=~models.Q(state__in=["undone", "refused", "repaired"]),
                name="one_effective_decision_per_task",
            )
        ]
        indexes = [models.Index(fields=["run_id"])]

    def __str__(self) -> str:
        return f"{self.decision}: {self.state}"
