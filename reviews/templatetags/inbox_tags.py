"""What the templates of the list need beside `review_tags`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django import template
from django.template.context import Context
from django.utils.formats import date_format
from django.utils.timezone import localtime

from reviews.inbox.forms import audiences
from reviews.inbox.snoozes import snooze_times
from reviews.models import TaskMark

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from reviews.models import ReviewTask, SavedView

register = template.Library()
register.simple_tag(snooze_times)
register.filter("audiences", audiences)


@register.simple_tag(takes_context=True)
def mark_of(context: Context, task: ReviewTask) -> TaskMark:
    """What the reader has noted of a task."""
    person: User = context["request"].user
    found = TaskMark.objects.of(person).filter(task=task).first()
    mark = found or TaskMark(person=person)
    mark.task = task
    return mark


@register.filter
def later(at: datetime) -> str:
    """A time to come, as short as a menu needs it."""
    here = localtime(at)
    return date_format(here, "H:i" if here.date() == localtime().date() else "D j M, H:i")


@register.filter
def audience_of(saved: SavedView) -> str:
    """Whom a saved view is shared with, as its form says it."""
    return f"{saved.audience}:{saved.queue_id}" if saved.queue_id else saved.audience
