"""Every row of the table of answers, and every JSON value a model might send."""

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

TEXT = {"text_to_revise": "original text"}
QUESTION = {"side": "left", "question": "left?"}
OPTIONS = {"question": "Which?", "options": ["low", 2, None, {"label": "High", "value": [3]}]}
REFUND = {"amount": 120, "rate": 1.5, "currency": "EUR", "urgent": False, "tags": ["a", "b"]}
MAIL = {"to": "ann@example.com", "body": "hi"}


def batch(count: int = 1, allowed: Any = ("approve", "edit", "reject", "respond")) -> Asked:
    """The middleware's payload, as the reference server sends it."""
    requests = [{"name": "send_email", "args": MAIL, "description": "d"}] * count
    configs = [{"action_name": "send_email", "allowed_decisions": list(allowed)}] * count
    return Asked({"action_requests": requests, "review_configs": configs})


PER_CALL_SCHEMA = {
    "$defs": {
        "ApproveDecision": {
            "properties": {"type": {"const": "approve", "type": "string"}},
            "required": ["type"],
            "type": "object",
        },
        "EditDecision": {
            "properties": {
                "type": {"const": "edit", "type": "string"},
                "edited_action": {"$ref": "#/$defs/EditedAction"},
            },
            "required": ["type", "edited_action"],
            "type": "object",
        },
        "EditedAction": {
            "properties": {
                "name": {"const": "send_email", "type": "string"},
                "args": {"$ref": "#/$defs/send_email"},
            },
            "required": ["name", "args"],
            "type": "object",
        },
        "RejectDecision": {
            "properties": {
                "type": {"const": "reject", "type": "string"},
                "message": {"type": "string"},
            },
            "required": ["type"],
            "type": "object",
        },
        "send_email": {
            "properties": {"to": {"title": "To", "type": "string"}, "body": {"type": "string"}},
            "required": ["to", "body"],
            "type": "object",
        },
    },
    "discriminator": {"propertyName": "type"},
    "oneOf": [
        {"$ref": "#/$defs/ApproveDecision"},
        {"$ref": "#/$defs/EditDecision"},
        {"$ref": "#/$defs/RejectDecision"},
    ],
}
PER_CALL = Asked(
    {"type": "tool_approval", "tool_call_id": "call_1", "name": "send_email", "args": MAIL},
    response_schema=PER_CALL_SCHEMA,
)


def human(**flags: bool) -> dict[str, Any]:
    request = {"action": "send_email", "args": MAIL}
    flags = flags or dict.fromkeys(
        ("allow_accept", "allow_edit", "allow_respond", "allow_ignore"), True
    )
    return {"action_request": request, "config": flags, "description": "Check"}


DECISION = {
    "type": "object",
    "title": "Decision",
    "properties": {
        "action": {"enum": ["approve", "reject"]},
        "amount": {"type": "integer", "minimum": 0},
    },
    "required": ["action"],
}
FORM = Asked({"question": "approve?"}, response_schema=DECISION)
PAUSED = Asked(None, is_breakpoint=True, node="publish")

SHAPES = [
    (PAUSED, Shape.BREAKPOINT, "Paused before publish", "Breakpoint"),
    (PER_CALL, Shape.TOOL_CALL, "Approve send_email", "Approve 1 action"),
    (batch(2), Shape.BATCH, "Approve send_email and 1 more", "Approve 2 actions"),
    (Asked(human()), Shape.HUMAN_INTERRUPT, "Approve send_email", "Approve 1 action"),
    (Asked([human()] * 3), Shape.HUMAN_INTERRUPT, "Approve send_email and 2 more", None),
    (FORM, Shape.FORM, "approve?", "Form, 2 fields"),
    (Asked({"schema": DECISION}), Shape.FORM, "Fill in Decision", "Form, 2 fields"),
    (Asked("Go on?"), Shape.QUESTION, "Go on?", "Question"),
    (Asked(""), Shape.QUESTION, 'Answer to ""', "Question"),
    (Asked(TEXT), Shape.TEXT, "Text to revise: original text", "Edit text"),
    (Asked({"n": 1, "x": "a\nb"}), Shape.TEXT, "X: a b", "Edit text"),
    (Asked(QUESTION), Shape.QUESTION_DICT, "left?", "Question"),
    (Asked({"message": "Which?", "choices": [1]}), Shape.QUESTION_DICT, "Which?", "Question"),
    (Asked(REFUND), Shape.STRUCTURED, "Review amount, rate, currency, urgent, …", "Edit 6 values"),
    (Asked([1, 2]), Shape.STRUCTURED, "Review 2 items", "Edit 2 values"),
    (Asked({"schema": {"type": "str"}, "a": 1}), Shape.STRUCTURED, None, None),
    (Asked("note?", response_schema={"type": "str"}), Shape.QUESTION, "note?", None),
    (Asked(7), Shape.OTHER, "Answer to 7", "JSON"),
    (Asked(None), Shape.OTHER, "Answer to null", "JSON"),
    (Asked({}), Shape.OTHER, "Answer to {}", "JSON"),
    (Asked({str(n): n for n in range(61)}), Shape.OTHER, None, "JSON"),
    (Asked({"a\nb": 1}), Shape.OTHER, None, "JSON"),
]


