"""What people were asked, what they answered, and what became of the answer."""

from __future__ import annotations

from reviews.models.audit import AuditEntry
from reviews.models.decisions import (
    Decision,
    DecisionQuerySet,
    Delivery,
    DeliveryQuerySet,
    Repair,
)
from reviews.models.policies import ReviewPolicy
from reviews.models.preferences import Login, Preferences
from reviews.models.tasks import CLAIM, ReviewTask, ReviewTaskQuerySet

__all__ = [
    "CLAIM",
    "AuditEntry",
    "Decision",
    "DecisionQuerySet",
    "Delivery",
    "DeliveryQuerySet",
    "Login",
    "Preferences",
    "Repair",
    "ReviewPolicy",
    "ReviewTask",
    "ReviewTaskQuerySet",
]
