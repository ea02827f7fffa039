"""The review tasks API, below /api/."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from reviews.api.views import ReviewTaskViewSet

router = SimpleRouter()
router.register("tasks", ReviewTaskViewSet, basename="task")

app_name = "reviews-api"
urlpatterns = router.urls
