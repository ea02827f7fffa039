"""Threads: found, read step by step, compared, gone on from."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from reviews import services
from reviews.checkpoint_page import CheckpointPage, ForkPage
from reviews.operators import may_operate, threads_visible_to
from reviews.thread_list import thread_list
from reviews.thread_page import ThreadPage
from reviews.views.pages import PageRequest, for_people, render_page
from runs import services as runs
from runs.exceptions import NotFound, RunsError
from runs.models import Thread
from runs.services import Step

LONGEST_NAME = 60


@for_people
@require_GET
def threads(request: PageRequest) -> HttpResponse:
    """The threads this person may read."""
    labels = {"": _("All"), "busy": _("Busy"), "interrupted": _("Waiting")}
    labels |= {"error": _("Failed"), "idle": _("Idle")}
    found = thread_list(request.user, request.GET, labels)
    return render_page(request, "agents/threads.html", section="threads", list=found)


@for_people
@require_GET
def thread(request: PageRequest, thread_id: UUID) -> HttpResponse:
    """One thread's timeline; `?before=` a checkpoint for what came earlier."""
    page = ThreadPage(_thread(request, thread_id), request.user, _before(request))
    is_fragment = request.htmx.target == "timeline"
    template = "agents/_thread_timeline.html" if is_fragment else "agents/thread.html"
    return render_page(request, template, section="threads", page=page)


@for_people
@require_GET
def checkpoint(request: PageRequest, thread_id: UUID, checkpoint_id: UUID) -> HttpResponse:
    """The state at a checkpoint, or with `?diff=` what was changed since another."""
    found = _thread(request, thread_id)
    other = request.GET.get("diff", "")
    page = CheckpointPage(
        found,
        request.user,
        step=_step(found, str(checkpoint_id)),
        other=_step(found, other) if other else None,
    )
    return render_page(request, "agents/thread_checkpoint.html", section="threads", page=page)


@for_people
@require_http_methods(["GET", "HEAD", "POST"])
def fork(request: PageRequest, thread_id: UUID) -> HttpResponse:
    """Go on from a checkpoint, perhaps with other values; an operator's to do."""
    found = _thread(request, thread_id)
    if not may_operate(request.user):
        raise PermissionDenied
    posted = request.POST if request.method == "POST" else None
    step = _step(found, (posted or request.GET).get("checkpoint", ""))
    page = ForkPage(found, request.user, step, posted=posted)
    if posted is None:
        return render_page(request, "agents/thread_fork.html", section="threads", page=page)
    return _forked(request, page)


def _forked(request: PageRequest, page: ForkPage) -> HttpResponse:
    values = page.changed_values()
    page.check_confirmed()
    status = 422
    if not page.refused:
        try:
            run = services.fork_thread(
                thread=page.thread,
                checkpoint_id=page.step.checkpoint_id,
                values=values,
                branch=page.branch.replace("\0", "").strip()[:LONGEST_NAME],
                operator=request.user,
            )
        except RunsError as error:
            page.trouble, status = str(error.detail), error.status_code
        else:
            return redirect("reviews:run", run.pk)
    template = "agents/thread_fork.html"
    return render_page(request, template, section="threads", status=status, page=page)


# -- what the views share -----------------------------------------------------------------------


def _thread(request: PageRequest, thread_id: UUID) -> Thread:
    return get_object_or_404(threads_visible_to(request.user), pk=thread_id)


def _step(thread: Thread, text: str) -> Step:
    """The step an address or a form names."""
    try:
        return runs.step_at(thread, str(UUID(text)))
    except (ValueError, NotFound):
        raise Http404 from None


def _before(request: PageRequest) -> str:
    """The checkpoint a page of the timeline ends in front of; the newest page where it is none."""
    try:
        return str(UUID(request.GET.get("before", "")))
    except ValueError:
        return ""
