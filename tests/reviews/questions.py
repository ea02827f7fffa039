"""What graphs ask, one of each kind, for the tests of payloads."""

from __future__ import annotations

from typing import Any

from reviews.payloads import Asked, Shape

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
