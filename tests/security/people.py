"""Everybody who may come to a door: people by their session, programs by their key."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

import httpx
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils.timezone import now

from runs.models import ApiKey, Scope
from tests.conftest import issue_key, make_user

CSRF = "a" * 32


@dataclass(frozen=True)
class Person:
    """Somebody at the door; `client` is what they come with."""

    name: str
    client: httpx.Client

    @property
    def is_let_in(self) -> bool:
        """Whether they are who somebody once was let in for."""
        return self.name not in ("nobody", "disabled", *DEAD_KEYS)


DEAD_KEYS = ("key revoked", "key expired", "key of the disabled")
SCOPES = {f"key {scope}": [scope] for scope in Scope.values} | {"key without scope": []}


def everybody(url: str, queue: Group) -> list[Person]:
    """One of each; Rosa alone reviews the queue, Ada administers, Sam is staff without rights."""
    elsewhere = Group.objects.create(name=f"elsewhere {uuid.uuid4().hex[:8]}")
    people = {
        "omar": make_user("omar", elsewhere),
        "rosa": make_user("rosa", queue),
        "ada": make_user("ada", is_staff=True, is_superuser=True),
        "sam": make_user("sam", is_staff=True),
        "disabled": make_user("disabled", queue),
    }
    cookies = {name: session_of(user) for name, user in people.items()}
    User.objects.filter(pk=people["disabled"].pk).update(is_active=False)
    keys = {name: issue_key(name, scopes) for name, scopes in SCOPES.items()}
    keys |= {name: dead_key(name) for name in DEAD_KEYS}
    return [
        Person("nobody", browser(url)),
        *(Person(name, browser(url, cookie)) for name, cookie in cookies.items()),
        *(Person(name, program(url, key)) for name, key in keys.items()),
    ]


def dead_key(name: str) -> str:
    """A key with every scope that opens nothing any more."""
    text = issue_key(name, list(Scope.values))
    key = ApiKey.objects.get(digest=ApiKey.digest_of(text))
    if "revoked" in name:
        key.revoked_at = now()
    elif "expired" in name:
        key.expires_at = now() - timedelta(seconds=1)
    else:
        User.objects.filter(pk=key.user_id).update(is_active=False)
    key.save()
    return text


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def browser(url: str, session: str = "") -> httpx.Client:
    """A browser that has opened a page of ours, so that it can send forms."""
    cookies = {"csrftoken": CSRF} | ({"sessionid": session} if session else {})
    headers = {"X-CSRFToken": CSRF, "Referer": f"{url}/"}
    return httpx.Client(base_url=url, cookies=cookies, headers=headers, trust_env=False, timeout=60)


def program(url: str, key: str) -> httpx.Client:
    client = browser(url)
    client.headers["X-Api-Key"] = key
    return client
