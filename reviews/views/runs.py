"""Runs: found, watched, cancelled, started; for operators."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import services
from reviews.operators import may_operate
from reviews.payloads import AnswerRefused
from reviews.run_page import RunPage, StartPage
from reviews.thread_list import run_list
from reviews.views.pages import PageRequest, for_those, render_page
from runs.exceptions import RunsError
from runs.models import Assistant, Run

OFFERED = 30  # assistants to start, those last changed


for_operators = for_those(may_operate)


@for_operators
@require_GET
def runs(request: PageRequest) -> HttpResponse:
    """Every run, the newest first."""
    labels = {"": _("All"), "running": _("Running"), "pending": _("Queued"), "error": _("Failed")}
    labels |= {"interrupted": _("Cancelled"), "timeout": _("Timed out"), "success": _("Finished")}
    found = run_list(request.GET, labels)
    offered = Assistant.objects.order_by("-updated_at")[:OFFERED]
    return render_page(request, "agents/runs.html", section="runs", list=found, assistants=offered)


@for_operators
@require_GET
def run(request: PageRequest, run_id: UUID) -> HttpResponse:
    """One run; the page asks again while it is under way."""
    page = RunPage(_run(run_id), request.user)
    template = "agents/_run.html" if request.htmx.target == "run" else "agents/run.html"
    return render_page(request, template, section="runs", page=page)


@for_operators
@require_POST
def cancel_run(request: PageRequest, run_id: UUID) -> HttpResponse:
    """Stop a run; what it has done stays."""
    found = _run(run_id)
    try:
        services.cancel_run(run=found, operator=request.user)
    except RunsError:
        messages.info(request, _("The run was over already."))
    return redirect("reviews:run", found.pk)


@for_operators
@require_http_methods(["GET", "HEAD", "POST"])
def start_run(request: PageRequest, assistant_id: UUID) -> HttpResponse:
    """Start a run of an assistant, on a thread of its own."""
    assistant = get_object_or_404(Assistant, pk=assistant_id)
    if request.method != "POST":
        return _start_form(request, StartPage(assistant))
    page = StartPage(assistant, request.POST)
    try:
        started = services.start_run(assistant=assistant, given=page.given(), operator=request.user)
    except AnswerRefused as refused:
        page.refused = refused
        return _start_form(request, page, status=422)
    except RunsError as error:
        page.trouble = str(error.detail)
        return _start_form(request, page, status=error.status_code)
    return redirect("reviews:run", started.pk)


def _start_form(request: PageRequest, page: StartPage, *, status: int = 200) -> HttpResponse:
    return render_page(request, "agents/start.html", section="runs", status=status, page=page)


def _run(run_id: UUID) -> Run:
    return get_object_or_404(
        Run.objects.select_related("thread", "assistant", "created_by"), pk=run_id
    )
