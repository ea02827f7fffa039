"""Members and queues, as administrators set them."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import services
from reviews.exceptions import NotOfYourRank, PeopleError
from reviews.members_page import members_page, queue_rows
from reviews.people import people
from reviews.people_forms import InviteForm, MemberForm, NewQueueForm, QueueForm
from reviews.services.tasks import DEFAULT_QUEUE
from reviews.views.pages import PageRequest, for_admins, render_page

require_form = require_http_methods(["GET", "HEAD", "POST"])


@for_admins
@require_GET
def members(request: PageRequest) -> HttpResponse:
    """Everybody who may sign in."""
    page = members_page(request.GET)
    return render_page(request, "settings/members.html", section="members", page=page)


@for_admins
@require_form
def invite(request: PageRequest) -> HttpResponse:
    """A new member; the answer holds the link by which they choose a password, once."""
    form = InviteForm(request.POST or None)
    if form.is_valid():
        try:
            member = services.invite_member(
                actor=request.user,
                username=form.cleaned_data["username"],
                standing=form.standing(),
            )
        except PeopleError as error:
            form.add_error("username", str(error))
        else:
            return _show_link(request, member)
    status = 422 if form.errors else 200
    return render_page(request, "settings/invite.html", section="members", status=status, form=form)


@for_admins
@require_form
def member(request: PageRequest, pk: int) -> HttpResponse:
    """One member: names, role, rights and queues."""
    found = get_object_or_404(people(), pk=pk)
    form = MemberForm(request.POST) if request.method == "POST" else MemberForm.showing(found)
    if form.is_bound and form.is_valid():
        try:
            services.change_member(member=found, actor=request.user, standing=form.standing())
        except PeopleError as error:
            form.add_error(None, str(error))
            found.refresh_from_db()
        else:
            messages.success(request, _("Saved."))
            return redirect("reviews:members")
    return _member_page(request, found, form, status=_status_of(form))


@for_admins
@require_POST
def link(request: PageRequest, pk: int) -> HttpResponse:
    """A link by which a member chooses a new password, once."""
    found = get_object_or_404(people().filter(is_active=True), pk=pk)
    try:
        return _show_link(request, found)
    except NotOfYourRank as error:
        form = MemberForm.showing(found)
        return _member_page(request, found, form, status=409, problem=str(error))


@for_admins
@require_form
def queues(request: PageRequest) -> HttpResponse:
    """Every queue, and a form for a new one."""
    form = NewQueueForm(request.POST or None)
    if form.is_valid():
        try:
            queue = services.create_queue(actor=request.user, name=form.cleaned_data["name"])
        except PeopleError as error:
            form.add_error("name", str(error))
        else:
            return redirect("reviews:queue", pk=queue.pk)
    status = 422 if form.errors else 200
    return render_page(
        request,
        "settings/queues.html",
        section="queues",
        status=status,
        form=form,
        rows=queue_rows(),
    )


@for_admins
@require_form
def queue(request: PageRequest, pk: int) -> HttpResponse:
    """One queue: its name and who reviews it."""
    found = get_object_or_404(Group, pk=pk)
    form = QueueForm(found, request.POST or None)
    if form.is_valid():
        said = form.cleaned_data
        try:
            services.change_queue(
                queue=found, actor=request.user, name=said["name"], members=said["members"]
            )
        except PeopleError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("reviews:queues")
    return render_page(
        request,
        "settings/queue.html",
        section="queues",
        status=_status_of(form),
        form=form,
        queue=found,
        is_default=found.name == DEFAULT_QUEUE,
    )


def _show_link(request: PageRequest, member: User) -> HttpResponse:
    uid, token = services.password_link(member=member, actor=request.user)
    path = reverse("reviews:choose_password", args=[uid, token])
    return render_page(
        request,
        "settings/password_link.html",
        section="members",
        member=member,
        link=request.build_absolute_uri(path),
    )


def _member_page(
    request: PageRequest, member: User, form: MemberForm, *, status: int, problem: str = ""
) -> HttpResponse:
    return render_page(
        request,
        "settings/member.html",
        section="members",
        status=status,
        form=form,
        member=member,
        problem=problem,
        may_change=request.user.is_superuser or not member.is_superuser,
    )


def _status_of(form: MemberForm | QueueForm) -> int:
    return 422 if form.errors else 200
