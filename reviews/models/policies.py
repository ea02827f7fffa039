"""Who reviews what."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator
from django.db import models

from hitl_console.fields import WireJSONField
from reviews.payloads import AnswersAs, Shape

SHAPES = [
    (Shape.TEXT.value, "a text to revise"),
    (Shape.QUESTION_DICT.value, "a question with choices"),
    (Shape.STRUCTURED.value, "values to change"),
    (Shape.FORM.value, "a form, by its schema"),
    (Shape.OTHER.value, "any JSON"),
]
ANSWERS_AS = [
    (AnswersAs.OBJECT.value, "a revised text goes back inside the object it came in"),
    (AnswersAs.TEXT.value, "edited arguments go back as text, as agent-inbox sends them"),
]


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
    title = models.CharField(
        max_length=200,
        blank=True,
        help_text="what its tasks are called, such as Refund {order.id}: names in braces are taken "
        "from the request; empty, or where a name is missing: told from the request",
    )
    shape = models.CharField(
        max_length=2,
        blank=True,
        choices=SHAPES,
        help_text="how a question of the graph's own is shown where this fits; empty: told from "
        "the request. Tool approvals and breakpoints keep to their contract",
    )
    answers_as = models.CharField(
        max_length=6, blank=True, choices=ANSWERS_AS, help_text="empty: as usual for what is asked"
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
