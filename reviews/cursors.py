"""Places in a list ordered by time and id, as signed words for an address."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.core import signing
from django.db.models import Q

SALT = "reviews.cursors"


def cursor(at: datetime, pk: UUID) -> str:
    """The place behind a row."""
    return signing.dumps([at.isoformat(), str(pk)], salt=SALT)


def after(text: str, field: str) -> Q:
    """The rows behind a place, in a list ordered by `-field, -pk`; all where it is none."""
    try:
        at, pk = signing.loads(text, salt=SALT)
    except signing.BadSignature:
        return Q()
    # The first part looks redundant and lets the index start at the right place.
    moment = datetime.fromisoformat(at)
    same = Q(**{field: moment}, pk__lt=UUID(pk))
    return Q(**{f"{field}__lte": moment}) & (Q(**{f"{field}__lt": moment}) | same)
