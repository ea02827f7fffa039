"""The inbox and the other lists: read, searched, saved by name; what people note of a task."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from reviews import services
from reviews.inbox import Query, inbox_page
from reviews.inbox.counts import query_of
from reviews.inbox.forms import SavedViewForm
from reviews.inbox.snoozes import TIMES, snooze_times
from reviews.inbox.suggestions import suggestions
from reviews.models import ReviewTask, SavedView
from reviews.task_page import TaskPage
from reviews.views.answering import find_task, rendered
from reviews.views.pages import PageRequest, for_people, render_page

MAX_DIGITS = 18  # of a number in an address; Postgres takes no longer key
LIST_PARTS = {"list": "reviews/_inbox_refresh.html", "more": "reviews/_inbox_more.html"}


@for_people
@require_GET
def home(request: PageRequest) -> HttpResponse:
    return redirect("reviews:inbox")


@for_people
@require_GET
def inbox(request: PageRequest) -> HttpResponse:
    """The list, with one task open beside it if the address names one."""
    query, part = Query.of(request.GET), request.htmx.target or ""
    if part in LIST_PARTS:
        listed = inbox_page(request.user, query, rows=_number(request, "rows"))
        return render_page(request, LIST_PARTS[part], section=query.section, inbox=listed)
    page = None
    if pk := _number(request, "task"):
        page = TaskPage(find_task(request, pk), request.user, query)
        services.mark_read(task=page.task, person=request.user)
    is_task = part == "task" and page is not None
    template = "reviews/_task_fragment.html" if is_task else "reviews/inbox.html"
    return rendered(request, template, query=query, page=page)


@for_people
@require_GET
def suggest(request: PageRequest) -> HttpResponse:
    """How what is typed could go on, up to the cursor."""
    typed = request.GET.get("q", "").replace("\0", "")
    if "at" in request.GET:
        typed = typed[: _number(request, "at")]
    found = suggestions(typed[:200], request.user)
    return render_page(request, "reviews/_suggestions.html", suggestions=found)


# -- lists by name ------------------------------------------------------------------------------


@for_people
@require_GET
def saved(request: PageRequest, pk: int) -> HttpResponse:
    """A saved view, at the address that says its whole query."""
    return redirect(query_of(_saved(request, pk)).url)


@for_people
@require_POST
def save(request: PageRequest) -> HttpResponse:
    """Keep the list under a name."""
    query, form = Query.of(request.POST), SavedViewForm(request.POST, user=request.user)
    if not form.is_valid():
        return _refused(request, query)
    made = services.save_view(owner=request.user, **_as_asked(form, query))
    messages.success(request, _("Saved. The list is in the navigation."))
    return redirect(query_of(made).url)


@for_people
@require_POST
def change(request: PageRequest, pk: int) -> HttpResponse:
    """Let a saved view ask what its list asks now, under this name."""
    view, query = _saved(request, pk), Query.of(request.POST)
    form = SavedViewForm(request.POST, user=request.user)
    if not form.is_valid():
        return _refused(request, query)
    services.change_view(saved=view, person=request.user, **_as_asked(form, query))
    messages.success(request, _("Saved."))
    return redirect(query_of(view).url)


@for_people
@require_POST
def delete(request: PageRequest, pk: int) -> HttpResponse:
    """Forget the name; the list stays where it is, by its query."""
    view = _saved(request, pk)
    query = Query(view=view.view, q=view.q, sort=view.sort)
    services.delete_view(saved=view, person=request.user)
    messages.success(request, _("Deleted. Its tasks are as they were."))
    return redirect(query.url)


# -- what a person notes of a task -------------------------------------------------------------


@for_people
@require_POST
def unread(request: PageRequest, pk: int) -> HttpResponse:
    """As if it had not been opened yet."""
    task = _task(request, pk)
    services.mark_unread(task=task, person=request.user)
    return _noted(request, task)


@for_people
@require_POST
def watch(request: PageRequest, pk: int) -> HttpResponse:
    """Follow a task, or no longer."""
    task = _task(request, pk)
    is_off = request.POST.get("watch") == "off"
    change = services.unwatch_tasks if is_off else services.watch_tasks
    change(tasks=[task], person=request.user)
    return _noted(request, task)


@for_people
@require_POST
def snooze(request: PageRequest, pk: int) -> HttpResponse:
    """Put a task away until a time, or take it out again."""
    task, until = _task(request, pk), request.POST.get("until", "")
    if until == "now":
        services.wake_tasks(tasks=[task], person=request.user)
    elif until in TIMES and task.is_open:
        services.snooze_tasks(tasks=[task], person=request.user, until=snooze_times()[until])
    else:
        return HttpResponseBadRequest(_("Say until when, of an open task."))
    return _noted(request, task)


# -- what the views share ------------------------------------------------------------------------


def _number(request: PageRequest, name: str) -> int:
    """A whole number in an address; 0 where there is none."""
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else 0


def _task(request: PageRequest, pk: int) -> ReviewTask:
    return get_object_or_404(ReviewTask.objects.visible_to(request.user).for_inbox(), pk=pk)


def _saved(request: PageRequest, pk: int) -> SavedView:
    return get_object_or_404(SavedView.objects.visible_to(request.user), pk=pk)


def _as_asked(form: SavedViewForm, query: Query) -> dict[str, Any]:
    """A saved view as services take it: named by its form, asking what its list asks."""
    asked = {"name": form.cleaned_data["name"], "view": query.view, "q": query.q}
    return asked | {"sort": query.sort} | form.shared_with


def _refused(request: PageRequest, query: Query) -> HttpResponse:
    """The list as it is, with a word on why it was not saved."""
    return render_page(
        request,
        "reviews/inbox.html",
        section=query.section,
        status=422,
        inbox=inbox_page(request.user, query),
        trouble=_("A list needs a name of at most 60 characters, and somebody to see it."),
    )


def _noted(request: PageRequest, task: ReviewTask) -> HttpResponse:
    """The buttons as they are now, or back to where the form was sent from."""
    if request.htmx:
        response = render_page(request, "reviews/_marks.html", task=task)
        return trigger_client_event(response, "marked")
    there = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(there, allowed_hosts={request.get_host()})
    return redirect(there if is_ours else reverse("reviews:task", args=[task.pk]))
