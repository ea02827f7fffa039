"""Who did what and when: rows that are added, sealed into a chain, and never touched again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils.timezone import now

from hitl_console.fields import WireJSONField
from reviews import verifier

# The text that is hashed, as `reviews.verifier` rebuilds it from an export.
SEAL = """
    encode(sha256(convert_to(json_build_array(
        {row}.prev_hash, {row}.workspace, {row}.seq,
        to_char({row}.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        {row}.actor_id, {row}.actor_name, {row}.via, {row}.action, {row}.object,
        {row}.details::text, {row}.seen_digest)::text, 'UTF8')), 'hex')
"""


def only_added(*, once: pgtrigger.Q | None = None) -> list[pgtrigger.Trigger]:
    """Triggers that refuse to change rows (`once`: those that match) and to lose any."""
    return [
        pgtrigger.Protect(name="no_update", operation=pgtrigger.Update, condition=once),
        pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
        pgtrigger.Trigger(
            name="no_truncate",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func="RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;",
        ),
    ]


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def since(self, moment: datetime) -> AuditEntryQuerySet:
        """From the first entry on that was made then or later, to the end of the chain."""
        first = self.filter(at__gte=moment).aggregate(seq=models.Min("seq"))["seq"]
        return self.none() if first is None else self.filter(seq__gte=first)

    def exported(self) -> Iterator[dict[str, Any]]:
        """The chain as `reviews.verifier` reads it."""
        sealed = self.filter(seq__isnull=False).order_by("workspace", "seq")
        for entry in sealed.values(*verifier.SEALED, "hash").iterator():
            yield entry | {"at": written(entry["at"])}


def written(at: datetime) -> str:
    """A moment as the seal writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class AuditEntry(models.Model):
    """One thing that was done. The database seals it at commit: place, previous hash, own hash."""

    class Via(models.TextChoices):
        PAGE = "page"
        API = "api"  # the review tasks API
        RESUME = "resume"  # a run with command.resume
        SYSTEM = "system"  # nobody asked for it just then: a run settled, a hold was over
        COMMAND = "command"  # manage.py

    workspace = models.CharField(max_length=100, default="default")
    seq = models.BigIntegerField(null=True, editable=False)  # from 1, without gaps
    at = models.DateTimeField(default=now, editable=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="audit_entries",
        db_index=False,  # the index below begins with it
    )
    actor_name = models.CharField(max_length=150, blank=True)  # as it was then
    via = models.CharField(max_length=7, choices=Via)
    action = models.CharField(max_length=50)  # noun.past: task.decided
    object = models.CharField(max_length=300)  # noun:id: task:12
    details = WireJSONField(default=dict)
    seen_digest = models.CharField(max_length=64, blank=True)  # of the request, as it was shown
    prev_hash = models.CharField(max_length=64, blank=True, editable=False)
    hash = models.CharField(max_length=64, blank=True, editable=False)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "seq"], name="one_audit_entry_per_place")
        ]
        indexes = [
            models.Index(fields=["object"]),
            models.Index(fields=["at"]),
            models.Index(fields=["action", "-seq"]),
            models.Index(fields=["actor", "-seq"]),
        ]
        triggers = [
            *only_added(once=pgtrigger.Q(old__seq__isnull=False)),
            pgtrigger.Trigger(  # `services.audit.record` says why this is safe
                name="seal",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                declare=[("head", "RECORD")],
                func=f"""
                    PERFORM pg_advisory_xact_lock(
                        hashtext('audit chain'), hashtext(NEW.workspace));
                    SELECT seq, hash INTO head FROM reviews_auditentry
                    WHERE workspace = NEW.workspace AND seq IS NOT NULL
                    ORDER BY seq DESC LIMIT 1;
                    NEW.seq := coalesce(head.seq, 0) + 1;
                    NEW.prev_hash := coalesce(head.hash, '');
                    UPDATE reviews_auditentry
                    SET seq = NEW.seq, prev_hash = NEW.prev_hash, hash = {SEAL.format(row="NEW")}
                    WHERE id = NEW.id;
                    RETURN NULL;
                """,  # noqa: S608  # our own words only
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object}"

    @property
    def exported(self) -> dict[str, Any]:
        """The entry as `reviews.verifier` reads it."""
        row = {name: getattr(self, name) for name in (*verifier.SEALED, "hash")}
        return row | {"at": written(self.at)}
