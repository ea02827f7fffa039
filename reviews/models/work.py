"""What people have in hand before they decide: drafts, and what they say to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from hitl_console.fields import WireJSONField
from reviews.models.tasks import ReviewTask

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class DraftQuerySet(models.QuerySet["Draft"]):
    def own(self) -> DraftQuerySet:
        """What fills the form of the one who typed it."""
        return self.filter(is_aside=False)

    def aside(self) -> DraftQuerySet:
        """What lies beside the form, to be put into it."""
        return self.filter(is_aside=True)

    def of(self, user: User) -> DraftQuerySet:
        """In the hands of a person, whoever typed it."""
        return self.filter(reviewer=user)


class Draft(models.Model):
    """A form that was filled in and not sent.

    Everybody has one of their own for each task. Beside it may lie what others gave them, and what
    was in the form before they took one of these.
    """

    task = models.ForeignKey(ReviewTask, models.CASCADE, related_name="drafts")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="review_drafts"
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    is_aside = models.BooleanField(default=False)
    form = WireJSONField()  # the values of each control, by its name
    edition = models.CharField(max_length=100)  # of the task it was typed for
    saved_at = models.DateTimeField(default=now)

    objects = DraftQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["task", "reviewer"],
                condition=models.Q(is_aside=False),
                name="one_own_draft_per_task",
            ),
            models.UniqueConstraint(
                fields=["task", "reviewer", "author"],
                condition=models.Q(is_aside=True),
                name="one_draft_aside_per_author",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.author} #{self.task_id}"


class TaskComment(models.Model):
    """What a reviewer says to the others about a task. The agent never sees it."""

    task = models.ForeignKey(ReviewTask, models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="task_comments"
    )
    text = models.TextField()
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.author} on #{self.task_id}"
