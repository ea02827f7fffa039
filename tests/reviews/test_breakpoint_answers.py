"""How a pause at a breakpoint is left: as it is, with another state, past the node, not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User

from reviews.models import Decision, ReviewTask
from tests.reviews.conftest import values
from tests.reviews.pages import browser_of, url, words

pytestmark = pytest.mark.usefixtures("ledger_kept")

Open = Callable[..., ReviewTask]
STATE = {"amount": 5, "note": "for Ann", "urgent": True}
WAYS = [
    ("continue", {"kind": "continue"}, {"kind": "continue"}, {}, ["draft", "publish"]),
    (
        "edit values",
        {"kind": "edit", "value": {"amount": 7, "urgent": False}},
        {
            "kind": "edit",
            "field:/amount": "7",
            "field:/note": "for Ann",
            "field:/urgent": "1",
            "how:/visited": "append",
            "append:/visited": "",
        },
        {"amount": 7, "urgent": False},
        ["draft", "publish"],
    ),
    (
        "append to a list",
        {"kind": "edit", "value": {"visited": ["x", "y"]}},
        {"kind": "edit", "how:/visited": "append", "append:/visited": "x\r\ny"},
        {"visited": ["draft", "x", "y"]},
        ["draft", "x", "y", "publish"],
    ),
    (
        "replace a list",
        {"kind": "edit", "value": {"visited": {"__overwrite__": ["z"]}}},
        {"kind": "edit", "how:/visited": "replace", "field:/visited": "z"},
        {"visited": ["z"]},
        ["z", "publish"],
    ),
    ("skip", {"kind": "skip"}, {"kind": "skip"}, None, ["draft"]),
    ("stop", {"kind": "stop"}, {"kind": "stop", "field:/amount": "9"}, None, ["draft"]),
]


@pytest.mark.parametrize("door", ["page", "api"])
@pytest.mark.parametrize(("name", "verdict", "form", "changed", "visited"), WAYS)
def test_a_breakpoint_is_left_exactly_so(
    name: str,
    verdict: dict[str, Any],
    form: dict[str, Any],
    changed: dict[str, Any] | None,
    visited: list[str],
    door: str,
    ask: Open,
    api: httpx.Client,
    reviewer: httpx.Client,
    rosa: User,
) -> None:
    task = ask("order", **STATE)
    assert (task.shape, task.title) == ("e", "Paused before publish")

    if door == "api":
        answer = reviewer.post(f"/api/tasks/{task.pk}/decide/", json=verdict)
        assert answer.status_code == 200, answer.text
    else:
        sent = browser_of(rosa).post(url("decide", task), form)
        assert sent.status_code == 302, words(sent)

    after = values(api, task)
    assert after["visited"] == visited
    if changed is not None:
        saw = json.loads(after["seen"])
        expected = {**STATE, "visited": ["draft"], **changed}
        assert {key: saw[key] for key in expected} == expected
    decision = Decision.objects.get(task=task)
    assert decision.kind == verdict["kind"]
    assert decision.value == verdict.get("value")
    assert decision.delivery.state == "consumed"


def test_messages_are_replaced_by_their_ids(ask: Open, api: httpx.Client, rosa: User) -> None:
    task = ask("order", amount=1, messages=[{"role": "user", "content": "Hi"}])
    said = task.value["messages"]
    changed = [{**said[1], "content": "Publish now."}, {"role": "user", "content": "Yes"}]
    form = {"kind": "edit", "how:/messages": "replace", "field:/messages": json.dumps(changed)}

    page = browser_of(rosa)
    preview = words(page.post(url("preview", task), {**form, "kind": ""}))
    assert page.post(url("decide", task), form).status_code == 302

    assert "Publish now." in preview
    saw = json.loads(values(api, task)["seen"])
    assert saw["messages"] == [["ai", "Publish now."], ["human", "Yes"]]


def test_an_edit_after_a_fan_in_forgets_none_of_its_branches(
    ask: Open, api: httpx.Client, reviewer: httpx.Client
) -> None:
    task = ask("joined_order", **STATE)
    verdict = {"kind": "edit", "value": {"note": "edited", "visited": ["by hand"]}}

    assert reviewer.post(f"/api/tasks/{task.pk}/decide/", json=verdict).status_code == 200

    after = values(api, task)
    assert sorted(after["visited"][:2]) == ["draft", "price"]
    assert after["visited"][2:] == ["by hand", "publish"]
    assert json.loads(after["seen"])["note"] == "edited"


def test_an_edit_that_leads_elsewhere_stops_at_the_breakpoint_there(
    ask: Open, api: httpx.Client, reviewer: httpx.Client, task_on: Callable[[str], ReviewTask]
) -> None:
    task = ask("order", **STATE)
    verdict = {"kind": "edit", "value": {"amount": 2000}}

    assert reviewer.post(f"/api/tasks/{task.pk}/decide/", json=verdict).status_code == 200

    assert values(api, task)["visited"] == ["draft"]
    assert task_on(str(task.thread_id)).title == "Paused before refuse"


@pytest.mark.parametrize(
    ("verdict", "visited"),
    [
        ({"kind": "skip"}, ["after"]),
        ({"kind": "continue"}, ["inner_first", "act", "after"]),
    ],
)
def test_a_pause_inside_a_subgraph_is_skipped_as_a_whole(
    ask: Open,
    api: httpx.Client,
    reviewer: httpx.Client,
    verdict: dict[str, Any],
    visited: list[str],
) -> None:
    task = ask("nested_breakpoint")
    assert task.node == "child"

    answer = reviewer.post(f"/api/tasks/{task.pk}/decide/", json=verdict)

    assert answer.status_code == 200, answer.text
    assert values(api, task)["visited"] == visited


@pytest.mark.parametrize(
    ("verdict", "pointer"),
    [
        ({"kind": "edit"}, "/value"),
        ({"kind": "edit", "value": {}}, "/value"),
        ({"kind": "edit", "value": {"amnt": 3}}, "/value/amnt"),
        ({"kind": "edit", "value": {"visited": "x"}}, "/value/visited"),
        ({"kind": "edit", "value": {"amount": {"__overwrite__": 1}}}, "/value/amount"),
        ({"kind": "edit", "value": {"messages": {"__overwrite__": []}}}, "/value/messages"),
        ({"kind": "respond", "value": 1}, "/kind"),
    ],
)
def test_what_a_state_cannot_take_changes_nothing_and_says_where(
    ask: Open, reviewer: httpx.Client, verdict: dict[str, Any], pointer: str
) -> None:
    task = ask("order", **STATE)

    answer = reviewer.post(f"/api/tasks/{task.pk}/decide/", json=verdict)

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    task.refresh_from_db()
    assert task.is_open


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"kind": "continue", "field:/amount": "9"}, "The state was changed"),
        ({"kind": "skip", "field:/amount": "9"}, "The state was changed"),
        ({"kind": "edit", "field:/amount": "5"}, "Nothing was changed"),
        ({"kind": "edit", "field:/amount": "nine"}, "Must be a number"),
        (
            {"kind": "edit", "how:/messages": "replace", "field:/messages": '[{"id": "x"}, 1]'},
            "Must be a list of messages",
        ),
    ],
)
def test_a_typed_change_is_never_dropped_unsaid(
    ask: Open, rosa: User, form: dict[str, Any], says: str
) -> None:
    task = ask("order", **STATE)

    answer = browser_of(rosa).post(url("decide", task), form)

    assert answer.status_code == 422
    assert says in words(answer)
    assert form.get("field:/amount", "5") in words(answer)
    task.refresh_from_db()
    assert task.is_open
