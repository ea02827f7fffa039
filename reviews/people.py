"""People, as against the service users of API keys; and what each of them may do."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Permission, User
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from runs.models import Scope

READS_AUDIT = "reviews.view_auditentry"
OPERATES = "runs.operate_thread"
RIGHTS = {  # what a reviewer may do besides reviewing; administrators may do it all
    OPERATES: _("Start, cancel and fork runs"),
    READS_AUDIT: _("Read the audit log"),
}
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


def permissions(rights: Iterable[str]) -> QuerySet[Permission]:
    """The permissions of Django these rights are."""
    found = Q(pk=None)
    for right in rights:
        app, _, codename = right.partition(".")
        found |= Q(content_type__app_label=app, codename=codename)
    return Permission.objects.filter(found)


def rights_of(user: User) -> frozenset[str]:
    """Which of RIGHTS somebody was given, by name and not by way of a queue."""
    given = user.user_permissions.values_list("content_type__app_label", "codename")
    return frozenset(f"{app}.{codename}" for app, codename in given).intersection(RIGHTS)


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
