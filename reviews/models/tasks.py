"""What people are asked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.timezone import now

from hitl_console.fields import WireJSONField
from reviews.models.policies import ReviewPolicy
from reviews.payloads import Asked, Shape
from runs.models import Assistant, Interrupt

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

CLAIM = timedelta(minutes=15)
GIVEN = timedelta(hours=8)  # who is given a task may be away: it waits a working day for them
# What the search of the list looks in, as its index has it: every word begins where punctuation
# ends, or `issue_refund` and `A-1042` would be found under their first halves only.
SEARCHED = models.Func(
    "title",
    "summary",
    "agent",
    "graph_id",
    "node",
    arg_joiner=" || ' ' || ",
    template="to_tsvector('simple', "
    r"regexp_replace(%(expressions)s, '[!-/:-@\[-`{-~]+', ' ', 'g'))",
    output_field=SearchVectorField(),
)


class ReviewTaskQuerySet(models.QuerySet["ReviewTask"]):
    def visible_to(self, user: User | AnonymousUser) -> ReviewTaskQuerySet:
        """The one door to tasks: those of a reviewer's queues; staff see all."""
        if not user.is_active:
            return self.none()
        if user.is_staff:
            return self
        return self.filter(queue__in=user.groups.all())

    def open(self) -> ReviewTaskQuerySet:
        return self.filter(status=ReviewTask.Status.OPEN)

    def unsettled(self) -> ReviewTaskQuerySet:
        """The graph still has the question in its hands, answered or not."""
        return self.filter(interrupt__in=Interrupt.objects.unsettled())

    def decided(self) -> ReviewTaskQuerySet:
        return self.exclude(status__in=[ReviewTask.Status.OPEN, ReviewTask.Status.FAILED])

    def failed(self) -> ReviewTaskQuerySet:
        return self.filter(status=ReviewTask.Status.FAILED)

    def claimed_by(self, user: User) -> ReviewTaskQuerySet:
        return self.open().filter(claimed_by=user, claimed_until__gt=now())

    def on(self, thread_id: UUID) -> ReviewTaskQuerySet:
        return self.filter(thread_id=thread_id)

    def for_inbox(self) -> ReviewTaskQuerySet:
        """Rows of a list: without what was asked, which may be large."""
        return self.select_related("claimed_by", "queue").defer("value", "response_schema")

    def move(self, pk: int, *, expect: str, to: str) -> bool:
        """Change a task's status if it still is what we expect; False when someone was faster."""
        closed_at = None if to in (ReviewTask.Status.OPEN, ReviewTask.Status.FAILED) else now()
        rows = self.filter(pk=pk, status=expect)
        return bool(rows.update(status=to, closed_at=closed_at, version=models.F("version") + 1))


class ReviewTask(models.Model):
    """One question in front of people: an interrupt, or a pause at a breakpoint.

    Holds a copy of what was asked, so that the ledger outlives threads and graphs.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        DECIDED = "decided"
        FAILED = "failed"  # the node took the answer, then raised
        SUPERSEDED = "superseded"  # the pause is gone: nobody will hear an answer
        CANCELLED = "cancelled"

    interrupt = models.OneToOneField(
        Interrupt, models.SET_NULL, null=True, related_name="review_task"
    )
    thread_id = models.UUIDField()
    run_id = models.UUIDField()
    assistant = models.ForeignKey(Assistant, models.SET_NULL, null=True, related_name="+")
    graph_id = models.CharField(max_length=200)
    agent = models.CharField(max_length=80, blank=True)  # who asks, as it was called then
    node = models.CharField(max_length=500)
    namespace = models.TextField(blank=True)
    checkpoint_id = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)  # of the graph that asked
    is_breakpoint = models.BooleanField(default=False)
    position = models.CharField(max_length=7, blank=True)  # of a breakpoint: before, after, between
    value = WireJSONField(null=True)
    response_schema = WireJSONField(null=True)
    digest = models.CharField(max_length=64)  # SHA-256 over what was asked, and where
    shape = models.CharField(max_length=2, choices=[(shape.value, shape.name) for shape in Shape])
    title = models.CharField(max_length=200)
    summary = models.CharField(max_length=200)
    tools = ArrayField(models.CharField(max_length=200), default=list)  # that are to be approved
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    version = models.PositiveIntegerField(default=1)
    queue = models.ForeignKey(Group, models.PROTECT, related_name="review_tasks")
    reviewers_only = models.BooleanField(default=False)  # as the policy was when it was raised
    undo_seconds = models.PositiveSmallIntegerField(default=0)  # a decision is held that long
    high_risk = models.BooleanField(default=False)  # a decision needs a reason and a confirmation
    reject_value = WireJSONField(null=True)  # what rejecting a question sends
    answers_as = models.CharField(max_length=6, blank=True)  # of its policy
    quick_answers = models.JSONField(default=list)
    policy = models.ForeignKey(ReviewPolicy, models.SET_NULL, null=True, related_name="+")
    channels = WireJSONField(null=True)  # of a breakpoint's state: names, each with its reducer
    superseded_by = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="claimed_tasks"
    )
    claimed_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)

    objects = ReviewTaskQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["thread_id"]),
            models.Index(fields=["-created_at", "-id"]),
            models.Index(
                fields=["queue", "-created_at", "-id"],
                condition=models.Q(status="open"),
                name="reviews_open_by_queue",
            ),
            models.Index(
                fields=["queue", "-created_at", "-id"],
                condition=models.Q(status="failed"),
                name="reviews_failed_by_queue",
            ),
            models.Index(
                fields=["-created_at", "-id"],
                condition=models.Q(status="open"),
                name="reviews_open_by_time",
            ),
            models.Index(
                fields=["agent", "-created_at", "-id"],
                condition=models.Q(status="open"),
                name="reviews_open_by_agent",
            ),
            models.Index(
                fields=["-high_risk", "-created_at", "-id"],
                condition=models.Q(status="open"),
                name="reviews_open_by_risk",
            ),
            models.Index(fields=["-closed_at", "-id"], name="reviews_by_closing"),
            models.Index(fields=["node", "-created_at", "-id"], name="reviews_by_node"),
            GinIndex(fields=["tools"], name="reviews_by_tool"),
            GinIndex(SEARCHED, name="reviews_by_words"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN

    @property
    def edition(self) -> str:
        """What a reviewer sees, to be said with the answer: the request, and how often it moved."""
        return f"{self.digest}.{self.version}"

    @property
    def holder(self) -> User | None:
        """Whose claim it is, while the claim lasts."""
        is_held = self.claimed_until is not None and self.claimed_until > now()
        return self.claimed_by if is_held else None

    @property
    def asked(self) -> Asked:
        """What was asked, in the words of `payloads`."""
        return Asked(
            value=None if self.is_breakpoint else self.value,
            response_schema=self.response_schema,
            is_breakpoint=self.is_breakpoint,
            node=self.node,
            position=self.position or "before",
            state=self.value if self.is_breakpoint else None,
            channels=self.channels,
            reject_value=self.reject_value,
            pinned=self.shape,  # as it was when it was raised, whatever is told from requests now
            answers_as=self.answers_as,
        )
