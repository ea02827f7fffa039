from __future__ import annotations

from django.contrib import admin

from reviews.models import ReviewPolicy


@admin.register(ReviewPolicy)
class ReviewPolicyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for mypy only
    list_display = ("order", "graph_id", "node", "queue")
    list_display_links = ("graph_id", "node")
