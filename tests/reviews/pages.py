"""The pages as tests read them."""

from __future__ import annotations

from html import unescape
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from reviews.models import ReviewTask

HTMX = {"HX-Request": "true"}
BOTH = ["approve", "edit", "reject", "respond"]
BATCH = {
    "action_requests": [
        {"name": "issue_refund", "args": {"order": "48213", "amount": 1240}},
        {"name": "send_email", "args": {"to": "marta@example.com", "body": "On its way."}},
    ],
    "review_configs": [
        {"action_name": "issue_refund", "allowed_decisions": BOTH},
        {"action_name": "send_email", "allowed_decisions": BOTH},
    ],
}


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def url(name: str, task: ReviewTask) -> str:
    return reverse(f"reviews:{name}", args=[task.pk])


def words(response: Any) -> str:
    return unescape(response.content.decode())
