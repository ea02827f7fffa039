"""A decision that was taken back is in the form again, as it was given."""

from __future__ import annotations

from typing import Any

import pytest

from reviews import payloads
from reviews.payloads import Asked

ACTIONS = {
    "action_requests": [
        {"name": "refund", "args": {"order": "48213", "amount": 12.5, "notify": True}},
        {"name": "mail", "args": {"to": "marta@example.com"}},
        {"name": "close", "args": {}},
    ],
    "review_configs": [
        {"action_name": name, "allowed_decisions": ["approve", "edit", "reject", "respond"]}
        for name in ("refund", "mail", "close")
    ],
}
EDITED = {
    "type": "edit",
    "edited_action": {"name": "refund", "args": {"order": "48213", "amount": 9.0, "notify": False}},
}
SCHEMA = {
    "type": "object",
    "properties": {
        "grade": {"enum": ["good", "bad"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "stay": {
            "type": "array",
            "items": {"type": "object", "properties": {"nights": {"type": "integer"}}},
        },
        "sure": {"type": "boolean"},
    },
    "required": ["grade"],
}
HUMAN = {
    "action_request": {"action": "book", "args": {"city": "Oslo"}},
    "config": {
        "allow_accept": True,
        "allow_edit": True,
        "allow_respond": True,
        "allow_ignore": True,
    },
}


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (Asked({"text_to_revise": "Hi\r\nthere"}), "Ho\r\nthere"),
        (Asked("Which one?"), "the left"),
        (
            Asked({"amount": 12, "booked": False, "lines": ["a"]}),
            {"amount": 13, "booked": True, "lines": ["a", "b"]},
        ),
        (Asked({"amount": 12}), {"amount": 12, "more": [1, None]}),
        (Asked({"question": "Which?", "options": ["a", {"b": 1}]}), {"b": 1}),
        (Asked({"question": "Ship?"}), False),
        (Asked({"question": "Ship?"}), "not today"),
        (Asked(42), {"deep": [1.5]}),
        (
            Asked("Rate it", SCHEMA),
            {"grade": "bad", "tags": ["x", "y"], "stay": [{"nights": 2}], "sure": True},
        ),
        (
            Asked({"question": "Rate it", "default": {"sure": True}}, SCHEMA),
            {"sure": False, "grade": "good"},
        ),
        (Asked("Rate it", SCHEMA), {"grade": "good", "sure": False}),
        (
            Asked(ACTIONS),
            {"decisions": [EDITED, {"type": "reject", "message": "no"}, {"type": "approve"}]},
        ),
        (Asked(ACTIONS), {"decisions": [{"type": "respond", "message": "done"}] * 3}),
        (
            Asked([HUMAN]),
            [{"type": "edit", "args": {"action": "book", "args": {"city": "Bergen"}}}],
        ),
        (Asked([HUMAN]), [{"type": "response", "args": "no hotel"}]),
        (Asked([HUMAN]), [{"type": "ignore", "args": None}]),
    ],
)
def test_an_answer_leads_back_to_the_form_that_gives_it(asked: Asked, answer: Any) -> None:
    form = payloads.form_of_answer(asked, answer)

    again = payloads.answer_value(asked, payloads.verdict_from_form(asked, form))

    assert payloads.json_text(again) == payloads.json_text(answer)
