from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from runs.models import ApiKey, Assistant, Cron, Interrupt, Run, Thread


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for mypy only
    """What agents did is looked at, not edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Assistant)
class AssistantAdmin(ReadOnlyAdmin):
    list_display = ("name", "graph_id", "version", "updated_at")


@admin.register(Thread)
class ThreadAdmin(ReadOnlyAdmin):
    list_display = ("id", "status", "updated_at")
    list_filter = ("status",)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("id", "graph_id", "status", "attempt", "created_at")
    list_filter = ("status", "graph_id")
    exclude = ("kwargs",)
    readonly_fields = ("asked",)

    @admin.display(description="kwargs")
    def asked(self, run: Run) -> dict[str, Any]:
        """What it was asked to do; what auth handlers know of who asked is for its graph alone."""
        return {name: value for name, value in run.kwargs.items() if name != "caller"}


@admin.register(Cron)
class CronAdmin(ReadOnlyAdmin):
    """Here one sees why a cron makes no runs; the wire has no word for it."""

    list_display = ("id", "schedule", "timezone", "is_enabled", "next_run_at", "last_error")
    list_filter = ("is_enabled",)
    exclude = ("caller",)


@admin.register(Interrupt)
class InterruptAdmin(ReadOnlyAdmin):
    list_display = ("key", "kind", "node", "status", "created_at")
    list_filter = ("status", "kind")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys are made and revoked on the pages of settings, with an entry in the audit."""

    list_display = ("name", "prefix", "user", "scopes", "expires_at", "revoked_at", "last_used_at")
    fields = list_display
