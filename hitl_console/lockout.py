"""The page of somebody who signed in wrongly too often."""

from __future__ import annotations

from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def locked_out(request: HttpRequest, *_: object) -> HttpResponse:
    """The login page, saying to wait: the same words whether or not there is such a user."""
    context = {"form": AuthenticationForm(request), "is_locked": True}
    return render(request, "registration/login.html", context, status=429)
