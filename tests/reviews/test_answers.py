"""Answers as they come in: raw from programs, posted from forms, and every JSON value there is."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews import payloads
from reviews.payloads import AnswerRefused, Asked, Kind, Shape
from tests.reviews.questions import (
    FORM,
    MAIL,
    OPTIONS,
    PAUSED,
    PER_CALL,
    QUESTION,
    REFUND,
    SHAPES,
    TEXT,
    batch,
    human,
)

RAW = [
    (Asked(TEXT), "original text", Kind.APPROVE),
    (Asked(TEXT), {"anything": 1}, Kind.EDIT),
    (Asked(REFUND), dict(reversed(REFUND.items())), Kind.APPROVE),
    (Asked(REFUND), {**REFUND, "amount": 120.0}, Kind.EDIT),
    (Asked(REFUND), {**REFUND, "urgent": 0}, Kind.EDIT),
    (Asked("Go on?"), None, Kind.RESPOND),
    (FORM, {"action": "reject"}, Kind.RESPOND),
    (batch(2), {"decisions": [{"type": "approve"}, {"type": "reject"}]}, Kind.REJECT),
    (
        batch(),
        {"decisions": [{"type": "edit", "edited_action": {"name": "other", "args": {}}}]},
        Kind.EDIT,
    ),
    (PER_CALL, {"type": "approve"}, Kind.APPROVE),
    (Asked(human()), [{"type": "ignore", "args": None}], Kind.REJECT),
    (Asked(human()), "whatever the graph reads", Kind.RESPOND),
    (PAUSED, None, Kind.CONTINUE),
]


@pytest.mark.parametrize(("asked", "value", "kind"), RAW)
def test_a_raw_answer_is_read_as_a_verdict(asked: Asked, value: Any, kind: Kind) -> None:
    assert payloads.read_answer(asked, value) is kind


RAW_REFUSALS = [
    (batch(), {"type": "approve"}, "/decisions"),
    (batch(2), {"decisions": [{"type": "approve"}]}, "/decisions"),
    (batch(), {"decisions": [{}]}, "/decisions/0/type"),
    (batch(allowed=["approve"]), {"decisions": [{"type": "reject"}]}, "/decisions/0/type"),
    (batch(), {"decisions": [{"type": "edit"}]}, "/decisions/0/edited_action"),
    (batch(), {"decisions": [{"type": "respond"}]}, "/decisions/0/message"),
    (batch(), {"decisions": [{"type": "reject", "message": 1}]}, "/decisions/0/message"),
    (PER_CALL, {"type": "bogus"}, "/type"),
    (
        PER_CALL,
        {"type": "edit", "edited_action": {"name": "rm", "args": MAIL}},
        "/edited_action/name",
    ),
    (FORM, "approve", ""),
    (FORM, {"action": "maybe"}, "/action"),
    (Asked("Go on?"), ["\0"], "/0"),
    (PAUSED, "go", ""),
]


@pytest.mark.parametrize(("asked", "value", "pointer"), RAW_REFUSALS)
def test_a_raw_answer_that_would_jam_the_graph_is_refused(
    asked: Asked, value: Any, pointer: str
) -> None:
    with pytest.raises(AnswerRefused) as refused:
        payloads.read_answer(asked, value)

    assert [error.pointer for error in refused.value.errors] == [pointer]


EDITS = [
    (Asked(TEXT), "mine", [("/text_to_revise", "changed", "original text", "mine")]),
    (Asked(TEXT), "original text", []),
    (
        Asked({"a": {"x": 1}, "b": [1, 2], "c": 3}),
        {"a": {"x": True}, "b": [1], "d": None},
        [
            ("/c", "removed", 3, None),
            ("/d", "added", None, None),
            ("/a/x", "changed", 1, True),
            ("/b/1", "removed", 2, None),
        ],
    ),
    (
        batch(2),
        {
            "decisions": [
                {"type": "approve"},
                {"type": "edit", "edited_action": {"name": "other", "args": {**MAIL, "to": "b"}}},
            ]
        },
        [
            ("/action_requests/1/name", "changed", "send_email", "other"),
            ("/action_requests/1/args/to", "changed", "ann@example.com", "b"),
        ],
    ),
    (
        PER_CALL,
        {"type": "edit", "edited_action": {"name": "send_email", "args": {**MAIL, "to": "b"}}},
        [("/args/to", "changed", "ann@example.com", "b")],
    ),
    (
        Asked([human()]),
        [{"type": "edit", "args": {"action": "send_email", "args": {**MAIL, "to": "b"}}}],
        [("/0/action_request/args/to", "changed", "ann@example.com", "b")],
    ),
    (Asked("Go on?"), "yes", []),
]


@pytest.mark.parametrize(("asked", "value", "expected"), EDITS)
def test_what_was_changed_is_told(asked: Asked, value: Any, expected: list[Any]) -> None:
    found = payloads.edits(asked, value)

    assert [(edit.pointer, edit.change, edit.before, edit.after) for edit in found] == expected


POSTS = [
    (Asked(TEXT), "text=original+text", {"kind": "approve", "value": "original text"}),
    (Asked(TEXT), "kind=edit&text=a%0D%0Ab", {"kind": "edit", "value": "a\nb"}),
    (Asked({"draft": "a\r\nb"}), "text=a%0D%0Ab", {"kind": "approve", "value": "a\r\nb"}),
    (Asked({"draft": "a\r\nb"}), "text=a%0D%0Ac", {"kind": "edit", "value": "a\r\nc"}),
    (Asked(TEXT), "kind=approve", {"kind": "approve"}),
    (Asked("Go on?"), "text=yes", {"kind": "respond", "value": "yes"}),
    (Asked(OPTIONS), "option=2", {"kind": "respond", "value": None}),
    (Asked(OPTIONS), "option=3&text=", {"kind": "respond", "value": [3]}),
    (Asked(QUESTION), "option=no", {"kind": "respond", "value": False}),
    (Asked(QUESTION), "json=%5B1%5D&text=", {"kind": "respond", "value": [1]}),
    (Asked(7), "text=7", {"kind": "respond", "value": "7"}),
    (Asked(7), "json=7", {"kind": "respond", "value": 7}),
    (Asked(REFUND), "kind=approve", {"kind": "approve"}),
    (
        Asked(REFUND),
        "field:/amount=99&field:/rate=2&field:/currency=EUR&field:/urgent=on&field:/tags=a%0Ac",
        {
            "kind": "edit",
            "value": {
                "amount": 99,
                "rate": 2.0,
                "currency": "EUR",
                "urgent": True,
                "tags": ["a", "c"],
            },
        },
    ),
    (Asked(REFUND), "json=%7B%22a%22:1%7D", {"kind": "edit", "value": {"a": 1}}),
    (
        batch(3),
        "action-0-kind=approve&action-1-kind=reject&action-1-message=no&action-2-kind=edit"
        "&action-2-field:/to=bob&action-2-field:/body=hi",
        {
            "actions": [
                {"kind": "approve"},
                {"kind": "reject", "message": "no"},
                {"kind": "edit", "args": {"to": "bob", "body": "hi"}},
            ]
        },
    ),
    (batch(2), "kind=approve", {"actions": [{"kind": "approve"}, {"kind": "approve"}]}),
    (
        PER_CALL,
        "kind=edit&action-0-field:/to=bob&action-0-field:/body=hi",
        {"actions": [{"kind": "edit", "args": {"to": "bob", "body": "hi"}}]},
    ),
    (PAUSED, "kind=stop", {"kind": "stop"}),
]


@pytest.mark.parametrize(("asked", "query", "verdict"), POSTS)
def test_a_posted_form_becomes_a_verdict(asked: Asked, query: str, verdict: Any) -> None:
    found = payloads.verdict_from_form(asked, QueryDict(query))

    assert found == verdict
    assert json.dumps(found) == json.dumps(verdict)  # 1 is not 1.0 is not true
    payloads.answer_value(asked, found)


POST_REFUSALS = [
    (Asked(TEXT), "kind=edit", "/value"),
    (Asked(TEXT), "kind=reject&text=x", "/kind"),
    (Asked(OPTIONS), "option=9", "/value"),
    (Asked(OPTIONS), "option=1&text=other", "/value"),
    (Asked(7), "json=%7B", "/value"),
    (Asked(7), "json=1e400", "/value"),
    (Asked(7), "json=NaN", "/value"),
    (Asked(7), "json=%7B%22a%22:1,%22a%22:2%7D", "/value"),
    (Asked(7), "json=" + "[" * 100_000, "/value"),
    (Asked(7), "json=" + "9" * 5_000, "/value"),
    (Asked({"n": 1}), "field:/n=1.5", "/value/n"),
    (Asked({"n": 1}), "field:/n=%D9%A1", "/value/n"),
    (Asked({"n": 1.5}), "field:/n=1e400", "/value/n"),
    (Asked({"n": 1}), "field:/n=", "/value/n"),
    (Asked({"s": "x"}), "field:/other=1&field:/s=x", "/value"),
    (Asked({"s": "x"}), "field:/s=a%00", "/value/s"),
    (Asked({"s": "x", "t": "y"}), "field:/s=x", "/value/t"),
    (batch(), "action-0-kind=", "/actions/0/kind"),
    (batch(2), "kind=approve&action-1-kind=reject", "/actions/1/kind"),
    (batch(), "action-0-kind=approve&action-7-kind=approve", "/actions"),
    (batch(), "kind=approve&field:/to=x", "/actions"),
    (batch(), "kind=edit&action-0-field:/cc=x&action-0-field:/to=a&action-0-field:/body=b", None),
]


@pytest.mark.parametrize(("asked", "query", "pointer"), POST_REFUSALS)
def test_a_form_that_cannot_be_meant_is_refused(
    asked: Asked, query: str, pointer: str | None
) -> None:
    with pytest.raises(AnswerRefused) as refused:
        payloads.verdict_from_form(asked, QueryDict(query))

    assert [e.pointer for e in refused.value.errors] == [pointer or "/actions/0/args"]


keys = st.text(max_size=6) | st.sampled_from(
    [
        *("", "/", "~", "~1", "-", "a\nb", "\u202e", "\ud800", "question", "options", "draft"),
        *("type", "name", "args", "action_requests", "review_configs", "schema", "config"),
        *("action_request", "action", "properties", "oneOf", "items", "enum", "$ref", "required"),
        *("allowed_decisions", "action_name", "default", "const", "title", "pattern", "anyOf"),
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=200)
    | st.sampled_from(
        [
            *("\ud800", "\0", "\u202e", "2026-02-30", "x" * 5_000, 10**400, "#", "#/$defs/x"),
            *(
                "tool_approval",
                "object",
                "array",
                "string",
                "approve",
                "edit",
                "http://[",
                "(a+)+$",
            ),
        ]
    )
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=30,
)
asked_values = st.builds(
    Asked,
    json_values,
    response_schema=st.none() | st.dictionaries(keys, json_values, max_size=4),
    is_breakpoint=st.sampled_from([False, False, False, True]),
    node=st.text(max_size=10),
)


def read_all(asked: Asked) -> None:
    """Everything a page asks of a payload; what it shows must survive being sent as UTF-8."""
    title = payloads.title_of(asked)
    assert 0 < len(title) <= 120
    assert "\n" not in title
    actions = payloads.actions_of(asked)
    fields = [*payloads.fields_of(asked), *(field for a in actions for field in a.fields)]
    shown = [title, payloads.summary_of(asked), payloads.json_text(asked.value)]
    shown += [f"{field.name}{field.label}{field.text}{field.help}" for field in fields]
    "".join(shown).encode()
    assert payloads.allowed_verdicts(asked)
    payloads.text_of(asked)
    payloads.question_of(asked)


@settings(max_examples=400, deadline=None)
@given(asked=asked_values)
def test_no_json_makes_reading_raise(asked: Asked) -> None:
    read_all(asked)


@settings(max_examples=400, deadline=None)
@given(
    asked=asked_values | st.sampled_from([case[0] for case in SHAPES]),
    verdict=st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from([*Kind, "x", None, 1]),
            "value": json_values,
            "actions": st.none()
            | st.lists(
                st.fixed_dictionaries(
                    {"kind": st.sampled_from([*Kind])},
                    optional={"args": json_values, "message": json_values},
                )
                | json_values,
                max_size=3,
            ),
        },
    ),
    value=json_values,
)
def test_no_answer_raises_anything_but_a_refusal(asked: Asked, verdict: Any, value: Any) -> None:
    with contextlib.suppress(AnswerRefused):
        sent = payloads.answer_value(asked, verdict)
        assert payloads.read_answer(asked, sent) in payloads.allowed_verdicts(asked) or (
            asked.is_breakpoint
        )
    with contextlib.suppress(AnswerRefused):
        payloads.read_answer(asked, value)
    payloads.edits(asked, value)


@settings(max_examples=300, deadline=None)
@given(value=json_values)
def test_sending_the_untouched_form_sends_the_value_untouched(value: Any) -> None:
    asked = Asked(value)
    if asked.shape is not Shape.STRUCTURED:
        return
    posted = {
        field.name: list(field.chosen) or [field.text.replace("\r\n", "\n").replace("\n", "\r\n")]
        for field in payloads.fields_of(asked)
        if field.control is not payloads.Control.CHECKBOX or field.chosen
    }
    try:
        verdict = payloads.verdict_from_form(asked, posted)
        sent = payloads.answer_value(asked, verdict)
    except AnswerRefused:
        return  # it holds what cannot be sent
    assert json.dumps(sent) == json.dumps(value)
    assert verdict["kind"] == "approve"


def nested(depth: int, inner: Any = None) -> Any:
    value = inner
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("depth", [70, 1_000, 20_000])
def test_deep_nesting_harms_nobody(depth: int) -> None:
    deep = nested(depth)
    call = {"name": "t", "args": {"x": deep}, "type": "tool_approval"}
    values = [deep, {"draft": "x", "y": deep}, {"question": "?", "options": [deep]}, call]
    values += [{"schema": {"type": "object", "properties": {"a": deep}}}]
    values += [{"action_requests": [call], "review_configs": [{"args_schema": deep}]}]
    values += [{**human(), "action_request": {"action": "x", "args": {"y": deep}}}]

    for value in values:
        asked = Asked(value)
        read_all(asked)
        payloads.edits(asked, nested(depth, inner=1))
        with pytest.raises(AnswerRefused):
            payloads.read_answer(asked, deep)
    read_all(Asked("?", response_schema={"properties": {"a": deep}}))


def test_a_long_key_above_many_parts_costs_no_memory() -> None:
    value = {"k" * 1_000_000: [{"n": n} for n in range(20_000)]}

    tracemalloc.start()
    try:
        read_all(Asked(value))
        payloads.read_answer(Asked(value), value)
        payloads.edits(Asked([value]), [{"k" * 1_000_000: []}])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000


def test_a_number_too_long_to_write_harms_nobody() -> None:
    asked = Asked({"n": 10**5_000, "f": float("inf")})

    read_all(asked)

    with pytest.raises(AnswerRefused):
        payloads.answer_value(asked, {"kind": "approve"})
