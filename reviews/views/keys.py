"""API keys: those of programs, which administrators make, and one's own."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.db.models import QuerySet
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
    return _keys(
        request,
        "settings/keys.html",
        section="keys",
        form_class=ProgramKeyForm,
        create=services.create_program_key,
        listed=ApiKey.objects.all(),
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
    return _keys(
        request,
        "me/keys.html",
        section="me",
        form_class=KeyForm,
        create=services.create_own_key,
        listed=request.user.api_keys.all(),
    )


@for_people
@require_POST
def revoke_own(request: PageRequest, pk: int) -> HttpResponse:
    """From now on this key of the reader lets nobody in."""
    _revoke(request, get_object_or_404(request.user.api_keys.all(), pk=pk))
    return redirect("reviews:own_keys")


def _keys(
    request: PageRequest,
    template: str,
    *,
    section: str,
    form_class: type[KeyForm],
    create: Callable[..., tuple[ApiKey, str]],
    listed: QuerySet[ApiKey],
) -> HttpResponse:
    form = form_class(request.user, request.POST or None)
    status, made, text = 200, None, ""
    if form.is_valid():
        made, text = create(actor=request.user, **form.cleaned_data)
        form = form_class(request.user)
    elif form.is_bound:
        status = 422
    return render_page(
        request,
        template,
        section=section,
        status=status,
        form=form,
        made=made,
        text=text,
        rows=key_rows(listed),
    )


def _revoke(request: PageRequest, key: ApiKey) -> None:
    runs.revoke_key(key=key, actor=request.user)
    messages.success(request, _("%(key)s lets nobody in any more.") % {"key": key.name})
