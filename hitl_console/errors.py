"""What people see when a page breaks."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

AGAIN = 2  # seconds until it is worth trying again


def server_error(request: HttpRequest) -> HttpResponse:
    """503 while the database is away, which passes; 500 for what is our fault."""
    if not isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return defaults.server_error(request)
    page = render_to_string("503.html")  # without the request: whose it is nobody can say now
    return HttpResponse(page, status=503, headers={"Retry-After": str(AGAIN)})
