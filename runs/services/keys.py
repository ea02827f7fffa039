"""API keys: made and taken back, never changed."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.timezone import now

from runs.models import ApiKey
from runs.signals import key_changed


@transaction.atomic
def create_key(
    *,
    name: str,
    user: User,
    scopes: Iterable[str],
    days: int | None = None,
    actor: User | None = None,
) -> tuple[ApiKey, str]:
    """A new key that acts as `user`, and its text, which is shown now and never again."""
    key, text = ApiKey.objects.issue(name=name, user=user, scopes=scopes, days=days)
    key_changed.send(sender=ApiKey, key=key, what="created", actor=actor)
    return key, text


@transaction.atomic
def revoke_key(*, key: ApiKey, actor: User | None = None) -> None:
    """From the next request on the key lets nobody in."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now()):
        key_changed.send(sender=ApiKey, key=key, what="revoked", actor=actor)
