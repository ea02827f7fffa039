"""Queues: the groups of people who review."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from reviews.exceptions import DefaultQueue, NameTaken
from reviews.models import AuditEntry
from reviews.people import people
from reviews.services import audit
from reviews.services.tasks import DEFAULT_QUEUE


@transaction.atomic
def create_queue(*, actor: User, name: str) -> Group:
    """A queue nobody reviews yet and no policy sends anything to."""
    try:
        with transaction.atomic():
            queue = Group.objects.create(name=name)
    except IntegrityError as error:
        raise NameTaken from error
    _note("created", queue, actor, {})
    return queue


@transaction.atomic
def change_queue(*, queue: Group, actor: User, name: str, members: Iterable[User]) -> bool:
    """Call a queue so and have these people review it; False if nothing was new."""
    queue = Group.objects.select_for_update(no_key=True).get(pk=queue.pk)
    changes: dict[str, object] = {}
    if name != queue.name:
        changes["name"] = [queue.name, name]
        _rename(queue, name)
    changes |= _staffed(queue, set(members))
    if changes:
        _note("changed", queue, actor, changes)
    return bool(changes)


def _rename(queue: Group, name: str) -> None:
    if queue.name == DEFAULT_QUEUE:
        raise DefaultQueue
    queue.name = name
    try:
        with transaction.atomic():
            queue.save(update_fields=["name"])
    except IntegrityError as error:
        raise NameTaken from error


def _staffed(queue: Group, members: set[User]) -> dict[str, list[str]]:
    """Have these people review a queue, and the keys that do already; who left, who came."""
    before = set(people().filter(groups=queue))
    left, came = before - members, members - before
    queue.user_set.remove(*left)
    queue.user_set.add(*came)
    names = {"left": sorted(map(str, left)), "came": sorted(map(str, came))}
    return {word: who for word, who in names.items() if who}


def _note(what: str, queue: Group, actor: User, details: dict[str, object]) -> None:
    audit.record(
        action=f"queue.{what}",
        object=f"queue:{queue.pk}",
        actor=actor,
        via=AuditEntry.Via.PAGE,
        details={"queue": queue.name, **details},
    )
