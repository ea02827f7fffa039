"""The pages people decide on."""

from __future__ import annotations

from django.urls import path

from reviews.views import bulk, me, tasks

app_name = "reviews"

urlpatterns = [
    path("", tasks.home, name="home"),
    path("inbox/", tasks.inbox, name="inbox"),
    path("tasks/bulk/", bulk.select, name="bulk"),
    path("tasks/bulk/<int:batch>/", bulk.batch, name="batch"),
    path("tasks/bulk/<int:batch>/commit/", bulk.commit, name="batch-commit"),
    path("tasks/bulk/<int:batch>/undo/", bulk.undo, name="batch-undo"),
    path("tasks/<int:pk>/", tasks.task, name="task"),
    path("tasks/<int:pk>/decide/", tasks.decide, name="decide"),
    path("tasks/<int:pk>/preview/", tasks.preview, name="preview"),
    path("tasks/<int:pk>/claim/", tasks.claim, name="claim"),
    path("tasks/<int:pk>/release/", tasks.release, name="release"),
    path("tasks/<int:pk>/undo/", tasks.undo, name="undo"),
    path("tasks/<int:pk>/repair/", tasks.repair, name="repair"),
    path("tasks/<int:pk>/accept/", tasks.accept, name="accept"),
    path("theme/", me.theme, name="theme"),
]
