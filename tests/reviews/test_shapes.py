"""What a graph receives, to the byte, for every shape of question and every verdict: both doors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User

from reviews.models import AuditEntry, Decision, ReviewTask
from tests.reviews.conftest import values
from tests.reviews.pages import browser_of, url, words
from tests.reviews.shape_cases import BATCH, CASES, FORM, Case

pytestmark = pytest.mark.usefixtures("ledger_kept")

Open = Callable[..., ReviewTask]


@pytest.mark.parametrize("door", ["page", "api"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_graph_receives_exactly_this(
    case: Case, door: str, ask: Open, api: httpx.Client, reviewer: httpx.Client, rosa: User
) -> None:
    task = ask("recorder", case.policy, ask=case.ask, schema=case.schema)
    assert task.shape == case.shape

    if door == "api":
        answer = reviewer.post(f"/api/tasks/{task.pk}/decide/", json=case.verdict)
        assert answer.status_code == 200, answer.text
    else:
        page = browser_of(rosa)
        promised = words(page.post(url("preview", task), case.form))
        sent = page.post(url("decide", task), case.form)
        assert sent.status_code == 302, words(sent)
        assert "Nothing yet" not in promised

    assert values(api, task)["got"] == json.dumps(case.gets)
    assert_closed_form_is_filled(case, words(browser_of(rosa).get(url("task", task))))
    decision = Decision.objects.get(task=task)
    assert json.dumps(decision.value) == json.dumps(case.gets)
    assert AuditEntry.objects.filter(object=f"task:{task.pk}", action="task.decided").count() == 1


def assert_closed_form_is_filled(case: Case, said: str) -> None:
    """The same form, disabled, with what was sent."""
    assert '<fieldset class="sent" disabled>' in said
    assert "What was sent to the graph" in said
    for typed in case.form.values():
        if typed not in ("approve", "reject", "half a thought", "on", "{}", ""):
            assert typed.replace("\r\n", "\n") in said


def test_quick_answers_come_from_the_policy(ask: Open, rosa: User) -> None:
    task = ask("recorder", {"quick_answers": ["Yes, <do>", "Not today"]}, ask="Ship it?")

    said = browser_of(rosa).get(url("task", task)).content.decode()

    assert 'data-fill="Yes, &lt;do&gt;"' in said
    assert "Not today" in said


@pytest.mark.parametrize(
    ("template", "asked", "title"),
    [
        ("Refund {order} for {amount}", BATCH, "Refund 48213 for 12.5"),
        ("{0.note}: {1}", [{"note": "<b>\u202eHi"}, [1, 2]], "<b>Hi: [1, 2]"),
        ("Any answer", "Ship it?", "Any answer"),
        ("Refund {order.id}", {"draft": "Dear Ann"}, "Draft: Dear Ann"),  # nothing of the name
        ("{a.b.c} {9}", {"question": "Which?"}, "Which?"),
        ("{__class__} {0.__doc__}", "Ship it?", "Ship it?"),
    ],
)
def test_a_policy_names_its_tasks_from_what_they_ask(
    template: str, asked: Any, title: str, ask: Open
) -> None:
    assert ask("recorder", {"title": template}, ask=asked).title == title


def test_a_policy_names_a_breakpoint_from_its_state(ask: Open) -> None:
    task = ask("order", {"title": "Publish at {amount}?"}, amount=5)

    assert task.title == "Publish at 5?"


@pytest.mark.parametrize("shape", ["a1", "a3", "f", "d"])
def test_no_policy_bends_the_contract_of_what_has_one(shape: str, ask: Open) -> None:
    assert ask("recorder", {"shape": shape}, ask=BATCH).shape == "b"
    assert ask("order", {"shape": shape}, amount=5).shape == "e"


def test_json_that_does_not_fit_the_form_comes_back_with_what_is_wrong(
    ask: Open, rosa: User
) -> None:
    task = ask("recorder", ask={"question": "How much?"}, schema=FORM)
    browser = browser_of(rosa)

    for typed, wrong in {'{"amount": 900}': "/amount", "{": "Answer"}.items():
        answer = browser.post(url("decide", task), {"mode": "json", "json": typed})

        assert answer.status_code == 422
        assert f">{wrong}</a>" in words(answer)
        assert f"\n{typed}</textarea>" in words(answer)
        assert 'name="mode" value="json" checked' in words(answer)
    task.refresh_from_db()
    assert task.is_open
