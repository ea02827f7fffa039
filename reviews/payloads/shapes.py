"""What kind of question a pause is, told from what the graph asked and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from reviews.payloads.bounds import children, is_clean, walk
from reviews.payloads.judging import is_usable
from reviews.payloads.references import JsonSchema
from reviews.payloads.wording import UNSEEN


class Shape(StrEnum):
    """The payload shapes; the values are their short names in the interface's specification."""

    BREAKPOINT = "e"
    TOOL_CALL = "b2"
    BATCH = "b"
    HUMAN_INTERRUPT = "c"
    FORM = "f"
    QUESTION = "d"
    TEXT = "a1"
    QUESTION_DICT = "a2"
    STRUCTURED = "a3"
    OTHER = "g"


class AnswersAs(StrEnum):
    """Where a graph wants an answer otherwise than its shape has it."""

    USUAL = ""
    OBJECT = "object"  # a revised text stands in the object it came in
    TEXT = "text"  # arguments that were edited are text, as agent-inbox sends them


FREE_SHAPES = (Shape.QUESTION, Shape.TEXT, Shape.QUESTION_DICT, Shape.STRUCTURED, Shape.OTHER)
ACTION_SHAPES = (Shape.TOOL_CALL, Shape.BATCH, Shape.HUMAN_INTERRUPT)
SCHEMA_KEYS = ("response_schema", "schema", "json_schema")
QUESTION_KEYS = ("question", "prompt", "instruction")
OPTION_KEYS = ("options", "choices")
# In order of preference: JSON objects come back from the database with their keys reordered.
TEXT_KEYS = (
    re.compile(r"text_to_\w{1,40}"),
    re.compile(r"\w{1,40}_to_(review|revise|edit)"),
    *(re.compile(word) for word in ("draft", "content", "body", "message")),
)
LONG_TEXT = 80
MAX_LEAVES = 60
MAX_NAME = 200
MAX_STRUCTURE_DEPTH = 8
MAX_EDITED = 256 * 1024  # of a text; a longer one is shown in part, so nobody can revise it here


@dataclass(frozen=True)
class Asked:
    """What a pause asks of people, as plain JSON."""

    value: Any
    response_schema: JsonSchema | None = None
    is_breakpoint: bool = False
    node: str = ""
    position: str = "before"  # or "after", "between": only breakpoints have one
    state: dict[str, Any] | None = None
    channels: dict[str, str] | None = None  # of the state, each with its reducer's name; "": none
    reject_value: Any = None  # what a policy has a rejected question of the graph's own answer
    pinned: str = ""  # the shape it is to have, where that fits
    answers_as: str = AnswersAs.USUAL

    @cached_property
    def shape(self) -> Shape:
        """The pinned shape, else the first whose test fits; what has a contract keeps to it."""
        found = next(shape for shape, fits in TESTS.items() if fits(self))
        if not self.pinned or found in (Shape.BREAKPOINT, *ACTION_SHAPES):
            return found
        pinned = Shape(self.pinned)
        return pinned if TESTS[pinned](self) else found

    @cached_property
    def schema(self) -> JsonSchema | None:
        """The JSON Schema the answer must meet; a broken one says nothing."""
        if is_usable(self.response_schema):
            return self.response_schema
        if not isinstance(self.value, dict) or self.is_breakpoint:
            return None
        if is_tool_call(self) or is_batch(self) or is_human_interrupt(self):
            return None
        found = (self.value.get(key) for key in SCHEMA_KEYS)
        return next((schema for schema in found if looks_like_schema(schema)), None)


def shape_of(asked: Asked) -> Shape:
    """The shape of what is asked; never raises."""
    return asked.shape


def looks_like_schema(value: Any) -> bool:
    """Whether plain data is meant as a JSON Schema: valid, and with a word that constrains."""
    words = {"type", "properties", "oneOf", "anyOf", "allOf", "enum", "const", "$ref", "$schema"}
    return isinstance(value, dict) and not words.isdisjoint(value) and is_usable(value)


