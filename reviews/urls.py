"""The pages people decide on."""

from __future__ import annotations

from django.urls import path

from reviews import views

app_name = "reviews"

urlpatterns = [
    path("", views.home, name="home"),
    path("inbox/", views.inbox, name="inbox"),
    path("tasks/<int:pk>/", views.task, name="task"),
    path("tasks/<int:pk>/decide/", views.decide, name="decide"),
    path("tasks/<int:pk>/preview/", views.preview, name="preview"),
    path("tasks/<int:pk>/claim/", views.claim, name="claim"),
    path("tasks/<int:pk>/release/", views.release, name="release"),
    path("tasks/<int:pk>/undo/", views.undo, name="undo"),
    path("tasks/<int:pk>/repair/", views.repair, name="repair"),
    path("tasks/<int:pk>/accept/", views.accept, name="accept"),
    path("theme/", views.theme, name="theme"),
]
