"""Telling the URL a client gave that its run is over; tried again until somebody hears it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from hitl_console import outbound
from runs import queue, runtime
from runs.exceptions import InvalidInput
from runs.models import Run, WebhookDelivery
from runs.wire import run_body

# Seconds after one attempt until the next; after the last it is given up.
PAUSES = (2, 10, 60, 300, 1800, 7200, 21600)
LATE = timedelta(seconds=60)  # a delivery nobody has taken for so long has lost its job
KEPT = timedelta(days=7)

WAITING = WebhookDelivery.Status.WAITING

logger = logging.getLogger(__name__)


def check_url(url: str) -> None:
    """Refuse a URL that would not be called, before its run begins."""
    if url.startswith("/"):
        raise InvalidInput("Loopback webhooks (relative URLs and localhost) are disabled.")
    try:
        outbound.destination(url, settings.WEBHOOK_HOSTS)
    except outbound.Blocked as error:
        raise InvalidInput(str(error)) from None


def announce(run: Run, values: Any) -> None:
    """Queue the call a run asked for, in the transaction that ends it."""
    url = run.kwargs.get("webhook")
    if not url:
        return
    moment = now()
    body = run_body(run) | {
        "run_started_at": run.started_at,
        "run_ended_at": moment,
        "webhook_sent_at": moment,
        "values": values,
    }
    if run.error:
        body["error"] = run.error
    delivery = WebhookDelivery.objects.create(run_id=run.pk, url=url, body=runtime.jsonable(body))
    queue.put_delivery(delivery, delivery.due_at)


@transaction.atomic
def take_delivery(delivery_id: UUID) -> WebhookDelivery | None:
    """Count an attempt and set the time of the next; None when it is not due to be tried."""
    delivery = WebhookDelivery.objects.due().filter(pk=delivery_id).first()
    if delivery is None:
        return None
    pause = timedelta(seconds=PAUSES[min(delivery.attempts, len(PAUSES) - 1)])
    taken = WebhookDelivery.objects.due().filter(pk=delivery_id, attempts=delivery.attempts)
    if not taken.update(attempts=F("attempts") + 1, due_at=now() + pause):
        return None
    delivery.refresh_from_db()
    delivery.body["webhook_sent_at"] = now().isoformat()
    return delivery


@transaction.atomic
def settle_delivery(*, delivery: WebhookDelivery, error: str) -> None:
    """What became of an attempt: heard, to be tried again, or given up."""
    row = WebhookDelivery.objects.filter(pk=delivery.pk, status=WAITING)
    if not error:
        row.update(status=WebhookDelivery.Status.DELIVERED, last_error="", settled_at=now())
    elif delivery.attempts > len(PAUSES):
        row.update(status=WebhookDelivery.Status.FAILED, last_error=error, settled_at=now())
        logger.error("webhook of run %s given up: %s", delivery.run_id, error)
    elif row.update(last_error=error):
        queue.put_delivery(delivery, delivery.due_at)


def sweep_deliveries() -> None:
    """Queue again what no job carries any more, and forget what is long settled."""
    for delivery in WebhookDelivery.objects.due().filter(due_at__lt=now() - LATE)[:100]:
        queue.put_delivery(delivery, None)
    WebhookDelivery.objects.exclude(status=WAITING).filter(created_at__lt=now() - KEPT).delete()


def signed(delivery: WebhookDelivery) -> tuple[bytes, dict[str, str]]:
    """The body and its headers, signed as standardwebhooks.com says where there is a secret."""
    body, sent = orjson.dumps(delivery.body), str(int(now().timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "hitl-console",
        "Webhook-Id": str(delivery.pk),
        "Webhook-Timestamp": sent,
    }
    if settings.WEBHOOK_SECRET:
        said = b".".join([str(delivery.pk).encode(), sent.encode(), body])
        digest = hmac.new(settings.WEBHOOK_SECRET.encode(), said, hashlib.sha256).digest()
        headers["Webhook-Signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return body, headers
