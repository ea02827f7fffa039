"""A list, one task after another over the whole page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from reviews import services
from reviews.inbox import Query
from reviews.task_page import TaskPage
from reviews.views.answering import find_task, rendered
from reviews.views.pages import PageRequest, for_people, render_page
from reviews.walk import Progress, Walk


@for_people
@require_GET
def walk(request: PageRequest) -> HttpResponse:
    """A step of a walk, or its end; without one, the first step of a new walk."""
    on = Walk.along(request.GET, request.user)
    if on is None:
        on = Walk.begin(request.user, Query.of(request.GET))
        return redirect(on.url_with(on.tasks(request.user).first()))
    if not request.GET.get("task", "").isdecimal():
        progress = Progress(on, request.user)
        return render_page(request, "reviews/walk_end.html", progress=progress)
    page = TaskPage(find_task(request, int(request.GET["task"])), request.user, on)
    services.mark_read(task=page.task, person=request.user)
    is_fragment = request.htmx.target == "task"
    return rendered(
        request,
        "reviews/_task_fragment.html" if is_fragment else "reviews/walk.html",
        query=on,
        page=page,
    )