@pytest.mark.parametrize(("asked", "shape", "title", "summary"), SHAPES)
def test_each_payload_has_its_shape(
    asked: Asked, shape: Shape, title: str | None, summary: str | None
) -> None:
    assert payloads.shape_of(asked) is shape
    assert title is None or payloads.title_of(asked) == title
    assert summary is None or payloads.summary_of(asked) == summary


def test_a_title_is_one_plain_line() -> None:
    asked = Asked("Pay\u202e 9,000\n\u200bEUR\x07 now? " + "x" * 500)

    title = payloads.title_of(asked)

    assert title.startswith("Pay 9,000 EUR now? xxx")
    assert title.endswith("…")
    assert len(title) <= 120


def test_what_is_shown_of_a_question_marks_what_cannot_be_seen() -> None:
    question = payloads.question_of(Asked({"question": "a\u202eb", "side": "left"}))

    assert question == payloads.Question("a⟨U+202E⟩b", (), {"side": "left"})
    assert payloads.json_text({"a": "x\u202e\ud800"}, indent=None) == '{"a": "x\\u202e\\ud800"}'


def test_options_are_shown_by_label_and_sent_by_value() -> None:
    question = payloads.question_of(Asked(OPTIONS))

    assert question is not None
    assert [(option.label, option.value) for option in question.options] == [
        ("low", "low"),
        ("2", 2),
        ("None", None),
        ("High", [3]),
    ]


