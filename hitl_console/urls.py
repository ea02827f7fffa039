"""Where everything is: LangGraph's paths at the root, where its SDKs look; pages beside them."""

from __future__ import annotations

from typing import NoReturn

from csp.decorators import csp_update
from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.http import Http404, HttpRequest
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

# First path segments API clients own; no page lives below them (see asgi.HttpRouter).
API_ROOTS = frozenset(
    {
        "assistants",
        "breakpoints",
        "threads",
        "runs",
        "store",
        "mcp",
        "a2a",
        ".well-known",
        "ok",
        "info",
        "metrics",
    }
)

# Swagger UI draws its arrows from data: and has one inline style, let in by its hash alone.
docs = csp_update(
    {
        "img-src": ["data:"],
        "style-src": ["'sha256-MMpT0iDxyjALd9PdfepImGX3DBfJPXZ4IlDWdPAgtn0='"],
    }
)(SpectacularSwaggerSplitView.as_view(url_name="schema"))


def not_on_site(request: HttpRequest, **_: str) -> NoReturn:
    """Django's way from its admin to a thing's own page: nothing has one there."""
    raise Http404


handler500 = "hitl_console.errors.server_error"

urlpatterns = [
    path("", include("runs.api.urls")),
    path("", include("reviews.urls")),
    path("api/", include("reviews.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs", docs, name="docs"),
    path("login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("admin/r/<path:thing>/", admin.site.admin_view(not_on_site)),
    path("admin/", admin.site.urls),
]
