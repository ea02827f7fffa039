"""Calls to hosts that clients name: only to addresses that are nobody's own network.

A name is looked up once, and the connection made to the address that was checked: a second
lookup could give another.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import httpx

TIMEOUT = 10  # seconds for a whole call
NAT64 = ip_network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class Blocked(ValueError):
    """The URL may not be called; the message says why."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL that may be called, and the address its host was found at."""

    url: str
    host: str
    address: Address


def destination(url: str, allowed: Collection[str] = ()) -> Destination:
    """Where a URL leads; hosts in `allowed` may be anywhere, all others only in the open."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise Blocked("Invalid webhook URL") from None
    if parts.scheme not in ("http", "https", ""):
        raise Blocked(f"Webhook host blocked: scheme '{parts.scheme}' not allowed")
    if not host or not parts.scheme or parts.username is not None:
        raise Blocked(f"Invalid webhook hostname '{host}'")
    if host in allowed:
        return Destination(url, host, _lookup(host, port)[0])
    if host == "localhost" or host.endswith(".localhost"):
        raise Blocked("Webhook host blocked: localhost address")
    addresses = _lookup(host, port)
    for address in addresses:
        _refuse_private(address)
    return Destination(url, host, addresses[0])


async def post(where: Destination, body: bytes, headers: Mapping[str, str]) -> int:
    """Send a body; the answer is its status, whatever else comes is not read."""
    url = httpx.URL(where.url)
    request = httpx.Request(
        "POST",
        url.copy_with(host=str(where.address)),
        content=body,
        headers={**headers, "Host": url.netloc.decode()},
        extensions={"sni_hostname": where.host},
    )
    # No proxy from the environment either: it would look the name up again.
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT) as client:
        response = await client.send(request, stream=True)
        await response.aclose()
        return response.status_code


def _lookup(host: str, port: int | None) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Blocked("DNS resolution failed") from None
    return [ip_address(str(row[4][0]).partition("%")[0]) for row in found]


def _refuse_private(address: Address) -> None:
    inner = _carried_by(address)
    if isinstance(inner, IPv4Address) and inner.is_loopback:
        raise Blocked("Webhook host blocked: loopback IP range")
    if not inner.is_global or inner.is_multicast:
        raise Blocked("Webhook host blocked: blocked IP range")


def _carried_by(address: Address) -> Address:
    """The IPv4 address that some kinds of IPv6 address stand for."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