ANSWERS = [
    (Asked(TEXT), {"kind": "edit", "value": "mine"}, '"mine"'),
    (Asked(TEXT), {"kind": "edit", "value": ""}, '""'),
    (Asked(TEXT), {"kind": "approve"}, '"original text"'),
    (Asked(OPTIONS), {"kind": "respond", "value": [3]}, "[3]"),
    (Asked(QUESTION), {"kind": "respond", "value": "yes"}, '"yes"'),
    (Asked(QUESTION), {"kind": "respond", "value": False}, "false"),
    (
        Asked(REFUND),
        {"kind": "edit", "value": {**REFUND, "amount": 99, "new": None}},
        '{"amount": 99, "rate": 1.5, "currency": "EUR", "urgent": false, "tags": ["a", "b"], '
        '"new": null}',
    ),
    (
        batch(4),
        {
            "actions": [
                {"kind": "approve"},
                {"kind": "edit", "args": {"to": "eve@example.com", "body": "hi"}},
                {"kind": "reject", "message": "no"},
                {"kind": "respond", "message": "sent by hand"},
            ]
        },
        '{"decisions": [{"type": "approve"}, {"type": "edit", "edited_action": '
        '{"name": "send_email", "args": {"to": "eve@example.com", "body": "hi"}}}, '
        '{"type": "reject", "message": "no"}, {"type": "respond", "message": "sent by hand"}]}',
    ),
    (batch(), {"actions": [{"kind": "reject"}]}, '{"decisions": [{"type": "reject"}]}'),
    (
        batch(),
        {"actions": [{"kind": "edit", "args": MAIL}]},
        '{"decisions": [{"type": "approve"}]}',
    ),
    (
        batch(allowed=["edit"]),
        {"actions": [{"kind": "edit", "args": MAIL}]},
        '{"decisions": [{"type": "edit", "edited_action": {"name": "send_email", '
        '"args": {"to": "ann@example.com", "body": "hi"}}}]}',
    ),
    (
        batch(2),
        {"kind": "approve"},
        '{"decisions": [{"type": "approve"}, {"type": "approve"}]}',
    ),
    (PER_CALL, {"actions": [{"kind": "approve"}]}, '{"type": "approve"}'),
    (
        PER_CALL,
        {"actions": [{"kind": "edit", "args": {"to": "a", "body": "b"}, "name": "rm"}]},
        '{"type": "edit", "edited_action": {"name": "send_email", '
        '"args": {"to": "a", "body": "b"}}}',
    ),
    (
        PER_CALL,
        {"actions": [{"kind": "reject", "message": "no"}]},
        '{"type": "reject", "message": "no"}',
    ),
    (
        Asked(human()),
        {"kind": "approve"},
        '[{"type": "accept", "args": {"action": "send_email", "args": '
        '{"to": "ann@example.com", "body": "hi"}}}]',
    ),
    (
        Asked([human()]),
        {"actions": [{"kind": "edit", "args": {"to": "bob"}}]},
        '[{"type": "edit", "args": {"action": "send_email", "args": {"to": "bob"}}}]',
    ),
    (
        Asked([human(), human()]),
        {"actions": [{"kind": "respond", "message": "text"}, {"kind": "reject"}]},
        '[{"type": "response", "args": "text"}, {"type": "ignore", "args": null}]',
    ),
    (Asked("Go on?"), {"kind": "respond", "value": "yes"}, '"yes"'),
    (
        FORM,
        {"kind": "respond", "value": {"action": "approve", "amount": 3}},
        '{"action": "approve", "amount": 3}',
    ),
    (Asked(7), {"kind": "respond", "value": {"a": [None, 1.0]}}, '{"a": [null, 1.0]}'),
    (Asked(7), {"kind": "respond", "value": ""}, '""'),
    (PAUSED, {"kind": "continue"}, "null"),
    (PAUSED, {"kind": "stop"}, "null"),
]


@pytest.mark.parametrize(("asked", "verdict", "sent"), ANSWERS)
def test_a_verdict_becomes_exactly_what_the_graph_wants(
    asked: Asked, verdict: dict[str, Any], sent: str
) -> None:
    value = payloads.answer_value(asked, verdict)

    assert json.dumps(value) == sent
    # What we send passes our own reading of raw answers, as something the pause allows.
    kind = payloads.read_answer(asked, value)
    assert kind in payloads.allowed_verdicts(asked)


DEEP: Any = []
for _ in range(100):
    DEEP = [DEEP]

