"""Members: invited, changed and kept out; never deleted, since the ledger names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import default_token_generator
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from reviews.exceptions import LastAdmin, NameTaken, NotOfYourRank
from reviews.models import AuditEntry
from reviews.people import REVIEWER_SCOPES, RIGHTS, admins, permissions, rights_of
from reviews.services import audit
from reviews.services.logins import end_logins
from runs import services as runs
from runs.models import ApiKey


@dataclass(frozen=True)
class Standing:
    """What an administrator sets about a member."""

    first_name: str
    last_name: str
    email: str
    is_admin: bool
    is_active: bool
    rights: frozenset[str]
    queues: frozenset[str]

    @classmethod
    def of(cls, member: User) -> Standing:
        return cls(
            first_name=member.first_name,
            last_name=member.last_name,
            email=member.email,
            is_admin=member.is_staff,
            is_active=member.is_active,
            rights=rights_of(member),
            queues=frozenset(member.groups.values_list("name", flat=True)),
        )

    def since(self, before: Standing) -> dict[str, Any]:
        """What is new, as the audit says it: the field, what it was, what it is."""
        changed = {name: (old, getattr(self, name)) for name, old in vars(before).items()}
        return {name: [_plain(a), _plain(b)] for name, (a, b) in changed.items() if a != b}


@transaction.atomic
def invite_member(*, actor: User, username: str, standing: Standing) -> User:
    """A new member who can sign in once they have chosen a password; see `password_link`."""
    try:
        with transaction.atomic():
            member = User.objects.create_user(username=username)
    except IntegrityError as error:
        raise NameTaken from error
    _apply(member, standing)
    _note("invited", member, actor, {name: _plain(value) for name, value in vars(standing).items()})
    return member


@transaction.atomic
def change_member(*, member: User, actor: User, standing: Standing) -> bool:
    """Make a member what the administrator says; False if they were that already.

    Raises NotOfYourRank, or LastAdmin when nobody else could administer afterwards.
    """
    everybody = User.objects.select_for_update(no_key=True).order_by("pk")
    list(everybody.filter(Q(is_staff=True, is_active=True) | Q(pk=member.pk)))  # in a fixed order
    member.refresh_from_db()
    require_rank(actor, member)
    before = Standing.of(member)
    if not (changes := standing.since(before)):
        return False
    _apply(member, standing)
    is_less = before.is_admin and before.is_active and not (member.is_staff and member.is_active)
    if is_less and not admins().exists():
        raise LastAdmin
    _note("changed", member, actor, {"changes": changes})
    if before.is_admin and not member.is_staff:
        _revoke_wide_keys(member, actor)
    if not member.is_active:
        end_logins(user=member, actor=actor)
    return True


@transaction.atomic
def password_link(*, member: User, actor: User) -> tuple[str, str]:
    """Who, and the token: what a link needs by which a member chooses a password, once."""
    require_rank(actor, member)
    _note("link_made", member, actor, {})
    uid = urlsafe_base64_encode(force_bytes(member.pk))
    return uid, default_token_generator.make_token(member)


@transaction.atomic
def set_password(*, member: User, password: str, but: str | None = None) -> None:
    """A password its owner chose; it ends their other logins."""
    member.set_password(password)
    member.save(update_fields=["password"])
    _note("password_set", member, member, {})
    end_logins(user=member, actor=member, but=but)


def require_rank(actor: User, member: User) -> None:
    """Staff who are not superusers must not become it by way of one."""
    if member.is_superuser and not actor.is_superuser:
        raise NotOfYourRank


def _apply(member: User, standing: Standing) -> None:
    member.first_name, member.last_name = standing.first_name, standing.last_name
    member.email, member.is_staff = standing.email, standing.is_admin
    member.is_superuser = member.is_superuser and standing.is_admin
    member.is_active = standing.is_active
    member.save()
    member.groups.set(Group.objects.filter(name__in=standing.queues))
    member.user_permissions.remove(*permissions(RIGHTS.keys() - standing.rights))
    member.user_permissions.add(*permissions(standing.rights))


def _revoke_wide_keys(member: User, actor: User) -> None:
    for key in ApiKey.objects.usable().filter(user=member):
        if set(key.scopes) - set(REVIEWER_SCOPES):
            runs.revoke_key(key=key, actor=actor)


def _note(what: str, member: User, actor: User, details: dict[str, Any]) -> None:
    audit.record(
        action=f"member.{what}",
        object=f"user:{member.pk}",
        actor=actor,
        via=AuditEntry.Via.PAGE,
        details={"member": member.get_username(), **details},
    )


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value
