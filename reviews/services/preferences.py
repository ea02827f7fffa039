"""What people set for themselves."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from reviews.models import AuditEntry, Preferences
from reviews.services import audit

KEPT = ("timezone", "density", "has_keys", "is_hidden", "undo_seconds")


@transaction.atomic
def save_preferences(*, user: User, first_name: str, last_name: str, **kept: Any) -> bool:
    """Keep a person's name and preferences; False if nothing was new."""
    preferences = Preferences.objects.of(user)
    before = {name: getattr(preferences, name) for name in KEPT}
    after = {name: kept[name] for name in KEPT}
    before |= {"first_name": user.first_name, "last_name": user.last_name}
    after |= {"first_name": first_name, "last_name": last_name}
    changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    if not changes:
        return False
    user.first_name, user.last_name = first_name, last_name
    user.save(update_fields=["first_name", "last_name"])
    Preferences.objects.update_or_create(user=user, defaults={name: after[name] for name in KEPT})
    audit.record(
        action="preferences.changed",
        object=f"user:{user.pk}",
        actor=user,
        via=AuditEntry.Via.PAGE,
        details={"member": user.get_username(), "changes": changes},
    )
    return True
