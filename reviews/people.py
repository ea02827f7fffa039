"""People, as against the service users of API keys; and what each of them may do."""

from __future__ import annotations

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Permission, User
from django.db.models import Q, QuerySet

from runs.models import Scope

READS_AUDIT = "reviews.view_auditentry"
REVIEWER_SCOPES = (Scope.TASKS_READ, Scope.TASKS_DECIDE)


def people() -> QuerySet[User]:
    """Everybody who may sign in. The name of a service user has a colon, which no person's can."""
    return User.objects.exclude(username__contains=":")


def admins() -> QuerySet[User]:
    """Who can administer now: not those who were invited and have no password yet."""
    invited = Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return people().filter(is_staff=True, is_active=True).exclude(invited)


def may_read_audit(user: User) -> bool:
    """Staff, and auditors: people with the permission to view audit entries."""
    return user.is_active and (user.is_staff or user.has_perm(READS_AUDIT))


def audit_permission() -> Permission:
    """What makes somebody an auditor."""
    app, _, codename = READS_AUDIT.partition(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


def scopes_of(user: User) -> tuple[Scope, ...]:
    """What a person's own API keys may do: never more than the person."""
    return tuple(Scope) if user.is_staff else REVIEWER_SCOPES


def matching(text: str) -> Q:
    """People whose names have each of these words in them."""
    found = Q()
    for word in text.split():
        found &= (
            Q(username__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
        )
    return found
