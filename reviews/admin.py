from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.forms import ModelForm, model_to_dict
from django.http import HttpRequest

from reviews.models import AuditEntry, ReviewPolicy
from reviews.services import audit


@admin.register(ReviewPolicy)
class ReviewPolicyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for mypy only
    list_display = ("order", "graph_id", "node", "queue")
    fieldsets = (
        (None, {"fields": ("order", "graph_id", "node", "queue")}),
        ("How it is guarded", {"fields": ("reviewers_only", "high_risk", "undo_seconds")}),
        ("How it is shown", {"fields": ("title", "shape", "quick_answers")}),
        ("What the graph gets", {"fields": ("reject_value", "answers_as")}),
    )
    list_display_links = ("graph_id", "node")

    def save_model(
        self, request: HttpRequest, obj: ReviewPolicy, form: ModelForm[Any], change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        _note(request, "policy.changed" if change else "policy.created", obj)

    def delete_model(self, request: HttpRequest, obj: ReviewPolicy) -> None:
        _note(request, "policy.deleted", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ReviewPolicy]) -> None:
        for policy in queryset:
            _note(request, "policy.deleted", policy)
        super().delete_queryset(request, queryset)


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for mypy only
    """To be read: the database refuses everything else."""

    list_display = ("seq", "at", "actor_name", "via", "action", "object")
    list_filter = ("action", "via")
    search_fields = ("object", "actor_name")
    ordering = ("-seq",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False


class Noted(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for mypy only
    """What is changed here is in the audit too, as the pages' own changes are."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        _note_record(request, "added", obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        _note_record(request, "changed", obj, message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for obj in queryset:
            _note_record(request, "deleted", obj, "")
        return super().log_deletions(request, queryset)


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PeopleAdmin(Noted, UserAdmin):  # type: ignore[type-arg]  # generic for mypy only
    """For what the pages of members do not set; people are kept out, never deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Group)
class QueueAdmin(Noted, GroupAdmin):
    pass


def _note_record(request: HttpRequest, what: str, obj: Any, message: Any) -> None:
    assert isinstance(request.user, User)
    audit.record(
        action=f"record.{what}",
        object=f"{'user' if isinstance(obj, User) else 'queue'}:{obj.pk}",
        actor=request.user,
        via=AuditEntry.Via.PAGE,
        details={"name": str(obj), "what": json.dumps(message) if message else ""},
    )


def _note(request: HttpRequest, action: str, policy: ReviewPolicy) -> None:
    assert isinstance(request.user, User)
    audit.record(
        action=action,
        object=f"policy:{policy.pk}",
        actor=request.user,
        via=AuditEntry.Via.PAGE,
        details=model_to_dict(policy),
    )
