"""The audit: an entry beside every change, in the change's own transaction."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User

from reviews.models import AuditEntry, Decision

logger = logging.getLogger(__name__)


def record(
    *,
    action: str,
    object: str,
    actor: User | None = None,
    via: str = AuditEntry.Via.SYSTEM,
    details: Mapping[str, Any] | None = None,
    seen_digest: str = "",
) -> None:
    """Add an entry to the transaction that makes the change; the database seals it at commit.

    One INSERT. A deferred trigger gives the entry its place in the chain as the last thing before
    the commit: it takes the chain's lock, reads the head with a snapshot newer than that lock,
    and writes place and hash. The lock is held until the commit is visible, so that two
    transactions cannot follow the same head (and a unique place would refuse the second). Nobody
    waits for other rows while holding it: a chain for all costs concurrent transactions their
    commit, not their work. What is rolled back leaves no gap.
    """
    AuditEntry.objects.create(
        action=action,
        object=object,
        actor=actor,
        actor_name=actor.get_username() if actor else "",
        via=via,
        details=dict(details or {}),
        seen_digest=seen_digest,
    )


def record_decision(decision: Decision, *, seen_digest: str = "", batch: int | None = None) -> None:
    """Add the entry that binds a decision: who, what, of which request, in which batch."""
    record(
        action="task.decided",
        object=f"task:{decision.task_id}",
        actor=decision.reviewer,
        via=decision.via,
        details={
            "decision": decision.pk,
            "kind": decision.kind,
            "value": _sha256(json.dumps(decision.value)),  # the bytes in the row
            "comment": _sha256(decision.comment),
            "task": decision.digest,
            **({"batch": batch} if batch else {}),
        },
        seen_digest=seen_digest,
    )


def anchor() -> None:
    """Write the chain's head to the log, out of reach of whoever can change the database."""
    head = AuditEntry.objects.exclude(seq=None).order_by("-seq").first()
    if head:
        logger.info("audit anchor %s:%s", head.seq, head.hash)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
