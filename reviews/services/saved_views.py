"""Lists by name: saved, changed and deleted by who made them; staff also look after shared ones."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from reviews.models import AuditEntry, SavedView
from reviews.services import audit

Audience = SavedView.Audience


@transaction.atomic
def save_view(
    *,
    owner: User,
    name: str,
    view: str,
    q: str,
    sort: str,
    audience: str = Audience.PRIVATE,
    queue: Group | None = None,
) -> SavedView:
    """Keep a list under a name, for oneself, a queue one is in, or (staff) everybody."""
    _check_audience(owner, audience, queue)
    saved = SavedView.objects.create(
        owner=owner, name=name, view=view, q=q, sort=sort, audience=audience, queue=queue
    )
    _note("saved", saved, owner)
    return saved


@transaction.atomic
def change_view(
    *,
    saved: SavedView,
    person: User,
    name: str,
    view: str,
    q: str,
    sort: str,
    audience: str,
    queue: Group | None = None,
) -> SavedView:
    """Change what a saved view is called, asks and is shared with."""
    _check_owner(saved, person)
    _check_audience(person, audience, queue)
    saved.name, saved.view, saved.q, saved.sort = name, view, q, sort
    saved.audience, saved.queue = audience, queue
    saved.save()
    _note("changed", saved, person)
    return saved


@transaction.atomic
def delete_view(*, saved: SavedView, person: User) -> None:
    """Nobody has it any more; the tasks in it are as they were."""
    _check_owner(saved, person)
    _note("deleted", saved, person)
    saved.delete()


def _check_owner(saved: SavedView, person: User) -> None:
    if not SavedView.objects.changeable_by(person).filter(pk=saved.pk).exists():
        raise PermissionDenied


def _check_audience(person: User, audience: str, queue: Group | None) -> None:
    if audience == Audience.EVERYONE and not person.is_staff:
        raise PermissionDenied
    if queue and not (person.is_staff or person.groups.filter(pk=queue.pk).exists()):
        raise PermissionDenied


def _note(what: str, saved: SavedView, person: User) -> None:
    audit.record(
        action=f"view.{what}",
        object=f"view:{saved.pk}",
        actor=person,
        via=AuditEntry.Via.PAGE,
        details={
            "name": saved.name,
            "view": saved.view,
            "q": saved.q,
            "sort": saved.sort,
            "audience": saved.audience,
            "queue": saved.queue.name if saved.queue else "",
        },
    )
