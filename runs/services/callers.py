"""The users that stand for whom a deployment's auth handlers let in."""

from __future__ import annotations

import hashlib

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

# The name of a service user has a colon, which no person's can: neither can be the other.
PREFIX, HASHED = "auth:", "auth-sha256:"
LONGEST = 150 - len(PREFIX)


def user_called(identity: str) -> User:
    """The user an identity acts as; who comes for the first time gets one that cannot sign in."""
    user, _ = User.objects.get_or_create(
        username=_name_of(identity), defaults={"password": make_password(None)}
    )
    return user


def is_caller(user: User) -> bool:
    """Whether a user stands for somebody the auth handlers let in."""
    return user.username.startswith((PREFIX, HASHED))


def _name_of(identity: str) -> str:
    if len(identity) <= LONGEST:
        return f"{PREFIX}{identity}"
    return HASHED + hashlib.sha256(identity.encode()).hexdigest()
