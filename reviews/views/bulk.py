"""Several tasks at once: selected in a list, shown together, committed, and taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from reviews import bulk, services
from reviews.bulk_page import Bar, BatchPage, counted, noted
from reviews.inbox import Query, capped_count
from reviews.inbox.snoozes import TIMES, snooze_times
from reviews.models import Batch, ReviewTask, ReviewTaskQuerySet
from reviews.payloads import AnswerRefused
from reviews.views.pages import PageRequest, for_people, render_page
from reviews.work_page import colleagues

MARKS = {
    "watch": services.watch_tasks,
    "unwatch": services.unwatch_tasks,
    "wake": services.wake_tasks,
}
AT_ONCE = (bulk.CLAIM, bulk.RELEASE)  # what needs no preview


@for_people
@require_POST
def select(request: PageRequest) -> HttpResponse:
    """Several tasks and a word: shown together; without the word, what could be done with them."""
    query, is_whole = replace(Query.of(request.POST), after=""), "all" in request.POST
    whole = query.tasks(request.user).filter(created_at__lte=_until(request))
    chosen = whole if is_whole else _ticked(request)
    if request.htmx.target == "bulk-words":
        tasks = services.tasks_to_compare(chosen)
        bar = Bar(tasks, request.user, capped_count(whole), is_whole=is_whole)
        return render_page(request, "reviews/_bulk_words.html", bar=bar)
    kind, _colon, until = request.POST.get("kind", "").partition(":")
    if kind in MARKS or (kind == "snooze" and until in TIMES):
        return _marked(request, kind, until, chosen, query)
    tasks = services.tasks_to_compare(chosen)
    if kind not in (*bulk.OFFERED, *bulk.CLAIMS) or not tasks:
        return _nothing(request, query)
    batch = services.prepare_batch(
        reviewer=request.user,
        verdict={"kind": kind},
        tasks=tasks,
        found=chosen.order_by().count(),
        source=query.url[:2_000] if is_whole else "",
        taken_at=_until(request),
    )
    return (
        _claimed(request, batch, query) if kind in AT_ONCE else redirect("reviews:batch", batch.pk)
    )


@for_people
@require_GET
def batch(request: PageRequest, batch: int) -> HttpResponse:
    """A batch: what it would send, how far it has come, or what became of it."""
    page = BatchPage(_batch(request, batch), request.user, request.GET.get("reason", ""))
    return render_page(request, "reviews/bulk.html", page=page)


@for_people
@require_POST
def commit(request: PageRequest, batch: int) -> HttpResponse:
    """Decide the tasks that are still ticked, each as it was shown."""
    found, tasks = _batch(request, batch), list(_ticked(request).only("pk", "queue"))
    reason, whom = (request.POST.get(name, "").replace("\0", "") for name in ("reason", "to"))
    to = colleagues(*tasks).filter(username=whom[:150]).first() if whom else None
    keep = {task.pk for task in tasks}
    try:
        services.commit_batch(batch=found, keep=keep, reason=reason, to=to)
    except AnswerRefused as refused:
        page = BatchPage(found, request.user, reason, whom, problem=refused.errors[0].message)
        return render_page(request, "reviews/bulk.html", status=422, page=page)
    return redirect("reviews:batch", batch)


@for_people
@require_POST
def undo(request: PageRequest, batch: int) -> HttpResponse:
    """Take back what of a batch was not sent yet."""
    undone, late = services.undo_batch(batch=_batch(request, batch))
    said = ngettext("%(n)s decision taken back.", "%(n)s decisions taken back.", undone)
    words = [said % {"n": undone}]
    if late:
        words.append(ngettext("%(n)s was sent.", "%(n)s were sent.", late) % {"n": late})
    messages.success(request, " ".join(words))
    return redirect("reviews:batch", batch)


def _batch(request: PageRequest, pk: int) -> Batch:
    mine = Batch.objects.of(request.user).select_related("reviewer")
    return get_object_or_404(mine, pk=pk)


def _ticked(request: PageRequest) -> ReviewTaskQuerySet:
    """The tasks whose boxes were ticked, newest first as in a list."""
    ids = [int(pk) for pk in request.POST.getlist("task") if pk.isdecimal() and len(pk) < 19]
    visible = ReviewTask.objects.visible_to(request.user)
    return visible.filter(pk__in=ids).order_by("-created_at", "-pk")


def _until(request: PageRequest) -> datetime:
    """When the list was shown: what came later was not chosen."""
    try:
        shown = parse_datetime(request.POST.get("until", ""))
    except ValueError:
        shown = None
    return now() if shown is None or is_naive(shown) else min(shown, now())


def _nothing(request: PageRequest, query: Query) -> HttpResponse:
    messages.info(request, _("Select tasks first, then say what to do with them."))
    return redirect(query.url)


def _marked(
    request: PageRequest, kind: str, until: str, chosen: ReviewTaskQuerySet, query: Query
) -> HttpResponse:
    """What the reader notes of tasks concerns nobody else: it is done at once."""
    at = snooze_times()[until] if kind == "snooze" else None
    tasks = list((chosen.open() if at else chosen).only("pk", "version")[: bulk.CAP])
    if not tasks:
        return _nothing(request, query)
    if at:
        services.snooze_tasks(tasks=tasks, person=request.user, until=at)
    else:
        MARKS[kind](tasks=tasks, person=request.user)
    messages.success(request, noted(kind, len(tasks), at))
    return redirect(query.url)


def _claimed(request: PageRequest, batch: Batch, query: Query) -> HttpResponse:
    """Claims move without a preview; what could not be moved is shown."""
    services.begin_batch(batch=batch)
    services.run_batch(batch=batch)
    page = BatchPage(batch, request.user)
    if page.failed:
        return redirect("reviews:batch", batch.pk)
    messages.success(request, f"{counted(batch.kind, len(page.done))}.")
    return redirect(query.url)
