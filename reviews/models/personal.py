"""What people keep for themselves: marks on tasks, and lists by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.utils.timezone import now

from reviews.models.tasks import ReviewTask

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class TaskMarkQuerySet(models.QuerySet["TaskMark"]):
    def of(self, person: User) -> TaskMarkQuerySet:
        return self.filter(person=person)

    def on_row(self) -> TaskMarkQuerySet:
        """Within a query of tasks: that of its row."""
        return self.filter(task=models.OuterRef("pk"))

    def watching(self) -> TaskMarkQuerySet:
        return self.filter(is_watched=True)

    def snoozing(self) -> TaskMarkQuerySet:
        """Within a query of tasks: out of sight until their time, or until the task moves on."""
        return self.filter(snoozed_until__gt=now(), snoozed_version=models.OuterRef("version"))

    def reading(self) -> TaskMarkQuerySet:
        """Within a query of tasks: seen by their person as the task is now."""
        return self.filter(seen_version=models.OuterRef("version"))


class TaskMark(models.Model):
    """What one person has noted of one task. It changes the task for nobody else."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="task_marks")
    task = models.ForeignKey(ReviewTask, models.CASCADE, related_name="marks")
    seen_version = models.PositiveIntegerField(default=0)  # of the task; 0: not read
    is_watched = models.BooleanField(default=False)
    snoozed_until = models.DateTimeField(null=True)
    snoozed_version = models.PositiveIntegerField(default=0)  # a task that moved on comes back

    objects = TaskMarkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "person"], name="one_mark_per_task_and_person")
        ]
        indexes = [
            models.Index(
                fields=["person", "task"],
                condition=models.Q(is_watched=True),
                name="reviews_watched_tasks",
            ),
            models.Index(
                fields=["person", "task"],
                condition=models.Q(snoozed_until__isnull=False),
                name="reviews_snoozed_tasks",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} on #{self.task_id}"

    @property
    def is_snoozing(self) -> bool:
        is_later = self.snoozed_until is not None and self.snoozed_until > now()
        return is_later and self.snoozed_version == self.task.version


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, user: User) -> SavedViewQuerySet:
        """One's own, and those shared with one's queues or with everybody."""
        shared = models.Q(audience=SavedView.Audience.EVERYONE)
        shared |= models.Q(audience=SavedView.Audience.QUEUE, queue__in=user.groups.all())
        return self.filter(models.Q(owner=user) | shared)

    def changeable_by(self, user: User) -> SavedViewQuerySet:
        """One's own; staff also those shared with everybody."""
        found = self.filter(owner=user)
        if user.is_staff:
            found |= self.exclude(audience=SavedView.Audience.PRIVATE)
        return found


class SavedView(models.Model):
    """A list of tasks by name. It holds a query, never tasks: each reader sees their own."""

    class Audience(models.TextChoices):
        PRIVATE = "private"
        QUEUE = "queue"
        EVERYONE = "everyone"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    view = models.CharField(max_length=10)
    q = models.CharField(max_length=200, blank=True)
    sort = models.CharField(max_length=10, blank=True)
    audience = models.CharField(max_length=8, choices=Audience, default=Audience.PRIVATE)
    queue = models.ForeignKey(Group, models.CASCADE, null=True, related_name="saved_views")
    created_at = models.DateTimeField(default=now, editable=False)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(audience="queue", queue__isnull=False)
                | (~models.Q(audience="queue") & models.Q(queue__isnull=True)),
                name="a_queue_if_shared_with_one",
            )
        ]

    def __str__(self) -> str:
        return self.name
