"""What is high risk: a reason, a confirmation, and no program that answers in passing."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from django.contrib.auth.models import User

from reviews.models import Decision, ReviewTask
from runs.models import Scope
from tests.conftest import issue_key
from tests.console import Console
from tests.reviews.conftest import values
from tests.reviews.pages import browser_of, url, words
from tests.reviews.shape_cases import BATCH, CALL

pytestmark = pytest.mark.usefixtures("ledger_kept")

Open = Callable[..., ReviewTask]
RISK = {"high_risk": True}
FACT = "issue_refund: Order 48213, Amount 12.5, Notify true"


def test_high_risk_needs_a_reason_and_a_confirmation(
    ask: Open, api: httpx.Client, reviewer: httpx.Client, rosa: User
) -> None:
    call = {"action_requests": [CALL, CALL], "review_configs": BATCH["review_configs"]}
    task = ask("recorder", RISK, ask=call)
    page, door = browser_of(rosa), f"/api/tasks/{task.pk}/decide/"

    shown = words(page.get(url("task", task)))
    refused = page.post(url("decide", task), {"kind": "approve", "comment": " "})
    unsaid = reviewer.post(door, json={"kind": "approve", "confirmed": True})
    unchecked = reviewer.post(door, json={"kind": "approve", "comment": "Ann is waiting"})

    assert FACT in shown
    assert "High risk" in shown
    assert "data-all" not in shown
    assert refused.status_code == 422
    assert "say why you decide so" in words(refused)
    assert [e["pointer"] for e in unsaid.json()["errors"]] == ["/comment"]
    assert [e["pointer"] for e in unchecked.json()["errors"]] == ["/confirmed"]
    task.refresh_from_db()
    assert task.is_open

    form = {"kind": "approve", "comment": "Ann is waiting", "confirmed": "on"}
    assert page.post(url("decide", task), form).status_code == 302
    assert values(api, task)["got"] == json.dumps({"decisions": [{"type": "approve"}] * 2})
    assert Decision.objects.get(task=task).comment == "Ann is waiting"


def test_a_program_cannot_answer_what_is_high_risk_without_a_reason(
    ask: Open, api: httpx.Client, console: Console
) -> None:
    task = ask("recorder", RISK, ask="Delete all?")
    resume = {"assistant_id": "recorder", "command": {"resume": "yes"}}
    around = {"assistant_id": "recorder", "command": {"goto": "__end__"}}
    runs = f"/threads/{task.thread_id}/runs/wait"

    with console.client() as admin:
        admin.headers["x-api-key"] = issue_key("admin", list(Scope.values))
        answers = [admin.post(runs, json=resume), api.post(runs, json=resume)]
    answers.append(api.post(runs, json=around))

    assert [answer.status_code for answer in answers] == [403] * 3
    assert "decided with a reason" in answers[0].text
    task.refresh_from_db()
    assert task.is_open
