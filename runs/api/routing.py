"""The sockets of the API."""

from __future__ import annotations

from django.urls import path

from runs.api.protocol_socket import ProtocolConsumer

websocket_urlpatterns = [path("threads/<str:thread_id>/stream/events", ProtocolConsumer.as_asgi())]
