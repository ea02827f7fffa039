"""Working on a task beside others: who has it, what they typed, what they say to each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from reviews import live, services
from reviews.exceptions import ReviewError
from reviews.forms import CommentForm, DraftForm, PresenceForm, TakeOverForm
from reviews.models import Draft, ReviewTask
from reviews.task_page import TaskPage
from reviews.views.answering import (
    conflict,
    find_task,
    list_of,
    posted_page,
    rendered,
    rendered_form,
)
from reviews.views.pages import PageRequest, for_people
from reviews.work_page import colleagues


@for_people
@require_POST
def claim(request: PageRequest, pk: int) -> HttpResponse:
    """Tell others that this reviewer is on it."""
    return _change_claim(request, pk, services.claim_task)


@for_people
@require_POST
def release(request: PageRequest, pk: int) -> HttpResponse:
    """Give the claim back."""
    return _change_claim(request, pk, services.release_task)


@for_people
@require_POST
def take_over(request: PageRequest, pk: int) -> HttpResponse:
    """Take the claim of the person the reviewer saw holding it."""
    form = TakeOverForm(request.POST)
    holder = form.cleaned_data["holder"] if form.is_valid() else None
    return _change_claim(request, pk, partial(services.take_over_task, holder_id=holder))


@for_people
@require_POST
def hand_over(request: PageRequest, pk: int) -> HttpResponse:
    """Give the claim, and what was typed, to a colleague."""
    whom = request.POST.get("to", "").replace("\0", "")[:150]
    to = get_object_or_404(colleagues(find_task(request, pk)), username=whom)
    return _change_claim(request, pk, partial(services.hand_over_task, to=to))


@for_people
@require_POST
def save_draft(request: PageRequest, pk: int) -> HttpResponse:
    """Keep what was typed: 204 to a page that saves by itself, else the form again."""
    page = posted_page(request, pk)
    try:
        _keep(request, page.task)
    except ReviewError as error:
        if request.POST.get("by") == "page":
            return HttpResponse(str(error), status=error.status_code)
        return conflict(request, page, error)
    if request.POST.get("by") == "page":
        return HttpResponse(status=204)
    messages.success(request, _("Draft saved."))
    return rendered_form(request, page)


@for_people
@require_POST
def discard_draft(request: PageRequest, pk: int) -> HttpResponse:
    """Forget what was typed: the form is as it would be without."""
    task = find_task(request, pk)
    services.discard_draft(task=task, reviewer=request.user)
    return rendered_form(request, TaskPage(task, request.user, list_of(request)))


@for_people
@require_POST
def give_draft(request: PageRequest, pk: int) -> HttpResponse:
    """Lay what was typed beside the form of whoever holds the task."""
    page = posted_page(request, pk)
    try:
        _keep(request, page.task)
        services.give_draft(task=page.task, author=request.user)
    except ReviewError as error:
        return conflict(request, page, error)
    messages.success(request, _("Your draft was given."))
    return rendered_form(request, page)


@for_people
@require_POST
def take_draft(request: PageRequest, pk: int, draft_pk: int) -> HttpResponse:
    """Fill the form with a draft that lies beside it; what was in the form lies there then."""
    task = find_task(request, pk)
    draft = get_object_or_404(Draft.objects.aside().of(request.user), pk=draft_pk, task=task)
    is_typed = not request.htmx or "typed" in request.POST  # what a page has saved is here already
    if is_typed or task.drafts.own().of(request.user).exists():
        _keep(request, task)
    services.take_draft(draft=draft)
    return rendered_form(request, TaskPage(task, request.user, list_of(request)))


@for_people
@require_http_methods(["GET", "POST"])
def comments(request: PageRequest, pk: int) -> HttpResponse:
    """What reviewers said about a task; a POST adds to it."""
    page, status = TaskPage(find_task(request, pk), request.user), 200
    if request.method == "POST":
        form = CommentForm(request.POST)
        if form.is_valid():
            text = form.cleaned_data["said"]
            services.add_comment(task=page.task, author=request.user, text=text)
        else:
            status, page.work.said = 422, request.POST.get("said", "")
            page.work.problem = _("Say something, in 4,000 characters at most.")
    if request.htmx:
        context = {"task": page.task, "task_page": page}
        return render(request, "reviews/_comments.html", context, status=status)
    if page.work.problem:
        return rendered(request, "reviews/task.html", page=page, status=status)
    return redirect(f"{page.url}#comments")


@for_people
@require_POST
def presence(request: PageRequest, pk: int) -> HttpResponse:
    """Somebody has the task in front of them: others are told, and a claim of theirs goes on."""
    task, form = find_task(request, pk), PresenceForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=422)
    here = form.cleaned_data["here"]
    if here != "gone":
        services.renew_claim(task=task, reviewer=request.user)
    live.tell_presence(task, request.user, here, is_hidden=request.preferences.is_hidden)
    return HttpResponse(status=204)


# -- what they share ----------------------------------------------------------------------------


def _change_claim(request: PageRequest, pk: int, change: Callable[..., ReviewTask]) -> HttpResponse:
    page = posted_page(request, pk)
    try:
        change(task=page.task, reviewer=request.user)
    except ReviewError as error:
        return conflict(request, page, error)
    return rendered_form(request, page)


def _keep(request: PageRequest, task: ReviewTask) -> None:
    """What was typed, as it was sent along with whatever was asked for."""
    form = DraftForm(request.POST)
    seen = form.cleaned_data["seen"] if form.is_valid() else ""
    typed = {name: request.POST.getlist(name) for name in request.POST}
    services.save_draft(task=task, reviewer=request.user, form=typed, edition=seen)
