"""The sockets of the pages."""

from __future__ import annotations

from django.urls import path

from reviews.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi())]
