"""What people have set for themselves, and where they are signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.timezone import get_default_timezone, now
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import tzinfo

    from django.contrib.auth.models import User

MOST_UNDO = 60  # seconds
SEEN_STEP = timedelta(minutes=2)


class PreferencesQuerySet(models.QuerySet["Preferences"]):
    def of(self, user: User) -> Preferences:
        """A person's preferences; unsaved ones that say nothing special if there are none."""
        return self.filter(user=user).first() or Preferences(user=user)


class Preferences(models.Model):
    """How one person likes the pages; colours are kept by each browser, in a cookie."""

    class Density(models.TextChoices):
        COMFORTABLE = "comfortable", _("Comfortable")
        COMPACT = "compact", _("Compact")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="preferences"
    )
    timezone = models.CharField(max_length=64, blank=True)  # empty: the console's own
    density = models.CharField(max_length=12, choices=Density, default=Density.COMFORTABLE)
    has_keys = models.BooleanField(default=True)  # single letters do something
    is_hidden = models.BooleanField(default=False)  # others see somebody at a task, and not who
    undo_seconds = models.PositiveSmallIntegerField(  # at least; a policy may ask for more
        default=0, validators=[MaxValueValidator(MOST_UNDO)]
    )

    objects = PreferencesQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "preferences"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(undo_seconds__lte=MOST_UNDO),
                name="own_undo_for_a_minute_at_most",
            )
        ]

    def __str__(self) -> str:
        return f"preferences of {self.user}"

    @property
    def zone(self) -> tzinfo:
        """The timezone times are shown in; one this machine does not know counts as none."""
        try:
            return ZoneInfo(self.timezone) if self.timezone else get_default_timezone()
        except (ZoneInfoNotFoundError, ValueError):
            return get_default_timezone()


class LoginQuerySet(models.QuerySet["Login"]):
    def alive(self) -> LoginQuerySet:
        return self.filter(session__expire_date__gt=now())

    def of(self, user: User) -> LoginQuerySet:
        return self.alive().filter(user=user).order_by("-seen_at", "-pk")

    def seen(self, session_key: str | None) -> None:
        """Somebody is here with this session; written every few minutes only."""
        moment = now()
        stale = self.filter(session_id=session_key, seen_at__lt=moment - SEEN_STEP)
        stale.update(seen_at=moment)


class Login(models.Model):
    """A browser somebody is signed in with, for as long as its session lives."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="logins")
    session = models.OneToOneField(Session, models.CASCADE, related_name="login")
    browser = models.CharField(max_length=300, blank=True)  # as it calls itself
    address = models.CharField(max_length=45, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    seen_at = models.DateTimeField(default=now)

    objects = LoginQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.user} since {self.created_at:%Y-%m-%d %H:%M}"
