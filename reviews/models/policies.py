"""Who reviews what."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator
from django.db import models

from hitl_console.fields import WireJSONField


class ReviewPolicy(models.Model):
    """Which queue reviews what; the first that fits, by order, wins."""

    order = models.PositiveIntegerField(default=100)
    graph_id = models.CharField(max_length=200, blank=True, help_text="empty: every graph")
    node = models.CharField(max_length=500, blank=True, help_text="empty: every node")
    queue = models.ForeignKey(Group, models.PROTECT, related_name="review_policies")
    reviewers_only = models.BooleanField(
        default=False,
        help_text="only reviewers, and keys with tasks:decide, may answer or go around",
    )
    high_risk = models.BooleanField(
        default=False,
        help_text="a decision needs a reason and a confirmation; only reviewers may answer",
    )
    reject_value = WireJSONField(
        null=True,
        blank=True,
        help_text="what the graph gets when a question of its own is rejected, such as false; "
        "empty: it cannot be rejected",
    )
    quick_answers = models.JSONField(
        default=list, blank=True, help_text="a list of texts offered under a question's answer box"
    )
    undo_seconds = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(60)],
        help_text="how long a decision can be undone before it is sent, up to 60",
    )

    class Meta:
        ordering = ["order", "pk"]
        verbose_name_plural = "review policies"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(undo_seconds__lte=60), name="undo_for_a_minute_at_most"
            )
        ]

    def __str__(self) -> str:
        return f"{self.graph_id or 'every graph'} / {self.node or 'every node'} → {self.queue}"

    @property
    def is_guarded(self) -> bool:
        """Whether programs without the right to decide are kept from answering."""
        return self.reviewers_only or self.high_risk
