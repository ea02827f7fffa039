"""Assistants, their graphs, and the breakpoints admins set there."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews.assistant_page import AssistantPage, assistant_list
from reviews.breakpoint_drafts import Malformed, Scopes, seen_in, wishes_of
from reviews.graph_page import GraphPage, words
from reviews.models import AuditEntry
from reviews.views.pages import PageRequest, for_admins, render_page
from runs import services
from runs.exceptions import BreakpointsMoved, RunsError
from runs.models import Assistant

SHOWN = 50  # versions of the breakpoints on one page


@for_admins
@require_GET
def assistants(request: PageRequest) -> HttpResponse:
    """All assistants: what waits, what runs, where it stops."""
    q = request.GET.get("q", "").strip()[:200].replace("\0", "")
    found = assistant_list(request.user, q, request.GET.get("page", ""))
    return _rendered(request, "agents/assistants.html", found=found)


@for_admins
@require_GET
def assistant(request: PageRequest, assistant_id: UUID) -> HttpResponse:
    """One assistant: what it is, and what its graph takes."""
    page = AssistantPage(_assistant(assistant_id), request.user)
    return _rendered(request, "agents/assistant.html", page=page)


@for_admins
@require_GET
def versions(request: PageRequest, assistant_id: UUID) -> HttpResponse:
    """What an assistant and its breakpoints were, who changed them and when."""
    found = _assistant(assistant_id)
    before = request.GET.get("before", "")
    until = int(before) if before.isascii() and before.isdecimal() and len(before) < 10 else 0
    page = GraphPage(found, request.user)
    history = page.versions(before=until, limit=SHOWN + 1)
    return _rendered(
        request,
        "agents/assistant_versions.html",
        page=AssistantPage(found, request.user),
        history=history[:SHOWN],
        older=history[SHOWN - 1].row.number if len(history) > SHOWN else None,
    )


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def graph(request: PageRequest, assistant_id: UUID) -> HttpResponse:
    """A graph and its breakpoints; a post saves what was changed of them, as one version."""
    if request.method == "POST":
        return _save(request, _assistant(assistant_id))
    return _rendered_graph(request, GraphPage(_assistant(assistant_id), request.user))


@for_admins
@require_POST
def graph_changes(request: PageRequest, assistant_id: UUID) -> HttpResponse:
    """What saving the form would do, and to whom; nothing is saved."""
    found = _assistant(assistant_id)
    try:
        wishes = wishes_of(request.POST, Scopes(found))
    except Malformed:
        return HttpResponseBadRequest(_("This form is not from this page."))
    page = GraphPage(found, request.user, wishes)
    if request.htmx:
        return _rendered(request, "agents/_graph_changes.html", page=page)
    return _rendered_graph(request, page)


@for_admins
@require_GET
def graph_now(request: PageRequest, assistant_id: UUID) -> HttpResponse:
    """What happens at each node just now, and whether somebody changed the breakpoints."""
    page = GraphPage(_assistant(assistant_id), request.user)
    seen = request.GET.get("seen", "")
    if seen.isascii() and seen.isdecimal() and len(seen) < 10:
        page.meanwhile = page.versions(after=int(seen))
        page.seen = int(seen)
    return _rendered(request, "agents/_graph_now.html", page=page)


def _save(request: PageRequest, found: Assistant) -> HttpResponse:
    try:
        wishes, seen = wishes_of(request.POST, Scopes(found)), seen_in(request.POST)
    except Malformed:
        return HttpResponseBadRequest(_("This form is not from this page."))
    page = GraphPage(found, request.user, wishes)
    try:
        version = services.change_breakpoints(
            wishes=wishes, author=request.user, via=AuditEntry.Via.PAGE, about=found, seen=seen
        )
    except BreakpointsMoved as error:
        page.meanwhile = page.versions(after=seen)
        return _rendered_graph(request, page, status=error.status_code)
    except RunsError as error:
        page.problem = str(error)
        return _rendered_graph(request, page, status=error.status_code)
    if version:
        messages.success(request, _("Version %(n)s is saved.") % {"n": version.number})
    there = reverse("reviews:graph", args=[found.pk])
    return redirect(f"{there}?view=list" if _is_list(request) else there)


def _rendered_graph(request: PageRequest, page: GraphPage, *, status: int = 200) -> HttpResponse:
    page.is_list = _is_list(request)
    template = "agents/graph.html"
    return _rendered(request, template, status=status, page=page, words=words())


def _is_list(request: PageRequest) -> bool:
    return (request.POST.get("view") or request.GET.get("view")) == "list"


def _rendered(
    request: PageRequest, template: str, *, status: int = 200, **context: object
) -> HttpResponse:
    return render_page(request, template, section="assistants", status=status, **context)


def _assistant(assistant_id: UUID) -> Assistant:
    return get_object_or_404(Assistant, pk=assistant_id)
