"""Demo people and a key, for the first minutes with the console on one's own machine."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from reviews.services.tasks import DEFAULT_QUEUE
from runs import services
from runs.models import ApiKey, Scope

PASSWORD = "approve-with-care"  # noqa: S105  # printed by `make up`; demo accounts only
PEOPLE = (("rosa", "Rosa", "Lind", False), ("omar", "Omar", "Haddad", False))
ADMIN = ("ada", "Ada", "Moreau", True)


@transaction.atomic
def seed() -> dict[str, Any]:
    """Make the demo accounts that are missing; returns `logins` and a working `api_key`."""
    reviewers, _ = Group.objects.get_or_create(name=DEFAULT_QUEUE)
    for username, first, last, is_admin in (*PEOPLE, ADMIN):
        user, is_new = User.objects.get_or_create(
            username=username,
            defaults={
                "first_name": first,
                "last_name": last,
                "is_staff": is_admin,
                "is_superuser": is_admin,
            },
        )
        user.groups.add(reviewers)
        if is_new:
            user.set_password(PASSWORD)
            user.save(update_fields=["password"])
    roles = {username: "reviewer" for username, *_ in PEOPLE} | {ADMIN[0]: "admin"}
    return {
        "logins": [
            {"username": username, "password": PASSWORD, "role": role}
            for username, role in roles.items()
        ],
        "api_key": demo_key(reviewers),
    }


def people_with_its_password() -> list[str]:
    """The demo accounts that can still be signed in to as the demo says."""
    if User._meta.db_table not in connection.introspection.table_names():
        return []  # before the first migration
    names = [username for username, *_ in (*PEOPLE, ADMIN)]
    found = User.objects.filter(username__in=names, is_active=True).order_by("username")
    return [user.username for user in found if check_password(PASSWORD, user.password)]


def demo_key(queue: Group) -> str:
    """The demo's API key; its text is kept in the data folder, for this user alone."""
    path = settings.HITL_DATA / "demo_api_key"
    if path.exists() and ApiKey.objects.find(text := path.read_text()):
        return text
    user, _ = User.objects.get_or_create(username="key:demo", defaults={"first_name": "Demo key"})
    user.groups.add(queue)
    scopes = [Scope.RUNS, Scope.RESUME, Scope.TASKS_READ, Scope.TASKS_DECIDE]
    _, text = services.create_key(name="demo", user=user, scopes=scopes)
    path.touch(mode=0o600)
    path.write_text(text)
    return text
