"""A task is decided on its page: as it was shown, once, and by one person."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from reviews.models import Decision, Delivery, ReviewTask
from tests.conftest import make_user
from tests.reviews.pages import BATCH, HTMX, browser_of, url, words

Ask = Callable[..., ReviewTask]


@pytest.fixture
def rosa(queue: Group) -> User:
    """Reviews this test's queue and no other: what others left open is not on her list."""
    return make_user("rosa", queue)


@pytest.fixture
def asked(waiting: Ask) -> Ask:
    """A task that a paused run waits for."""

    def ask(text: str = "original text") -> ReviewTask:
        return waiting("human_in_the_loop", some_text=text)

    return ask


def test_the_page_shows_exactly_what_the_graph_then_receives(rosa: User, asked: Ask) -> None:
    task, text = asked(), 'a "better" text\nin two lines – ü'
    client = browser_of(rosa)

    preview = client.post(url("preview", task), {"text": text}, headers=HTMX)
    sent = client.post(url("decide", task), {"text": text.replace("\n", "\r\n")}, headers=HTMX)

    decision = Decision.objects.get(task=task)
    assert (decision.kind, decision.value, decision.via) == ("edit", text, "page")
    assert json.dumps(text, ensure_ascii=False) in words(preview)
    assert json.loads(sent["HX-Location"])["target"] == "#page"


def test_the_decision_works_as_a_plain_form(rosa: User, asked: Ask) -> None:
    task = asked()

    page = browser_of(rosa).post(url("decide", task), {"text": "original text"}, follow=True)

    assert "Sent. The run goes on." in words(page)
    assert Decision.objects.get(task=task).kind == "approve"


def test_the_same_form_sent_twice_is_one_decision(rosa: User, asked: Ask) -> None:
    task, client = asked(), browser_of(rosa)
    form = {"text": "better", "idempotency_key": str(uuid.uuid4())}

    first, second = (client.post(url("decide", task), form, headers=HTMX) for _ in range(2))

    assert first.status_code == second.status_code == 200
    assert Decision.objects.filter(task=task).count() == 1


def test_who_comes_second_is_told_and_keeps_their_words(
    rosa: User, queue: Group, asked: Ask
) -> None:
    task, olga = asked(), make_user("olga", queue)
    browser_of(rosa).post(url("decide", task), {"text": "what Rosa wrote"}, headers=HTMX)

    late = browser_of(olga).post(url("decide", task), {"text": "what Olga wrote"}, headers=HTMX)

    assert late.status_code == 409
    assert "Rosa decided this: edited." in words(late)
    assert "Your unsent draft" in words(late)
    assert "what Olga wrote" in words(late)
    assert 'name="idempotency_key"' not in words(late)
    assert Decision.objects.get(task=task).value == "what Rosa wrote"


def test_a_form_under_edit_learns_from_its_preview_that_it_is_too_late(
    rosa: User, queue: Group, asked: Ask
) -> None:
    task, olga = asked(), make_user("olga", queue)
    browser_of(rosa).post(url("decide", task), {"text": "better"}, headers=HTMX)

    late = browser_of(olga).post(url("preview", task), {"text": "half a thou"}, headers=HTMX)

    assert (late.status_code, late["HX-Retarget"]) == (409, "#task")
    assert "half a thou" in words(late)


def test_nobody_sends_past_the_claim_of_another(rosa: User, queue: Group, asked: Ask) -> None:
    task, olga = asked(), make_user("olga", queue)
    assert browser_of(rosa).post(url("claim", task), headers=HTMX).status_code == 200

    refused = browser_of(olga).post(url("decide", task), {"text": "mine"}, headers=HTMX)
    assert refused.status_code == 409
    assert "Rosa claimed this task while you were editing." in words(refused)
    assert ">\nmine</textarea>" in words(refused)
    assert not Decision.objects.filter(task=task).exists()

    browser_of(rosa).post(url("release", task), headers=HTMX)
    sent = browser_of(olga).post(url("decide", task), {"text": "mine"}, headers=HTMX)
    assert sent.status_code == 200


def test_claiming_keeps_what_was_typed(rosa: User, asked: Ask) -> None:
    claimed = browser_of(rosa).post(url("claim", asked()), {"text": "half a tho"}, headers=HTMX)

    assert "Claimed by you" in words(claimed)
    assert ">\nhalf a tho</textarea>" in words(claimed)


def test_a_refused_form_comes_back_as_it_was_with_the_way_to_each_fault(
    rosa: User, shown: Ask
) -> None:
    task = shown(BATCH)
    form = {
        "action-0-kind": "edit",
        "action-0-field:/order": "48213",
        "action-0-field:/amount": "many",
        "comment": "note to self",
    }

    refused = browser_of(rosa).post(url("decide", task), form, headers=HTMX)

    page = words(refused)
    assert refused.status_code == 422
    assert not Decision.objects.filter(task=task).exists()
    assert "note to self" in page
    assert 'value="many"' in page
    anchors = re.findall(r'<a href="#(f-[0-9a-f]+)">', page)
    assert len(anchors) == 2  # the amount, and the second action without a decision
    assert all(f'id="{anchor}"' in page for anchor in anchors)


def test_an_action_shows_only_the_decisions_it_takes(rosa: User, shown: Ask) -> None:
    only = {**BATCH, "review_configs": [{"action_name": "issue_refund"}] * 2}
    only["review_configs"] = [
        {"action_name": "issue_refund", "allowed_decisions": ["approve", "reject"]},
        {"action_name": "send_email", "allowed_decisions": ["approve"]},
    ]

    page = words(browser_of(rosa).get(url("task", shown(only))))

    choices = re.findall(r'name="action-(\d)-kind" value="(\w+)"', page)
    assert choices == [("0", "approve"), ("0", "reject"), ("1", "approve")]
    assert 'data-all="approve"' in page
    assert 'data-all="reject"' not in page


def test_a_breakpoint_shows_its_state_and_offers_to_go_on_or_stop(rosa: User, shown: Ask) -> None:
    state = {"messages": [{"type": "human", "content": "Write about light."}], "score": 0.5}
    task = shown(state, is_breakpoint=True, position="before", node="publish")

    page = words(browser_of(rosa).get(url("task", task)))

    assert "Paused before" in page
    assert "Write about light." in page
    assert re.findall(r'name="kind" value="(\w+)"', page) == ["skip", "stop", "continue"]


@pytest.mark.parametrize(
    "value",
    [
        "Which one?",
        {"text_to_revise": "Hi"},
        {"question": "Which?", "options": ["a", "b"]},
        {"question": "Ship?"},
        {"amount": 12, "booked": False, "lines": ["a"]},
        BATCH,
        {"type": "tool_approval", "name": "purge", "args": {}},
        42,
        None,
        [[]] * 100,
        {"": {"deep": [[[[[[[[[[1]]]]]]]]]]}},
    ],
)
def test_every_shape_has_a_page(rosa: User, shown: Ask, value: Any) -> None:
    page = browser_of(rosa).get(url("task", shown(value)))

    assert page.status_code == 200
    assert "What the graph will receive" in words(page)


def test_an_answer_the_graph_gave_back_is_told(rosa: User, shown: Ask) -> None:
    task = shown({"text_to_revise": "Hi"})
    given_back = Decision.objects.create(
        task=task, reviewer=rosa, kind="edit", value="Ho", digest=task.digest, via="page"
    )
    Delivery.objects.create(decision=given_back, task=task, state="refused")

    page = words(browser_of(rosa).get(url("task", task)))

    assert "The graph did not accept the last answer." in page
    assert "Rosa: edited" in page
    assert 'name="text"' in page
