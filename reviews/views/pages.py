"""What every page shares: who may open it, and the frame it is shown in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Protocol

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.timezone import override
from django.views.decorators.cache import never_cache
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from reviews.inbox import Inbox, counts
from reviews.models import Login, Preferences
from reviews.sending import sending_by

P = ParamSpec("P")


class PageRequest(HttpRequest):
    """A request as the pages' views see it: of a person, perhaps through htmx."""

    user: User
    htmx: HtmxDetails
    preferences: Preferences


View = Callable[Concatenate[PageRequest, P], HttpResponseBase]


def for_people(view: View[P]) -> View[P]:
    """A view for signed-in people; what it answers is never stored by a browser."""

    @wraps(view)
    def guarded(request: PageRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            return _in_their_way(partial(view, request, *args, **kwargs), request)
        if request.htmx:  # a login page must not land inside a list
            here = request.htmx.current_url_abs_path or settings.LOGIN_REDIRECT_URL
            return HttpResponseClientRedirect(redirect_to_login(here).url)
        return redirect_to_login(request.get_full_path())

    varied: View[P] = never_cache(vary_on_headers("HX-Request", "HX-Target")(guarded))
    return varied


class Gate(Protocol):
    """A decorator of views, whatever arguments they take."""

    def __call__(self, view: View[P], /) -> View[P]: ...


def for_those(who_may: Callable[[User], bool]) -> Gate:
    """Views for signed-in people with a right; others get 403."""

    def gate(view: View[P], /) -> View[P]:
        @wraps(view)
        def guarded(request: PageRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not who_may(request.user):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return for_people(guarded)

    return gate


for_admins = for_those(lambda person: person.is_staff)


def _in_their_way(answer: Callable[[], HttpResponseBase], request: PageRequest) -> HttpResponseBase:
    """An answer in somebody's timezone and density; and a note that they were here."""
    request.preferences = Preferences.objects.of(request.user)
    Login.objects.seen(request.session.session_key)
    with override(request.preferences.zone):
        return answer()


def render_page(
    request: PageRequest, template: str, *, section: str = "", status: int = 200, **context: Any
) -> HttpResponse:
    """A page, or a part of one, in the console's frame; `section` is lit in the navigation."""
    listed: Inbox | None = context.get("inbox")
    frame = {
        "counts": listed.counts if listed else counts(request.user),
        "section": section,
        "sending": partial(sending_by, request.user),
    }
    return render(request, template, frame | context, status=status)
