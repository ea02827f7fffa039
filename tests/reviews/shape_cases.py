"""A question of every shape, an answer to it by each door, and what the graph must get."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CALL = {"name": "issue_refund", "args": {"order": 48213, "amount": 12.5, "notify": True}}
MAIL = {"name": "send_email", "args": {"to": "ann@example.com", "body": "On its way."}}
ALL = ["approve", "edit", "reject", "respond"]
BATCH = {
    "action_requests": [CALL, MAIL, CALL, MAIL],
    "review_configs": [
        {"action_name": "issue_refund", "allowed_decisions": ALL},
        {"action_name": "send_email", "allowed_decisions": ALL},
    ],
}
MESSAGE = {"properties": {"type": {"const": "approve"}}, "required": ["type"], "type": "object"}
PER_CALL = {
    "oneOf": [
        MESSAGE,
        {
            "properties": {"type": {"const": "reject"}, "message": {"type": "string"}},
            "required": ["type"],
            "type": "object",
        },
    ]
}
FLAGS = dict.fromkeys(("allow_accept", "allow_edit", "allow_respond", "allow_ignore"), True)
HUMAN = {
    "action_request": {"action": "book", "args": {"room": 7, "late": False}},
    "config": FLAGS,
    "description": "**Check** the room",
}
TREE = {"n": 1, "rate": 2.0, "deep": {"none": None, "on": False}, "tags": ["a", "b"]}
FORM = {
    "type": "object",
    "properties": {"amount": {"type": "integer", "maximum": 500}, "why": {"type": "string"}},
    "required": ["amount"],
}


@dataclass
class Case:
    """A question, one answer to it by API and by form, and what the graph must get."""

    name: str
    ask: Any
    shape: str
    verdict: dict[str, Any]
    form: dict[str, Any]
    gets: Any
    schema: Any = None
    policy: dict[str, Any] = field(default_factory=dict)


def one(kind: str, **rest: Any) -> dict[str, Any]:
    return {"actions": [{"kind": kind, **rest}]}


CASES = [
    Case(
        "a1 the text",
        {"text_to_revise": "Dear Ann", "case": 7},
        "a1",
        {"kind": "edit", "value": "Dear Bob"},
        {"text": "Dear Bob"},
        "Dear Bob",
    ),
    Case(
        "a1 unchanged",
        {"draft": "Dear\nAnn"},
        "a1",
        {"kind": "approve"},
        {"text": "Dear\r\nAnn"},  # as browsers post line ends
        "Dear\nAnn",
    ),
    Case(
        "a1 inside the object it came in",
        {"text_to_revise": "Dear Ann", "case": 7},
        "a1",
        {"kind": "edit", "value": "Dear Bob"},
        {"text": "Dear Bob"},
        {"text_to_revise": "Dear Bob", "case": 7},
        policy={"answers_as": "object"},
    ),
    Case(
        "a1 unchanged, inside its object",
        {"draft": "Dear Ann", "case": 7},
        "a1",
        {"kind": "approve"},
        {"text": "Dear Ann"},
        {"draft": "Dear Ann", "case": 7},
        policy={"answers_as": "object"},
    ),
    Case(
        "a3 a text that a policy shows as values",
        {"draft": "Dear Ann", "case": 7},
        "a3",
        {"kind": "edit", "value": {"draft": "Dear Ann", "case": 8}},
        {"field:/draft": "Dear Ann", "field:/case": "8"},
        {"draft": "Dear Ann", "case": 8},
        policy={"shape": "a3"},
    ),
    Case(
        "a1 rejected as the policy says",
        {"draft": "Dear Ann"},
        "a1",
        {"kind": "reject"},
        {"kind": "reject", "text": "half a thought"},
        {"approved": False, "reason": None},
        policy={"reject_value": {"approved": False, "reason": None}},
    ),
    Case(
        "a2 an option, not its index",
        {"question": "Which?", "options": ["low", 2, {"label": "High", "value": [3]}]},
        "a2",
        {"kind": "respond", "value": 2},
        {"option": "1"},
        2,
    ),
    Case(
        "a2 yes",
        {"question": "Go?"},
        "a2",
        {"kind": "respond", "value": True},
        {"option": "yes"},
        True,
    ),
    Case(
        "a2 no",
        {"question": "Go?"},
        "a2",
        {"kind": "respond", "value": False},
        {"option": "no"},
        False,
    ),
    Case(
        "a2 text",
        {"question": "Who?"},
        "a2",
        {"kind": "respond", "value": "Ann"},
        {"text": "Ann"},
        "Ann",
    ),
    Case(
        "a3 types and unknown keys kept",
        TREE,
        "a3",
        {"kind": "edit", "value": {**TREE, "n": 5}},
        {
            "field:/n": "5",
            "field:/rate": "2.0",
            "field:/deep/none": "null",
            "field:/tags": "a\r\nb",
        },
        {**TREE, "n": 5},
    ),
    Case("a3 untouched", TREE, "a3", {"kind": "approve"}, {"kind": "approve"}, TREE),
    Case(
        "b mixed, in the order asked",
        BATCH,
        "b",
        {
            "actions": [
                {"kind": "approve"},
                {"kind": "edit", "args": {"to": "bob@example.com", "body": "On its way."}},
                {"kind": "reject", "message": "Too much"},
                {"kind": "respond", "message": "Sent by hand"},
            ]
        },
        {
            "action-3-kind": "respond",
            "action-3-message": "Sent by hand",
            "action-2-kind": "reject",
            "action-2-message": "Too much",
            "action-1-kind": "edit",
            "action-1-field:/to": "bob@example.com",
            "action-1-field:/body": "On its way.",
            "action-0-kind": "approve",
        },
        {
            "decisions": [
                {"type": "approve"},
                {
                    "type": "edit",
                    "edited_action": {
                        "name": "send_email",
                        "args": {"to": "bob@example.com", "body": "On its way."},
                    },
                },
                {"type": "reject", "message": "Too much"},
                {"type": "respond", "message": "Sent by hand"},
            ]
        },
    ),
    Case(
        "b all at once",
        BATCH,
        "b",
        {"kind": "approve"},
        {"kind": "approve"},
        {"decisions": [{"type": "approve"}] * 4},
    ),
    Case(
        "b2 one decision, not a list",
        {"type": "tool_approval", "tool_call_id": "c1", **CALL},
        "b2",
        one("reject", message="No"),
        {"action-0-kind": "reject", "action-0-message": "No"},
        {"type": "reject", "message": "No"},
        schema=PER_CALL,
    ),
    Case(
        "c accept, a list of one for a bare dict",
        HUMAN,
        "c",
        one("approve"),
        {"action-0-kind": "approve"},
        [{"type": "accept", "args": HUMAN["action_request"]}],
    ),
    Case(
        "c edit",
        [HUMAN],
        "c",
        one("edit", args={"room": 8, "late": True}),
        {"action-0-kind": "edit", "action-0-field:/room": "8", "action-0-field:/late": "on"},
        [{"type": "edit", "args": {"action": "book", "args": {"room": 8, "late": True}}}],
    ),
    Case(
        "c respond and ignore",
        [HUMAN, HUMAN],
        "c",
        {"actions": [{"kind": "respond", "message": "Which day?"}, {"kind": "reject"}]},
        {
            "action-0-kind": "respond",
            "action-0-message": "Which day?",
            "action-1-kind": "reject",
        },
        [{"type": "response", "args": "Which day?"}, {"type": "ignore", "args": None}],
    ),
    Case(
        "c edited as text, like agent-inbox",
        HUMAN,
        "c",
        one("edit", args={"room": 8, "late": False}),
        {"action-0-kind": "edit", "action-0-field:/room": "8"},
        [{"type": "edit", "args": {"action": "book", "args": {"room": "8", "late": False}}}],
        policy={"answers_as": "text"},
    ),
    Case("d the string", "Who?", "d", {"kind": "respond", "value": "Ann"}, {"text": "Ann"}, "Ann"),
    Case(
        "f the validated instance",
        {"question": "How much?"},
        "f",
        {"kind": "respond", "value": {"amount": 500}},
        {"field:/amount": "500", "field:/why": ""},
        {"amount": 500},
        schema=FORM,
    ),
    Case(
        "f as JSON",
        {"question": "How much?"},
        "f",
        {"kind": "respond", "value": {"amount": 500, "why": "late"}},
        {"mode": "json", "json": '{\n  "amount": 500,\n  "why": "late"\n}', "field:/amount": "7"},
        {"amount": 500, "why": "late"},
        schema=FORM,
    ),
    Case(
        "g a schema that a policy shows as any JSON",
        {"question": "How much?"},
        "g",
        {"kind": "respond", "value": {"amount": 5}},
        {"json": '{\n  "amount": 5\n}'},
        {"amount": 5},
        schema=FORM,
        policy={"shape": "g"},
    ),
    Case("g a number", 7, "g", {"kind": "respond", "value": 1.0}, {"json": "1.0"}, 1.0),
    Case("g text", None, "g", {"kind": "respond", "value": "1"}, {"text": "1"}, "1"),
    Case("g null", [], "g", {"kind": "respond", "value": None}, {"json": "null"}, None),
    Case("g empty", [], "g", {"kind": "respond", "value": {}}, {"json": "{}"}, {}),
]
