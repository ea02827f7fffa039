"""Assistants as tools: what a model that speaks MCP is told of them, and how it calls one."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY
from rest_framework.request import Request

from runs import runtime, services
from runs.api.assistants import matching
from runs.api.jsonrpc import INVALID_PARAMS, Refused
from runs.models import Assistant

NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")  # what MCP allows
STRANGE = re.compile(r"[^A-Za-z0-9_.-]+")
ANYTHING = {"type": "object"}
MESSAGES = {
    "type": "string",
    "title": "Messages",
    "description": "The user message to send to the agent.",
}
HINTS = {
    "readOnlyHint": False,
    "destructiveHint": False,
    "idempotentHint": False,
    "openWorldHint": True,
}


def tools(request: Request) -> dict[str, Assistant]:
    """Every assistant the client may see, by the name of its tool; nobody takes another's name.

    A graph's own assistant is called as the graph is. Others keep a name that only they have and
    that MCP allows; the rest are told apart by their ids.
    """
    graph_ids = runtime.registry.graph_ids()
    found = matching(request, {}).filter(graph_id__in=graph_ids).order_by("created_at", "pk")
    found = found.only("graph_id", "name", "description")
    by_id = {assistant.pk: assistant for assistant in found}
    own = {graph_id: by_id.pop(pk) for graph_id, pk in _own_ids().items() if pk in by_id}
    counts = Counter(one.name for one in by_id.values())
    taken = own | {_told_apart(one): one for one in by_id.values()}
    for one in by_id.values():
        if NAME.fullmatch(one.name) and counts[one.name] == 1 and one.name not in taken:
            taken[one.name] = taken.pop(_told_apart(one))
    return taken


def tool_body(name: str, assistant: Assistant) -> dict[str, Any]:
    """A tool, as `tools/list` shows it."""
    return {
        "name": name,
        "title": assistant.name,
        "description": assistant.description or f"Tool based on the {assistant.name} assistant",
        "inputSchema": input_schema(assistant),
        "annotations": HINTS,
    }


def input_schema(assistant: Assistant) -> dict[str, Any]:
    """What the tool takes: the graph's input, with a conversation as one message of its user."""
    schema = services.input_schema(assistant)
    if not schema or schema.get("type") != "object":
        return ANYTHING
    if "messages" not in schema.get("properties", {}):
        return schema
    required = dict.fromkeys(["messages", *schema.get("required", [])])
    fields = schema["properties"] | {"messages": MESSAGES}
    schema = schema | {"properties": fields, "required": list(required)}
    rest = {name: part for name, part in schema.items() if name != "$defs"}
    return schema if '"$ref"' in json.dumps(rest) else rest


def input_of(assistant: Assistant, arguments: dict[str, Any]) -> dict[str, Any]:
    """The graph's input in a tool's arguments; those that do not fit its schema are refused."""
    schema = input_schema(assistant)
    judge = Draft202012Validator(schema, registry=EMPTY_REGISTRY)
    try:
        error = best_match(judge.iter_errors(arguments))
    except (Unresolvable, RecursionError):
        error = ValidationError("The schema is too complex to check these arguments.")
    if error is not None:
        raise Refused(INVALID_PARAMS, f"arguments{error.json_path[1:]}: {error.message[:500]}")
    if schema.get("properties", {}).get("messages") is not MESSAGES:
        return arguments
    message = {"role": "user", "content": arguments["messages"]}
    return arguments | {"messages": [message]}


def _own_ids() -> dict[str, Any]:
    """The assistants that graphs have of their own, by graph."""
    graph_ids = runtime.registry.graph_ids()
    return {graph_id: services.system_assistant_id(graph_id) for graph_id in graph_ids}


def _told_apart(assistant: Assistant) -> str:
    return f"{STRANGE.sub('_', assistant.name)[:80]}-{assistant.pk}"
