"""Every row of the table of answers: what is read of a question, and what a verdict becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest

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


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        (f"Please look.\n\nTool: send_email\nArgs: {MAIL}", "Please look."),
        ("Please look.\n\nTool: send_email\nArgs: {'to': 'bob'}", None),
        (f"Please look.\n\nTool: send_email\nArgs: {MAIL}\nNow.", None),
        ("Please look.", None),
    ],
    ids=["the call again", "another call", "words behind it", "words alone"],
)
def test_a_description_does_not_repeat_the_call_it_stands_above(
    description: str, shown: str | None
) -> None:
    asked = batch()
    asked.value["action_requests"][0]["description"] = description

    (action,) = payloads.actions_of(asked)

    assert action.description == (shown or description)
