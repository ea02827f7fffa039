"""What must be true of the people in the database."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from reviews import demo


@register(Tags.database)
def demo_people_stay_at_home(**asked: Any) -> list[CheckMessage]:
    """In production nobody comes in by the demo's password, which everybody can read."""
    if not (settings.PRODUCTION and asked.get("databases")):
        return []
    names = ", ".join(demo.people_with_its_password())
    what = f"These accounts have the demo's password: {names}; change it or disable them."
    return [Error(what, id="reviews.E001")] if names else []