REFUSALS = [
    (Asked(TEXT), {"kind": "reject"}, "/kind"),
    (Asked(TEXT), {"kind": ["edit"], "value": "x"}, "/kind"),
    (Asked(TEXT), {"kind": "edit"}, "/value"),
    (Asked(TEXT), {"kind": "edit", "value": 5}, "/value"),
    (Asked(TEXT), {"kind": "edit", "value": "a\0b"}, "/value"),
    (Asked(TEXT), {"kind": "edit", "value": "\ud800"}, "/value"),
    (Asked(TEXT), {"kind": "approve", "value": "changed"}, "/value"),
    (Asked("Go on?"), {"kind": "respond", "value": " "}, "/value"),
    (Asked(QUESTION), {"kind": "respond", "value": ""}, "/value"),
    (Asked(REFUND), {"kind": "edit", "value": [1]}, "/value"),
    (Asked(REFUND), {"kind": "edit", "value": {"rate": float("inf")}}, "/value/rate"),
    (Asked(REFUND), {"kind": "edit", "value": {"n": {"id": 2**64}}}, "/value/n/id"),
    (Asked(REFUND), {"kind": "edit", "value": {"a/b": "\0"}}, "/value/a~1b"),
    (Asked(7), {"kind": "respond", "value": DEEP}, "/value"),
    (Asked(7), {"kind": "respond", "value": float("nan")}, "/value"),
    (FORM, {"kind": "respond", "value": {"amount": 3}}, "/value/action"),
    (FORM, {"kind": "respond", "value": {"action": "approve", "amount": -1}}, "/value/amount"),
    (FORM, {"kind": "respond", "value": {"action": "approve", "amount": "3"}}, "/value/amount"),
    (batch(2), {"actions": [{"kind": "approve"}]}, "/actions"),
    (batch(2), {"actions": [{"kind": "approve"}] * 3}, "/actions"),
    (batch(), {"actions": ["approve"]}, "/actions/0"),
    (batch(), {"actions": "approve"}, "/actions"),
    (batch(), {"kind": "edit"}, "/kind"),
    (batch(allowed=["reject"]), {"kind": "approve"}, "/actions/0/kind"),
    (batch(), {"actions": [{"kind": "continue"}]}, "/actions/0/kind"),
    (batch(), {"actions": [{"kind": "edit"}]}, "/actions/0/args"),
    (batch(), {"actions": [{"kind": "respond"}]}, "/actions/0/message"),
    (batch(), {"actions": [{"kind": "respond", "message": " "}]}, "/actions/0/message"),
    (batch(), {"actions": [{"kind": "reject", "message": 5}]}, "/actions/0/message"),
    (batch(), {"actions": [{"kind": "reject", "message": "\0"}]}, "/actions/0/message"),
    (PER_CALL, {"actions": [{"kind": "respond", "message": "x"}]}, "/actions/0/kind"),
    (
        PER_CALL,
        {"actions": [{"kind": "edit", "args": {"to": 5, "body": ""}}]},
        "/actions/0/args/to",
    ),
    (PER_CALL, {"actions": [{"kind": "edit", "args": {"to": "a"}}]}, "/actions/0/args/body"),
    (Asked(human(allow_accept=True)), {"kind": "reject"}, "/actions/0/kind"),
    (PAUSED, {"kind": "approve"}, "/kind"),
    (PAUSED, "continue", ""),
]


@pytest.mark.parametrize(("asked", "verdict", "pointer"), REFUSALS)
def test_a_refused_verdict_names_the_field(asked: Asked, verdict: Any, pointer: str) -> None:
    with pytest.raises(AnswerRefused) as refused:
        payloads.answer_value(asked, verdict)

    assert [error.pointer for error in refused.value.errors] == [pointer]


@pytest.mark.parametrize("sent", ["1.0", "true", '"1"'])
def test_a_change_of_type_alone_is_an_edit(sent: str) -> None:
    request = {"name": "pay", "args": {"n": 1}}
    config = {"action_name": "pay", "allowed_decisions": ["approve", "edit"]}
    asked = Asked({"action_requests": [request], "review_configs": [config]})
    verdict = {"actions": [{"kind": "edit", "args": {"n": json.loads(sent)}}]}

    value = payloads.answer_value(asked, verdict)

    assert json.dumps(value["decisions"][0]["edited_action"]["args"]) == f'{{"n": {sent}}}'


def test_all_wrong_actions_are_named_at_once() -> None:
    verdict = {"actions": [{"kind": "respond"}, {"kind": "approve"}, {"kind": "no"}]}

    with pytest.raises(AnswerRefused) as refused:
        payloads.answer_value(batch(3), verdict)

    assert [e.pointer for e in refused.value.errors] == ["/actions/0/message", "/actions/2/kind"]
    assert list(refused.value.under("/actions/2")) == ["/kind"]


def test_the_allowed_decisions_go_by_name_and_then_by_place() -> None:
    requests = [{"name": name, "args": {}} for name in ("a", "b", "c")]
    configs = [
        {"action_name": "b", "allowed_decisions": ["reject", "bogus"]},
        {"action_name": "a", "allowed_decisions": ["edit", "approve"]},
        {"action_name": "z", "allowed_decisions": ["respond"]},
    ]
    asked = Asked({"action_requests": requests, "review_configs": configs})

    assert [action.allowed for action in payloads.actions_of(asked)] == [
        (Kind.APPROVE, Kind.EDIT),
        (Kind.REJECT,),
        (Kind.RESPOND,),
    ]


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
