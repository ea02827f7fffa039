"""Which pages may open a socket: ours, and no other that runs in the same browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host


class SameOrigin:
    """Denies a socket unless its page came from the very host and port the socket asks.

    Channels' own validator looks at the host name alone: any port of it would do, and http
    where pages are https.
    """

    def __init__(self, application: Any, *, programs: bool = False) -> None:
        self.application = application
        self.programs = programs  # whether those may come too that are no browser
        self.deny = WebsocketDenier()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        headers = dict(scope["headers"])
        is_welcome = is_ours(headers) or (self.programs and b"origin" not in headers)
        chosen = self.application if is_welcome else self.deny
        return await chosen(scope, receive, send)


def is_ours(headers: dict[bytes, bytes]) -> bool:
    """Whether the page that opens a socket is one of this console."""
    host = headers.get(b"host", b"").decode("latin1").lower()
    try:
        origin = urlsplit(headers.get(b"origin", b"").decode("latin1").lower())
    except ValueError:
        return False
    name, _ = split_domain_port(host)
    schemes = ("https",) if settings.SECURE_SSL_REDIRECT else ("http", "https")
    return (
        origin.scheme in schemes
        and origin.netloc == host
        and validate_host(name, settings.ALLOWED_HOSTS)
    )
