"""What reviewers say to each other about a task, kept apart from all an agent is sent."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from reviews import live
from reviews.digests import digest_of
from reviews.models import Decision, ReviewTask, TaskComment
from reviews.services import audit


@transaction.atomic
def add_comment(
    *, task: ReviewTask, author: User, text: str, via: str = Decision.Via.PAGE
) -> TaskComment:
    """Say something to everybody who reviews the task."""
    comment = TaskComment.objects.create(task=task, author=author, text=text)
    live.tell(task, "commented")
    audit.record(
        action="task.commented",
        object=f"task:{task.pk}",
        actor=author,
        via=via,
        details={"comment": comment.pk, "text": digest_of(text)},
    )
    return comment
