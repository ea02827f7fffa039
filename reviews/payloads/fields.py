"""The description of a form: what a template renders and what a post is read by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from reviews.payloads.bounds import children, is_clean, is_shallow, step
from reviews.payloads.shapes import is_structured
from reviews.payloads.wording import json_text, one_line, spoken

LONG_LINE = 90
MAX_BOX = 64 * 1024
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Control(StrEnum):
    """How a field is shown and typed."""

    TEXT = "text"
    TEXTAREA = "textarea"
    INTEGER = "integer"
    NUMBER = "number"
    CHECKBOX = "checkbox"
    SELECT = "select"
    RADIO = "radio"
    CHECKBOXES = "checkboxes"
    DATE = "date"
    DATETIME = "datetime"  # RFC 3339 in a text box; without a zone it is read as UTC
    EMAIL = "email"
    URL = "url"
    LIST = "list"  # a textarea, one item per line
    GROUP = "group"  # its `fields`
    ROWS = "rows"  # `fields` are groups; `item` is an empty one to copy, "-" standing for its index
    TABS = "tabs"  # `options` name the forms, `fields` are their groups, `chosen` is the open one
    FIXED = "fixed"  # shown, never typed
    JSON = "json"  # a box of JSON, `schema` beside it


class Blank(StrEnum):
    """What an empty control means."""

    REFUSED = "refused"
    OMITTED = "omitted"
    NULL = "null"
    EMPTY = "empty"  # the empty string or list itself


@dataclass(frozen=True)
class Option:
    """One choice: `key` is what the form posts, `value` what the graph gets."""

    key: str
    label: str
    value: Any


@dataclass(frozen=True)
class Field:
    """One control, or a group of them."""

    pointer: str  # into the value the form is about; errors are told by it
    name: str  # of the form control
    control: Control
    label: str
    value: Any = None  # the prefill; meaningless unless `filled`
    filled: bool = False
    text: str = ""  # the prefill as the control shows it
    help: str = ""
    blank: Blank = Blank.REFUSED
    item_type: str = ""  # of LIST: string, integer, number
    options: tuple[Option, ...] = ()
    chosen: tuple[str, ...] = ()  # keys of the chosen options; ("on",) for a ticked checkbox
    fields: tuple[Field, ...] = ()
    item: Field | None = None
    attributes: dict[str, Any] = field(default_factory=dict)  # HTML: min, max, maxlength, …
    schema: dict[str, Any] | None = None
    error: str = ""

    @property
    def required(self) -> bool:
        return self.blank is Blank.REFUSED


def options_of(values: Sequence[Any]) -> tuple[Option, ...]:
    """Choices posted by their place, so that any JSON value can be one."""
    return tuple(Option(str(at), option_label(value), value) for at, value in enumerate(values))


def option_label(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if value is None:
        return "None"
    text = value if isinstance(value, str) else json_text(value, indent=None)
    return one_line(text) or "(empty)"


def rows_of(value: Any, prefix: str = "field:") -> tuple[Field, ...]:
    """A control per leaf of a structured value, typed as the leaf is; else one box of JSON."""
    if value == {}:
        return ()
    if not is_structured(value):
        return (json_box("", prefix, "JSON", value, filled=True),)
    found: list[Field] = []
    waiting: list[tuple[str, str, Any]] = [("", "", value)]
    while waiting:
        pointer, label, part = waiting.pop()
        if list_type(part) or not any(True for _ in children(part)):
            found.append(leaf(pointer, prefix + pointer, label, part))
            continue
        inner = [
            (step(pointer, key), f"{label} › {_key(key)}" if label else _key(key), item)
            for key, item in children(part)
        ]
        waiting.extend(reversed(inner))
    return tuple(found)


def _key(key: str | int) -> str:
    return str(key + 1) if isinstance(key, int) else spoken(key) or "(no name)"


def leaf(pointer: str, name: str, label: str, value: Any) -> Field:
    """The control that fits a value's own type, and keeps it."""
    control = control_for(value)
    if control is Control.JSON:
        return json_box(pointer, name, label, value, filled=True)
    if isinstance(value, bool):
        chosen = ("on",) if value else ()
        return Field(pointer, name, control, label, value, filled=True, chosen=chosen)
    blank = Blank.EMPTY if isinstance(value, str | list) else Blank.REFUSED
    return Field(
        pointer,
        name,
        control,
        label,
        value,
        filled=True,
        text=text_for(value),
        blank=blank,
        item_type=list_type(value),
    )


def control_for(value: Any) -> Control:
    """The control in which this value can be shown and typed without harm."""
    match value:
        case bool():
            return Control.CHECKBOX
        case int() if abs(value) < 2**63:
            return Control.INTEGER
        case float() if value == value and abs(value) != float("inf"):
            return Control.NUMBER
        case str() if not is_clean(value):
            return Control.JSON
        case str() if ISO_DATE.fullmatch(value) and _is_day(value):
            return Control.DATE
        case str():
            is_long = len(value) > LONG_LINE or "\n" in value or "\r" in value
            return Control.TEXTAREA if is_long else Control.TEXT
        case list() if list_type(value):
            return Control.LIST
    return Control.JSON


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def list_type(value: Any) -> str:
    """The one type of a list's items if it can be typed one item per line, else nothing."""
    if not isinstance(value, list) or not value:
        return ""
    controls = {Control.JSON if isinstance(item, list) else control_for(item) for item in value}
    if controls <= {Control.TEXT, Control.DATE}:
        return "string" if all(item.strip() for item in value) else ""
    if controls == {Control.INTEGER}:
        return "integer"
    return "number" if controls == {Control.NUMBER} else ""


def text_for(value: Any) -> str:
    """A value as its control shows it."""
    if isinstance(value, list):
        return "\n".join(text_for(item) for item in value)
    return value if isinstance(value, str) else repr(value)


def json_box(
    pointer: str,
    name: str,
    label: str,
    value: Any = None,
    *,
    filled: bool = False,
    blank: Blank = Blank.REFUSED,
    help: str = "",
    schema: dict[str, Any] | None = None,
) -> Field:
    """A box in which a part is typed as JSON; empty if what it had cannot be shown whole."""
    text = json_text(value) if filled and is_shallow(value) else ""
    if len(text) > MAX_BOX or (filled and not text):
        text, help = "", "Too large or too deep to show here: type the whole value."
    return Field(
        pointer,
        name,
        Control.JSON,
        label,
        value,
        filled=filled,
        text=text,
        help=help,
        blank=blank,
        schema=schema,
    )