def is_tool_call(asked: Asked) -> bool:
    value = asked.value
    return isinstance(value, dict) and value.get("type") == "tool_approval" and _is_action(value)


def is_batch(asked: Asked) -> bool:
    if not isinstance(asked.value, dict):
        return False
    requests = asked.value.get("action_requests")
    return (
        isinstance(asked.value.get("review_configs"), list)
        and isinstance(requests, list)
        and bool(requests)
        and all(map(_is_action, requests))
    )


def _is_action(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("args"), dict)
    )


def is_human_interrupt(asked: Asked) -> bool:
    requests = human_requests(asked.value)
    return bool(requests) and all(map(_is_human_request, requests))


def human_requests(value: Any) -> list[Any]:
    """The requests of a HumanInterrupt, which may come bare or in a list."""
    return value if isinstance(value, list) else [value]


def _is_human_request(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        return False
    request = value.get("action_request")
    return isinstance(request, dict) and isinstance(request.get("action"), str)


def text_key(value: Any) -> str | None:
    """The key of the one text a dict asks about, if it asks about one."""
    if not isinstance(value, dict) or _options(value) is not None:
        return None
    texts: dict[str, str] = {key: item for key, item in value.items() if _is_text_entry(key, item)}
    for pattern in TEXT_KEYS:
        for key in sorted(texts):
            if pattern.fullmatch(key):
                return key
    long = [key for key, text in texts.items() if len(text) >= LONG_TEXT or "\n" in text]
    return long[0] if len(long) == 1 else None


def _is_text_entry(key: str, item: Any) -> bool:
    is_text = isinstance(item, str) and len(item) <= MAX_EDITED and key not in QUESTION_KEYS
    return is_text and is_clean(item) and is_clean(key)


def question_key(value: Any) -> str | None:
    """The key under which a dict asks its question, if it asks one."""
    if not isinstance(value, dict):
        return None
    keys = (*QUESTION_KEYS, "message") if _options(value) is not None else QUESTION_KEYS
    return next((key for key in keys if isinstance(value.get(key), str)), None)


def _options(value: dict[str, Any]) -> list[Any] | None:
    found = (value.get(key) for key in OPTION_KEYS)
    return next((options for options in found if isinstance(options, list) and options), None)


def options_in(value: Any) -> list[Any]:
    """The options a dict offers, as they were given."""
    return (_options(value) or []) if isinstance(value, dict) else []


def is_structured(value: Any) -> bool:
    """Whether each leaf can have a control: few, shallow, under keys that can be named."""
    if not isinstance(value, dict | list) or not value:
        return False
    leaves = 0
    for _, depth, part in walk(value):
        if depth > MAX_STRUCTURE_DEPTH or leaves > MAX_LEAVES:
            return False
        if isinstance(part, str) and len(part) > MAX_EDITED:
            return False
        if isinstance(part, dict) and not all(map(is_nameable, part)):
            return False
        leaves += not any(True for _ in children(part))
    return leaves <= MAX_LEAVES


def is_nameable(key: str) -> bool:
    """Whether a key can be part of a control's name: browsers rewrite line ends in names."""
    return len(key) <= MAX_NAME and not UNSEEN.search(key) and "\n" not in key and "\r" not in key


TESTS: dict[Shape, Callable[[Asked], bool]] = {
    Shape.BREAKPOINT: lambda asked: asked.is_breakpoint,
    Shape.TOOL_CALL: is_tool_call,
    Shape.BATCH: is_batch,
    Shape.HUMAN_INTERRUPT: is_human_interrupt,
    Shape.FORM: lambda asked: asked.schema is not None,
    Shape.QUESTION: lambda asked: isinstance(asked.value, str),
    Shape.TEXT: lambda asked: text_key(asked.value) is not None,
    Shape.QUESTION_DICT: lambda asked: question_key(asked.value) is not None,
    Shape.STRUCTURED: lambda asked: is_structured(asked.value),
    Shape.OTHER: lambda asked: True,
}
