"""API keys: those of programs, which administrators make, and one's own."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from reviews import services
from reviews.members_page import key_rows
from reviews.people_forms import KeyForm, ProgramKeyForm
from reviews.views.pages import PageRequest, for_admins, for_people, render_page
from runs import services as runs
from runs.models import ApiKey

require_form = require_http_methods(["GET", "HEAD", "POST"])


@for_admins
@require_form
def keys(request: PageRequest) -> HttpResponse:
    """Every key, and a form for a program's; the answer to it shows the key's text, once."""
    form = ProgramKeyForm(request.user, request.POST or None)
    made, text = None, ""
    if form.is_valid():
        made, text = services.create_program_key(actor=request.user, **form.cleaned_data)
        form = ProgramKeyForm(request.user)
    return render_page(
        request,
        "settings/keys.html",
        section="keys",
        status=_status_of(form),
        form=form,
        made=made,
        text=text,
        rows=key_rows(ApiKey.objects.all()),
    )


@for_admins
@require_POST
def revoke(request: PageRequest, pk: int) -> HttpResponse:
    """From now on this key lets nobody in."""
    _revoke(request, get_object_or_404(ApiKey, pk=pk))
    return redirect("reviews:keys")


@for_people
@require_form
def own_keys(request: PageRequest) -> HttpResponse:
    """The reader's own keys, which may do no more than the reader."""
    form = KeyForm(request.user, request.POST or None)
    made, text = None, ""
    if form.is_valid():
        made, text = services.create_own_key(actor=request.user, **form.cleaned_data)
        form = KeyForm(request.user)
    return render_page(
        request,
        "me/keys.html",
        section="me",
        status=_status_of(form),
        form=form,
        made=made,
        text=text,
        rows=key_rows(request.user.api_keys.all()),
    )


@for_people
@require_POST
def revoke_own(request: PageRequest, pk: int) -> HttpResponse:
    """From now on this key of the reader lets nobody in."""
    _revoke(request, get_object_or_404(request.user.api_keys.all(), pk=pk))
    return redirect("reviews:own_keys")


def _revoke(request: PageRequest, key: ApiKey) -> None:
    runs.revoke_key(key=key, actor=request.user)
    messages.success(request, _("%(key)s lets nobody in any more.") % {"key": key.name})


def _status_of(form: KeyForm) -> int:
    return 422 if form.errors else 200
