"""A task's request as it came: to be looked through, or taken away as a file."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from reviews.models import ReviewTask
from reviews.raw_page import NoSuchPart, RawPage
from reviews.views.pages import PageRequest, for_people, render_page


@for_people
@require_GET
def raw(request: PageRequest, pk: int) -> HttpResponse:
    """A part of the request with its branches; a fragment where htmx opens one."""
    page = _page(request, pk)
    template = "reviews/_raw_part.html" if request.htmx else "reviews/raw.html"
    return render_page(request, template, raw_page=page, task=page.task)


@for_people
@require_GET
def download(request: PageRequest, pk: int) -> HttpResponse:
    """The request, or a part of it, as a file: never shown by a browser as a page of ours."""
    page = _page(request, pk)
    content, suffix = page.part.as_file()
    kind = "application/json" if suffix == "json" else "application/octet-stream"
    name = "-".join(["task", str(pk), *page.place.split(".")]).rstrip("-")
    return HttpResponse(
        content,
        content_type=kind,
        headers={
            "Content-Disposition": f'attachment; filename="{name}.{suffix}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _page(request: PageRequest, pk: int) -> RawPage:
    task = get_object_or_404(ReviewTask.objects.visible_to(request.user), pk=pk)
    start = request.GET.get("from", "")
    first = int(start) if start.isascii() and start.isdecimal() and len(start) < 10 else 0
    page = RawPage(task, request.GET.get("at", ""), first)
    try:
        assert page.way
    except NoSuchPart as error:
        raise Http404 from error
    return page
