"""What people were asked, what they answered, and what became of the answer."""

from __future__ import annotations

from reviews.models.audit import AuditEntry
from reviews.models.batches import Batch, BatchItem
from reviews.models.decisions import (
    Decision,
    DecisionQuerySet,
    Delivery,
    DeliveryQuerySet,
    Repair,
)
from reviews.models.personal import SavedView, TaskMark
from reviews.models.policies import ReviewPolicy
from reviews.models.preferences import Login, Preferences
from reviews.models.tasks import CLAIM, GIVEN, ReviewTask, ReviewTaskQuerySet
from reviews.models.work import Draft, DraftQuerySet, TaskComment

__all__ = [
    "CLAIM",
    "GIVEN",
    "AuditEntry",
    "Batch",
    "BatchItem",
    "Decision",
    "DecisionQuerySet",
    "Delivery",
    "DeliveryQuerySet",
    "Draft",
    "DraftQuerySet",
    "Login",
    "Preferences",
    "Repair",
    "ReviewPolicy",
    "ReviewTask",
    "ReviewTaskQuerySet",
    "SavedView",
    "TaskComment",
    "TaskMark",
]
