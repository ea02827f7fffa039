"""What a console in production refuses to start on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.core.checks import Tags, run_checks
from django.db import connections


def problem() -> str:
    """Why this database must not be served in production, in a sentence; empty if it may."""
    if not settings.PRODUCTION:
        return ""
    with ThreadPoolExecutor(1) as off_the_loop:  # uvicorn imports the application inside its own
        return off_the_loop.submit(_first_error).result()


def _first_error() -> str:
    try:
        found = run_checks(tags=[Tags.database], databases=["default"])
    finally:
        connections.close_all()
    return next((str(message.msg) for message in found if message.is_serious()), "")
