"""What the views share that take a task's form: it comes back as it was sent, whatever happens."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseLocation, reswap, trigger_client_event

from reviews.exceptions import (
    AlreadyDecided,
    ClaimedByOther,
    GraphHasChanged,
    RequestChanged,
    ReviewError,
)
from reviews.inbox import Query, inbox_page
from reviews.models import ReviewTask
from reviews.task_page import TaskPage
from reviews.views.pages import PageRequest, render_page
from reviews.walk import Walk


def find_task(request: PageRequest, pk: int) -> ReviewTask:
    """A task this person may see, or 404."""
    visible = ReviewTask.objects.visible_to(request.user)
    related = visible.select_related("claimed_by", "queue", "assistant", "interrupt__run")
    return get_object_or_404(related, pk=pk)


def posted_page(request: PageRequest, pk: int) -> TaskPage:
    """The task with the form as it was sent; in the list's pane if it was sent from there."""
    return TaskPage(find_task(request, pk), request.user, list_of(request), posted=request.POST)


def list_of(request: PageRequest) -> Query | None:
    """The list or the walk a form was sent from, if it stood in one."""
    query = Query.of(request.POST) if request.POST.get("view") else None
    return Walk.along(request.POST, request.user) or query


def rendered(
    request: PageRequest,
    template: str,
    *,
    query: Query | None = None,
    page: TaskPage | None = None,
    status: int = 200,
) -> HttpResponse:
    """A page with a list, a task, or both."""
    return render_page(
        request,
        template,
        section=query.section if query else "",
        status=status,
        inbox=inbox_page(request.user, query) if query else None,
        task_page=page,
    )


def rendered_form(request: PageRequest, page: TaskPage, *, status: int = 200) -> HttpResponse:
    """The task as it stands with what was typed, as a fragment or as its page."""
    page.task.refresh_from_db()
    page = replace(page)  # the request may be another one by now
    template = "reviews/_task_answered.html" if request.htmx else whole(page)
    response = rendered(request, template, query=page.query, page=page, status=status)
    if not request.htmx:
        return response
    # The button that asked may be another one by now: a signal can be faster than its answer.
    return trigger_client_event(reswap(response, "outerHTML"), "marked")


def whole(page: TaskPage) -> str:
    """The template a task stands in without htmx."""
    if isinstance(page.query, Walk):
        return "reviews/walk.html"
    return "reviews/inbox.html" if page.query else "reviews/task.html"


def conflict(request: PageRequest, page: TaskPage, error: ReviewError) -> HttpResponse:
    """Somebody was faster: say who and what, and keep the words of this reviewer."""
    if isinstance(error, ClaimedByOther):
        page.problem = _("Somebody else holds this task. Your answer was not sent.")
    elif isinstance(error, RequestChanged | GraphHasChanged):
        pass  # the page says so itself, with what can be done about it
    elif isinstance(error, AlreadyDecided) or not error.task.is_open:
        page.is_late = True
    else:
        page.problem = str(error)
    return rendered_form(request, page, status=error.status_code)


def go(request: PageRequest, there: str) -> HttpResponse:
    """On to another page of the console."""
    if request.htmx:
        return HttpResponseLocation(there, target="#page", select="#page", swap="outerHTML")
    return redirect(there)
