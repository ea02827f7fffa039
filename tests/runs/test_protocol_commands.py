"""Commands of the thread-centric protocol: one guarded door, and mistakes in its own words."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group

from reviews.models import Decision, ReviewPolicy
from runs.models import Run, Scope
from tests.conftest import delete_policy, issue_key
from tests.console import Console
from tests.runs.protocol import ALL, ASK, Session


@pytest.fixture
def session(api: httpx.Client) -> Session:
    return Session(api)


def test_an_answer_is_a_decision_and_is_taken_once(session: Session) -> None:
    key = session.pause(config={"configurable": {"tone": "dry"}, "tags": ["first"]})
    answer = {"interrupt_id": key, "response": "once", "config": {"tags": ["second"]}}

    first = session.send("input.respond", **answer, update={"some_text": "by the way"})
    again = session.send("input.respond", **answer)

    assert first["type"] == "success"
    assert (again["error"], key in again["message"]) == ("no_such_interrupt", True)
    session.until(2)
    decision = Decision.objects.get(task__interrupt__key=key)
    assert decision.reviewer.username.startswith("key:session")
    resumed = Run.objects.on(uuid.UUID(session.thread_id)).order_by("pk").last()
    assert resumed is not None
    assert resumed.kwargs["command"]["resume"] == {key: "once"}
    assert resumed.kwargs["config"]["configurable"]["tone"] == "dry"
    assert resumed.kwargs["config"]["tags"] == ["second"]


def test_neither_a_lesser_key_nor_a_policy_is_walked_around(
    console: Console, session: Session, queue: Group
) -> None:
    key = session.pause()
    lesser = {"x-api-key": issue_key("lesser", [Scope.RUNS])}
    with httpx.Client(base_url=console.url, headers=lesser, timeout=60) as client:
        refused = Session(client, session.thread_id)
        for method, params in (
            ("input.respond", {"interrupt_id": key, "response": "no"}),
            ("run.start", {"assistant_id": "human_in_the_loop"}),
        ):
            assert refused.send(method, **params)["error"] == "permission_denied"

    policy = ReviewPolicy.objects.create(
        graph_id="two_interrupts", queue=queue, reviewers_only=True, order=1
    )
    guarded = Session(session.api)
    try:
        key = guarded.pause(assistant_id="two_interrupts")
        for more in ({}, {"goto": "__end__"}, {"update": {"some_text": "mine"}}):
            answer = guarded.send("input.respond", interrupt_id=key, response="mine", **more)
            assert answer["error"] == "permission_denied"
    finally:
        delete_policy(policy)


def test_mistakes_are_answered_in_the_words_of_the_protocol(session: Session) -> None:
    nobody = "0" * 32
    mistakes: list[tuple[str, dict[str, Any], str, str]] = [
        ("bogus.method", {}, "unknown_command", "Unknown protocol command: bogus.method"),
        ("state.get", {}, "unknown_command", "Unknown protocol command: state.get"),
        ("run.start", {}, "invalid_argument", "run.start requires an assistant_id."),
        ("run.start", {"assistant_id": "nope"}, "unknown_error", "422: Invalid assistant: 'nope'"),
        ("run.start", ASK | {"metadata": None}, "invalid_argument", "metadata"),
        ("input.respond", {}, "invalid_argument", "input.respond requires"),
        ("input.respond", {"responses": []}, "invalid_argument", "input.respond requires"),
        ("input.respond", {"interrupt_id": nobody, "response": 1}, "no_such_interrupt", nobody),
        ("subscription.subscribe", {}, "invalid_argument", "channels is required"),
        ("subscription.unsubscribe", {}, "invalid_argument", "requires a subscription_id"),
        ("agent.getTree", {}, "no_such_run", "No active run is bound to this thread."),
    ]
    for method, params, code, message in mistakes:
        answer = session.send(method, **params)
        assert (answer["type"], answer["error"]) == ("error", code), answer
        assert message in answer["message"]
    subscribed = session.send("subscription.subscribe", **ALL)["result"]
    assert subscribed["replayed_events"] == 0
    assert session.send("subscription.unsubscribe", **subscribed)["result"] == {}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("commands", "{bad"),
        ("commands", "[]"),
        ("commands", '{"method": "run.start"}'),
        ("commands", '{"id": true, "method": "run.start"}'),
        ("commands", '{"id": -1, "method": "run.start"}'),
        ("stream/events", "{}"),
        ("stream/events", '{"channels": []}'),
        ("stream/events", '{"channels": ["bogus"]}'),
        ("stream/events", '{"channels": ["custom:"]}'),
        ("stream/events", '{"channels": [["values"]]}'),
        ("stream/events", '{"channels": ["values"], "namespaces": ["child"]}'),
        ("stream/events", '{"channels": ["values"], "since": -1}'),
    ],
)
def test_bodies_of_another_shape_are_refused(session: Session, path: str, body: str) -> None:
    answer = session.api.post(f"/threads/{session.thread_id}/{path}", content=body)
    assert answer.status_code == 400
