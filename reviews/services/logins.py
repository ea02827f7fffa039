"""Logins: where somebody is signed in, and its end."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction

from reviews import live
from reviews.models import AuditEntry, Login
from reviews.services import audit


@transaction.atomic
def open_login(*, user: User, session_key: str, browser: str, address: str) -> None:
    """Remember a browser that signed in."""
    Login.objects.update_or_create(
        session_id=session_key,
        defaults={
            "user": user,
            "browser": browser.replace("\0", "")[:300],
            "address": address[:45],
        },
    )
    _note("opened", user, address)


def keep_login(*, login: Login, session_key: str) -> None:
    """A browser's session has another name now, and its old one took the login with it."""
    login.pk, login.session_id = None, session_key
    login.save(force_insert=True)


def refuse_login(*, username: str, address: str) -> None:
    """Note a wrong password. Of names nobody has nothing is kept: they may be passwords."""
    if user := User.objects.filter(username=username).first():
        audit.record(
            action="login.refused",
            object=f"user:{user.pk}",
            via=AuditEntry.Via.PAGE,
            details={"member": user.get_username(), "address": address},
        )


@transaction.atomic
def close_login(*, user: User, session_key: str, address: str) -> None:
    """Hang up the sockets of a browser that signs out."""
    live.tell_signed_out(session_key)
    _note("closed", user, address)


@transaction.atomic
def end_logins(
    *, user: User, actor: User, only: Login | None = None, but: str | None = None
) -> int:
    """Sign somebody out: at one browser or everywhere, but for the session named `but`."""
    found = Login.objects.filter(user=user).exclude(session_id=but)
    if only:
        found = found.filter(pk=only.pk)
    keys = list(found.values_list("session_id", flat=True))
    for key in keys:
        live.tell_signed_out(key)
    Session.objects.filter(pk__in=keys).delete()
    if keys:
        audit.record(
            action="login.ended",
            object=f"user:{user.pk}",
            actor=actor,
            via=AuditEntry.Via.PAGE,
            details={"member": user.get_username(), "logins": len(keys)},
        )
    return len(keys)


def _note(what: str, user: User, address: str) -> None:
    audit.record(
        action=f"login.{what}",
        object=f"user:{user.pk}",
        actor=user,
        via=AuditEntry.Via.PAGE,
        details={"address": address},
    )
