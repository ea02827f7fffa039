"""What people set for themselves."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, resolve_url
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from reviews import services
from reviews.models import Login
from reviews.people_forms import PasswordForm, ProfileForm
from reviews.services.preferences import KEPT
from reviews.views.pages import PageRequest, for_people, render_page

YEAR = 365 * 24 * 3600  # seconds
THEMES = ("light", "dark", "system")
require_form = require_http_methods(["GET", "HEAD", "POST"])


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen colours in a cookie, so that the first byte of every page is right."""
    chosen, back = request.POST.get("theme", ""), request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    response = redirect(back if is_ours else resolve_url(settings.LOGIN_REDIRECT_URL))
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=YEAR, samesite="Lax")
    return response


@for_people
@require_form
def me(request: PageRequest) -> HttpResponse:
    """The reader's name, how they like the pages, and where they are signed in."""
    least = settings.PAGE_UNDO_SECONDS
    form = ProfileForm(request.POST or None, initial=_standing(request), least_undo=least)
    if form.is_valid():
        services.save_preferences(user=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("reviews:me")
    return render_page(
        request,
        "me/me.html",
        section="me",
        status=422 if form.errors else 200,
        form=form,
        logins=Login.objects.of(request.user),
        here=request.session.session_key,
    )


@for_people
@require_form
def password(request: PageRequest) -> HttpResponse:
    """A new password, for whoever knows the old one; it ends the reader's other logins."""
    form = PasswordForm(request.user, request.POST or None)
    if form.is_valid():
        services.set_password(
            member=request.user,
            password=form.cleaned_data["new_password1"],
            but=request.session.session_key,
        )
        before = Login.objects.filter(session_id=request.session.session_key).first()
        update_session_auth_hash(request, request.user)  # under a new name
        if before and request.session.session_key:
            services.keep_login(login=before, session_key=request.session.session_key)
        messages.success(request, _("Your password is changed. Other browsers are signed out."))
        return redirect("reviews:me")
    return render_page(
        request, "me/password.html", section="me", status=422 if form.errors else 200, form=form
    )


@for_people
@require_POST
def end_logins(request: PageRequest) -> HttpResponse:
    """Sign the reader out everywhere else."""
    here = request.session.session_key
    ended = services.end_logins(user=request.user, actor=request.user, but=here)
    if ended:
        messages.success(request, _("You are signed out everywhere else."))
    return redirect("reviews:me")


@for_people
@require_POST
def end_login(request: PageRequest, pk: int) -> HttpResponse:
    """Sign the reader out at one other browser."""
    login = get_object_or_404(Login.objects.of(request.user), pk=pk)
    services.end_logins(
        user=request.user, actor=request.user, only=login, but=request.session.session_key
    )
    return redirect("reviews:me")


class ChoosePassword(PasswordResetConfirmView):
    """Where the link an administrator made leads: a password is chosen, once."""

    template_name = "registration/choose_password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: SetPasswordForm[Any]) -> HttpResponse:
        member = form.user
        assert isinstance(member, User)
        services.set_password(member=member, password=form.cleaned_data["new_password1"])
        self.request.session.pop("_password_reset_token", None)
        messages.success(self.request, _("Your password is set. Sign in with it."))
        return redirect(self.get_success_url())


def _standing(request: PageRequest) -> dict[str, Any]:
    """What the form shows before anything is changed."""
    names = {"first_name": request.user.first_name, "last_name": request.user.last_name}
    return names | {name: getattr(request.preferences, name) for name in KEPT}
