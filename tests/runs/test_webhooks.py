"""Webhooks: whom they may call, what they say, how they are signed, and when they are given up."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now

from hitl_console import outbound
from runs import queue, services, tasks
from runs.exceptions import InvalidInput
from runs.models import Run, Thread, WebhookDelivery
from runs.services import webhooks

PUBLIC, LOOPBACK = "93.184.216.34", "127.0.0.1"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A resolver that knows these names and no others; it asks nobody."""
    known: dict[str, list[str]] = {}

    def resolve(host: str, port: int | None, **_: Any) -> list[Any]:
        if host not in known:
            raise socket.gaierror
        return [(0, 0, 0, "", (address, port or 0)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


class Listener(HTTPServer):
    """A receiver on loopback that keeps what it hears and answers as it is told to."""

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), Ear)
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []


class Ear(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Location", "http://169.254.169.254/")  # must not be followed
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def listener(settings: Any) -> Iterator[Listener]:
    settings.WEBHOOK_HOSTS = [LOOPBACK]
    settings.WEBHOOK_SECRET = "a secret both sides know"
    server = Listener()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The attempts that were queued; no worker of another test sees them."""
    queued: list[Any] = []
    monkeypatch.setattr(queue, "put_delivery", lambda delivery, at: queued.append(at))
    return queued


def delivery_to(server: Listener, **fields: Any) -> WebhookDelivery:
    url = f"http://{LOOPBACK}:{server.server_port}/hook?x=1"
    body = {"status": "success", "values": {"text": "é"}}
    return WebhookDelivery.objects.create(run_id=uuid4(), url=url, body=body, **fields)


def deliver(delivery: WebhookDelivery) -> WebhookDelivery:
    asyncio.run(tasks.deliver_webhook.func(str(delivery.pk)))
    delivery.refresh_from_db()
    return delivery


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9/hook", "Webhook host blocked: loopback IP range"),
        ("http://localhost:9/hook", "Webhook host blocked: localhost address"),
        ("http://app.localhost./hook", "Webhook host blocked: localhost address"),
        ("http://[::1]:9/x", "Webhook host blocked: blocked IP range"),
        ("http://[::ffff:127.0.0.1]/x", "Webhook host blocked: loopback IP range"),
        ("http://[64:ff9b::7f00:1]/x", "Webhook host blocked: loopback IP range"),
        ("http://10.0.0.8/", "Webhook host blocked: blocked IP range"),
        ("http://169.254.169.254/latest/meta-data/", "Webhook host blocked: blocked IP range"),
        ("http://100.64.0.1/", "Webhook host blocked: blocked IP range"),
        ("http://0.0.0.0/", "Webhook host blocked: blocked IP range"),
        ("http://224.0.0.1/", "Webhook host blocked: blocked IP range"),
        ("ftp://example.com/y", "Webhook host blocked: scheme 'ftp' not allowed"),
        ("file:///etc/passwd", "Webhook host blocked: scheme 'file' not allowed"),
        ("not a url", "Invalid webhook hostname ''"),
        ("http:///x", "Invalid webhook hostname ''"),
        ("http://user:secret@example.com/", "Invalid webhook hostname 'example.com'"),
        ("http://example.com:99999/", "Invalid webhook URL"),
        ("http://[::1/", "Invalid webhook URL"),
        ("/hook", "Loopback webhooks (relative URLs and localhost) are disabled."),
    ],
)
def test_urls_that_lead_inside_are_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.check_url(url)
    assert refused.value.status_code == 422
    assert str(refused.value.detail) == said


def test_a_name_is_judged_by_every_address_it_has(names: dict[str, list[str]]) -> None:
    names["good.example"] = [PUBLIC]
    names["mixed.example"] = [PUBLIC, "10.1.2.3"]
    names["inside.example"] = ["fd00::1"]

    assert str(outbound.destination("https://good.example/x").address) == PUBLIC
    for name in ("mixed", "inside"):
        with pytest.raises(outbound.Blocked, match="blocked IP range"):
            outbound.destination(f"https://{name}.example/x")
    with pytest.raises(outbound.Blocked, match="DNS resolution failed"):
        outbound.destination("https://unknown.example/x")


def test_a_host_of_ones_own_network_can_be_allowed_by_name(names: dict[str, list[str]]) -> None:
    names["hooks.internal"] = ["10.1.2.3"]
    found = outbound.destination("http://hooks.internal/x", ["hooks.internal"])
    assert str(found.address) == "10.1.2.3"


def test_the_connection_goes_to_the_address_that_was_checked(
    names: dict[str, list[str]], listener: Listener
) -> None:
    """A name that leads elsewhere a moment later (DNS rebinding) leads nobody astray."""
    names["rebound.example"] = [LOOPBACK]
    url = f"http://rebound.example:{listener.server_port}/x"
    where = outbound.destination(url, ["rebound.example"])
    names["rebound.example"] = ["10.9.9.9"]

    assert asyncio.run(outbound.post(where, b"{}", {})) == 200
    assert listener.heard[0][0]["Host"] == f"rebound.example:{listener.server_port}"


def test_a_delivery_is_signed_and_sent_once(listener: Listener, put: list[Any]) -> None:
    delivery = deliver(delivery_to(listener))

    assert (delivery.status, delivery.attempts) == ("delivered", 1)
    [(heard, body)] = listener.heard
    headers = {name.lower(): value for name, value in heard.items()}
    assert json.loads(body)["values"] == {"text": "é"}
    said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(b"a secret both sides know", said, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert headers["webhook-id"] == str(delivery.pk)

    assert deliver(delivery).attempts == 1  # a second job finds it done
    assert len(listener.heard) == 1
    assert put == []


def test_without_a_secret_nothing_is_signed(listener: Listener, settings: Any) -> None:
    settings.WEBHOOK_SECRET = ""
    deliver(delivery_to(listener))
    assert "webhook-signature" not in {name.lower() for name in listener.heard[0][0]}


@pytest.mark.parametrize("answer", [500, 404, 302])
def test_a_refusal_is_tried_again_later(listener: Listener, put: list[Any], answer: int) -> None:
    listener.answers = [answer]
    delivery = deliver(delivery_to(listener))

    assert (delivery.status, delivery.last_error) == ("waiting", f"answered {answer}")
    assert put == [delivery.due_at]
    assert delivery.due_at > now()
    assert deliver(delivery).attempts == 1  # too early: nobody is called
    WebhookDelivery.objects.filter(pk=delivery.pk).update(due_at=now())
    assert deliver(delivery).status == "delivered"
    assert len(listener.heard) == 2


def test_a_delivery_is_given_up_in_the_end(put: list[Any]) -> None:
    delivery = WebhookDelivery.objects.create(
        run_id=uuid4(), url="http://127.0.0.1:9/", body={}, attempts=len(webhooks.PAUSES)
    )
    delivery = deliver(delivery)
    assert delivery.status == "failed"
    assert "loopback" in delivery.last_error
    assert put == []


def test_a_delivery_whose_job_is_lost_is_queued_again(listener: Listener, put: list[Any]) -> None:
    lost = delivery_to(listener, due_at=now() - timedelta(minutes=5))
    old = delivery_to(listener, status="delivered", created_at=now() - timedelta(days=8))

    services.sweep_deliveries()

    assert put == [None]
    assert WebhookDelivery.objects.filter(pk=lost.pk).exists()
    assert not WebhookDelivery.objects.filter(pk=old.pk).exists()
    deliver(lost)


def test_what_a_webhook_says_is_the_run_and_its_values(api: Any, put: list[Any]) -> None:
    thread = api.post("/threads", json={"metadata": {"tm": 1}}).json()["thread_id"]
    failing = {"assistant_id": "failing", "input": {"some_text": "x"}}
    api.post(f"/threads/{thread}/runs/wait", json=failing)
    run = Run.objects.get(thread_id=thread)
    run.kwargs["webhook"] = "https://hooks.example/x"

    webhooks.announce(run, Thread.objects.get(pk=thread).values)

    [delivery] = WebhookDelivery.objects.filter(run_id=run.pk)
    assert put == [delivery.due_at]
    shown = api.get(f"/threads/{thread}/runs/{run.pk}").json()
    said = delivery.body
    assert {key: said[key] for key in shown.keys() - {"kwargs"}} == {
        key: value for key, value in shown.items() if key != "kwargs"
    }
    assert list(said)[-5:] == [
        "run_started_at",
        "run_ended_at",
        "webhook_sent_at",
        "values",
        "error",
    ]
    assert said["run_started_at"] < said["run_ended_at"]
    assert said["values"]["some_text"] == "x"
    assert said["error"] == {"error": "ValueError", "message": "boom: x"}


def test_a_run_with_a_webhook_inside_does_not_begin(api: Any) -> None:
    thread = api.post("/threads", json={}).json()["thread_id"]
    run = {"assistant_id": "static_steps", "input": {}, "webhook": "http://10.0.0.1/"}
    refused = api.post(f"/threads/{thread}/runs", json=run)
    assert refused.status_code == 422
    assert refused.json()["detail"] == "Webhook host blocked: blocked IP range"
    assert api.get(f"/threads/{thread}/runs").json() == []
