"""The strip above a task on a walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from reviews.walk import Progress, Walk

if TYPE_CHECKING:
    from reviews.task_page import TaskPage

register = template.Library()


@register.inclusion_tag("reviews/_walk_strip.html")
def walk_strip(page: TaskPage) -> dict[str, Any]:
    """How far the walk has come, and the ways on from this task."""
    walk = page.query
    assert isinstance(walk, Walk)
    following = walk.next_after(page.task, page.user)
    return {
        "page": page,
        "progress": Progress(walk, page.user),
        "next_url": walk.url_with(following),
    }
