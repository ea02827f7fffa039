"""The review tasks API, below /api/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from reviews.api.bulk import BulkView
from reviews.api.comments import TaskCommentsView
from reviews.api.views import ReviewTaskViewSet

router = SimpleRouter()
router.register("tasks", ReviewTaskViewSet, basename="task")

app_name = "reviews-api"
urlpatterns = [
    path("tasks/bulk/", BulkView.as_view(), name="task-bulk"),
    path("tasks/<int:pk>/comments/", TaskCommentsView.as_view(), name="task-comments"),
    *router.urls,
]
