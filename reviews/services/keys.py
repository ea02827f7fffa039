"""API keys as people make them: for a program, or for themselves."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, User
from django.db import transaction

from reviews.exceptions import ScopeTooWide
from reviews.people import scopes_of
from runs import services as runs
from runs.models import ApiKey


@transaction.atomic
def create_program_key(
    *, actor: User, name: str, scopes: Iterable[str], days: int | None, queues: Iterable[Group]
) -> tuple[ApiKey, str]:
    """A key that acts as `key:NAME`; a second one of that name shares its account and queues."""
    scopes = _within(actor, scopes)
    user, _ = User.objects.get_or_create(username=f"key:{name}")
    user.groups.add(*queues)
    return runs.create_key(name=name, user=user, scopes=scopes, days=days, actor=actor)


def create_own_key(
    *, actor: User, name: str, scopes: Iterable[str], days: int | None
) -> tuple[ApiKey, str]:
    """A key that acts as the person who makes it; nobody can make one for somebody else."""
    scopes = _within(actor, scopes)
    return runs.create_key(name=name, user=actor, scopes=scopes, days=days, actor=actor)


def _within(actor: User, scopes: Iterable[str]) -> list[str]:
    wanted = list(scopes)
    if set(wanted) - set(scopes_of(actor)):
        raise ScopeTooWide
    return wanted
