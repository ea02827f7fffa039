"""The ASGI application: API, pages and sockets, each behind what it needs and nothing more."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hitl_console.settings")

import django

django.setup()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response

from hitl_console import production
from hitl_console.origin import SameOrigin
from hitl_console.urls import API_ROOTS
from reviews.routing import websocket_urlpatterns
from runs.api import permits
from runs.api import routing as api_routing

if problem := production.problem() or permits.problem():
    sys.exit(problem)


class ApiHandler(ASGIHandler):
    """Django without the middleware of pages: a key needs no session, CSRF token or locale."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Go straight to the view; page middleware costs two thread hops a request."""
        self._view_middleware: list[object] = []
        self._template_response_middleware: list[object] = []
        self._exception_middleware: list[object] = []
        straight = self._get_response_async  # type: ignore[attr-defined]
        chain: Any = convert_exception_to_response(straight)
        self._middleware_chain = CorsMiddleware(chain) if settings.CORS_ALLOWED_ORIGINS else chain


class RootRouter:
    """The API's paths to the API, all others to the pages."""

    def __init__(self, api: Any, pages: Any) -> None:
        self.api = api
        self.pages = pages

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        root = scope["path"].split("/", 2)[1]
        await (self.api if root in API_ROOTS else self.pages)(scope, receive, send)


if settings.API_AUTH == "none":
    logging.getLogger(__name__).warning(
        "HITL_API_AUTH=none: whoever reaches this port may use the API, without a key"
    )

application = ProtocolTypeRouter(
    {
        "http": RootRouter(ApiHandler(), ASGIHandler()),
        "websocket": RootRouter(
            SameOrigin(URLRouter(api_routing.websocket_urlpatterns), programs=True),
            SameOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
        ),
    }
)
