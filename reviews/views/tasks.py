"""Tasks: read, decided, undone, repaired."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap, retarget

from reviews import payloads, services
from reviews.exceptions import NothingToUndo, ReviewError
from reviews.forms import DecisionForm, RepairForm
from reviews.inbox import Query, next_to_decide
from reviews.models import Decision, ReviewTask
from reviews.payloads import AnswerRefused
from reviews.task_page import TaskPage
from reviews.views.answering import (
    conflict,
    find_task,
    go,
    list_of,
    posted_page,
    rendered,
    rendered_form,
    whole,
)
from reviews.views.pages import PageRequest, for_people
from reviews.walk import Walk


@for_people
@require_GET
def task(request: PageRequest, pk: int) -> HttpResponse:
    """One task on a page of its own."""
    page = TaskPage(find_task(request, pk), request.user)
    services.mark_read(task=page.task, person=request.user)
    is_fragment = request.htmx.target == "task"
    template = "reviews/_task_fragment.html" if is_fragment else "reviews/task.html"
    return rendered(request, template, page=page)


@for_people
@require_POST
def decide(request: PageRequest, pk: int) -> HttpResponse:
    """Record what the reviewer decided; on a refusal the form comes back as it was sent."""
    page = posted_page(request, pk)
    form = DecisionForm(request.POST)
    try:
        if not form.is_valid():
            page.problem = _("The private note is too long.")
            return rendered_form(request, page, status=422)
        decision = services.decide(
            task=page.task,
            reviewer=request.user,
            verdict=payloads.verdict_from_form(page.asked, request.POST),
            comment=form.cleaned_data["comment"],
            via=Decision.Via.PAGE,
            idempotency_key=form.cleaned_data["idempotency_key"],
            seen=form.cleaned_data["seen"],
            instead_of=form.cleaned_data["holder"],
            confirmed=form.cleaned_data["confirmed"],
        )
    except AnswerRefused as refused:
        page.refused = refused
        return rendered_form(request, page, status=422)
    except ReviewError as error:
        return conflict(request, page, error)
    return _sent(request, page, decision)


@for_people
@require_POST
def preview(request: PageRequest, pk: int) -> HttpResponse:
    """What the graph would receive for the form as it stands; the closed task if it is too late."""
    page = posted_page(request, pk)
    if page.is_open:
        return rendered(request, "reviews/_preview.html", query=page.query, page=page)
    page.is_late = True
    response = rendered_form(request, page, status=409)
    return reswap(retarget(response, "#task"), "outerHTML")


@for_people
@require_POST
def accept(request: PageRequest, pk: int) -> HttpResponse:
    """Let the task be decided although its graph was changed; what was typed stays."""
    page = posted_page(request, pk)
    try:
        services.accept_change(task=page.task, reviewer=request.user, via=Decision.Via.PAGE)
    except ReviewError as error:
        return conflict(request, page, error)
    page.posted = request.POST.copy()
    page.posted["seen"] = ""  # the form comes back for the request as it is now
    page.is_late = not page.is_open
    return rendered_form(request, page)


@for_people
@require_POST
def undo(request: PageRequest, pk: int) -> HttpResponse:
    """Take back what was decided while it is held; the form then is as it was sent."""
    task = find_task(request, pk)

    def take_back() -> None:
        if (decision := Decision.objects.standing_on(task)) is None:
            raise NothingToUndo(task)
        services.undo_decision(decision=decision, reviewer=request.user, via=Decision.Via.PAGE)

    return _change(request, task, take_back)


@for_people
@require_POST
def repair(request: PageRequest, pk: int) -> HttpResponse:
    """Run a node that failed after its answer again, with that answer or with the question."""
    task, form = find_task(request, pk), RepairForm(request.POST)
    if not form.is_valid():
        return HttpResponseBadRequest(_("Retry, or ask again."))
    kind = form.cleaned_data["kind"]
    way = partial(services.repair, kind=kind, via=Decision.Via.PAGE)
    return _change(request, task, partial(way, task=task, reviewer=request.user))


# -- what they share ----------------------------------------------------------------------------


def _change(request: PageRequest, task: ReviewTask, change: Callable[[], object]) -> HttpResponse:
    """Change a closed task and show it as it is then, or with why it could not be changed."""
    query = list_of(request)
    try:
        change()
    except ReviewError as error:
        task.refresh_from_db()
        page = TaskPage(task, request.user, query, notice=str(error))
        return rendered(request, whole(page), query=query, page=page, status=error.status_code)
    return go(request, TaskPage(task, request.user, query).url)


def _sent(request: PageRequest, page: TaskPage, decision: Decision) -> HttpResponse:
    """On to the next task that waits, with a word that this one is on its way."""
    if decision.delivery.send_after is None:  # else the page shows the time to undo it
        messages.success(request, _("Sent. The run goes on."))
    query = page.query or Query()
    if isinstance(query, Walk):
        return go(request, query.url_with(query.next_after(page.task, request.user)))
    following = next_to_decide(request.user, query, page.task)
    if page.query or following is None:
        there = query.url_with(following)
    else:
        there = resolve_url("reviews:task", pk=following.pk)
    return go(request, there)
