"""The actions a tool approval asks about, in whichever of the three dialects it came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reviews.payloads.fields import Field, rows_of
from reviews.payloads.forms import top_fields
from reviews.payloads.judging import is_usable
from reviews.payloads.references import JsonSchema, resolved
from reviews.payloads.schema_form import form_for
from reviews.payloads.shapes import Asked, Shape, human_requests
from reviews.payloads.wording import one_line, visible


class Kind(StrEnum):
    """What a reviewer may do."""

    APPROVE = "approve"
    EDIT = "edit"
    RESPOND = "respond"
    REJECT = "reject"
    CONTINUE = "continue"
    SKIP = "skip"
    STOP = "stop"


ACTION_KINDS = (Kind.APPROVE, Kind.EDIT, Kind.RESPOND, Kind.REJECT)
UNSAID = (Kind.APPROVE, Kind.REJECT)  # where the graph does not say what it allows
HUMAN_FLAGS = {
    "allow_accept": Kind.APPROVE,
    "allow_edit": Kind.EDIT,
    "allow_respond": Kind.RESPOND,
    "allow_ignore": Kind.REJECT,
}


@dataclass(frozen=True)
class Action:
    """One tool call in front of a reviewer."""

    position: int
    name: str  # as the graph needs it; `label` is for showing
    label: str
    args: dict[str, Any]
    description: str
    allowed: tuple[Kind, ...]
    fields: tuple[Field, ...]
    args_schema: JsonSchema | None = None


def prefix_of(position: int) -> str:
    """How the names of an action's controls begin."""
    return f"action-{position}-field:"


def actions_of(asked: Asked) -> list[Action]:
    """The actions asked about, in order; none for the other shapes."""
    match asked.shape:
        case Shape.BATCH:
            return _batch(asked.value)
        case Shape.TOOL_CALL:
            members = _members(asked.schema)
            allowed = _kinds(member_type(member) for member in members)
            return [_action(0, asked.value, allowed, _args_schema(asked.schema, members))]
        case Shape.HUMAN_INTERRUPT:
            requests = enumerate(human_requests(asked.value))
            return [_human_action(position, request) for position, request in requests]
    return []


def _action(
    position: int, call: dict[str, Any], allowed: tuple[Kind, ...], schema: JsonSchema | None
) -> Action:
    args, description = call["args"], call.get("description")
    fields = fields_for(args, schema, position)
    text = visible(_own_words(description, call)) if isinstance(description, str) else ""
    label = one_line(call["name"]) or "an action"
    return Action(position, call["name"], label, args, text, allowed, fields, schema)


def _own_words(description: str, call: dict[str, Any]) -> str:
    """A description without the call, which LangChain's middleware repeats at its end."""
    own, marker, repeated = description.rpartition(f"\n\nTool: {call['name']}\nArgs: ")
    return own if marker and repeated == str(call["args"]) else description


def fields_for(args: Any, schema: JsonSchema | None, position: int) -> tuple[Field, ...]:
    """The fields in which an action's arguments are edited, filled with these."""
    if schema is None:
        return rows_of(args, prefix_of(position))
    return top_fields(form_for(schema, args, prefix_of(position)))


def _batch(value: dict[str, Any]) -> list[Action]:
    configs = [config for config in value["review_configs"] if isinstance(config, dict)]
    actions = []
    for position, request in enumerate(value["action_requests"]):
        config = _config_for(request["name"], position, configs)
        schema = config.get("args_schema")
        usable = schema if is_usable(schema) else None
        given = config.get("allowed_decisions")
        allowed = _kinds(given if isinstance(given, list) else ())
        actions.append(_action(position, request, allowed, usable))
    return actions


def _config_for(name: str, position: int, configs: list[dict[str, Any]]) -> dict[str, Any]:
    at_place = configs[position] if position < len(configs) else {}
    if at_place.get("action_name") == name:
        return at_place
    named = (config for config in configs if config.get("action_name") == name)
    return next(named, at_place)


def _kinds(words: Iterable[Any]) -> tuple[Kind, ...]:
    given = [word for word in words if isinstance(word, str)]
    return tuple(kind for kind in ACTION_KINDS if kind in given) or UNSAID


def _human_action(position: int, request: dict[str, Any]) -> Action:
    config, asked = request["config"], request["action_request"]
    allowed = [kind for flag, kind in HUMAN_FLAGS.items() if config.get(flag) is True]
    args = asked.get("args")
    if not isinstance(args, dict):
        allowed, args = [kind for kind in allowed if kind is not Kind.EDIT], {}
    call = {"name": asked["action"], "args": args, "description": request.get("description")}
    return _action(position, call, tuple(allowed) or UNSAID, None)


# Per-call approval says what it allows in its response schema, a union tagged by "type".


def _members(schema: JsonSchema | None) -> list[JsonSchema]:
    if schema is None:
        return []
    listed = schema.get("oneOf") or schema.get("anyOf") or [schema]
    found = (resolved(member, schema) for member in listed)
    return [member for member in found if member is not None]


def member_type(member: JsonSchema) -> Any:
    return _at(member, member, "properties", "type").get("const")


def _args_schema(schema: JsonSchema | None, members: list[JsonSchema]) -> JsonSchema | None:
    for member in members:
        if schema is not None and member_type(member) == Kind.EDIT:
            edited = _at(member, schema, "properties", "edited_action")
            args = _at(edited, schema, "properties", "args")
            # References inside point into the whole schema, so its definitions come along.
            whole = {**args, "$defs": schema.get("$defs", {})}
            return whole if args and is_usable(whole) else None
    return None


def _at(schema: JsonSchema, root: JsonSchema, *keys: str) -> JsonSchema:
    found: Any = schema
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return resolved(found, root) or {}
