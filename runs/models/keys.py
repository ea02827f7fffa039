"""How programs come in."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac
from django.utils.timezone import now

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class Scope(models.TextChoices):
    """What an API key may do."""

    RUNS = "runs", "Create and read threads and runs"
    RESUME = "resume", "Answer interrupts by resuming a thread"
    TASKS_READ = "tasks:read", "Read review tasks"
    TASKS_DECIDE = "tasks:decide", "Decide review tasks"
    METRICS = "metrics", "Read metrics"
    ADMIN = "admin", "Everything"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self) -> ApiKeyQuerySet:
        alive = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=Now())
        return self.filter(alive, revoked_at__isnull=True, user__is_active=True)

    def find(self, key: str) -> ApiKey | None:
        """The usable key whose text this is."""
        secrets_ = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        digests = [ApiKey.digest_of(key, secret) for secret in secrets_]
        return self.usable().select_related("user").filter(digest__in=digests).first()

    def issue(
        self, *, name: str, user: User, scopes: Iterable[str], days: int | None = None
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which is shown now and never again."""
        prefix = secrets.token_hex(4)
        text = f"hitl_{prefix}_{secrets.token_urlsafe(32)}"
        key = self.create(
            name=name,
            user=user,
            prefix=prefix,
            digest=ApiKey.digest_of(text),
            scopes=list(scopes),
            expires_at=now() + timedelta(days=days) if days else None,
        )
        return key, text


class ApiKey(models.Model):
    """A program's way in; acts as its own service user, so that every decision has a name."""

    LAST_USED_STEP = timedelta(minutes=1)

    name = models.CharField(max_length=100)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), default=list)
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def digest_of(text: str, secret: str | None = None) -> str:
        """A key has 256 random bits: a keyed hash is enough, a slow one would only cost."""
        return salted_hmac("runs.ApiKey", text, secret, algorithm="sha256").hexdigest()

    def may(self, scope: str) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def is_stale(self, moment: datetime) -> bool:
        """Whether `last_used_at` is worth a write."""
        return self.last_used_at is None or moment - self.last_used_at > self.LAST_USED_STEP
