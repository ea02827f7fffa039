"""The two lines under which a task stands in a list."""

from __future__ import annotations

import re
from typing import Any

from reviews.payloads.actions import Action, actions_of
from reviews.payloads.asking import QUESTION_SHAPES, text_of, words_of
from reviews.payloads.bounds import walk
from reviews.payloads.fields import Control, Field
from reviews.payloads.forms import form_of
from reviews.payloads.shapes import ACTION_SHAPES, Asked, Shape
from reviews.payloads.wording import glimpse, one_line, spoken

QUESTION_LENGTH = 90
FACT_LENGTH = 300
NAME_KEYS = ("title", "subject", "name", "summary")
PLACE = re.compile(r"\{([^{}]+)\}")
MISSING: Any = object()


def title_of(asked: Asked) -> str:
    """What is asked, in one plain line of at most 120 characters; never raises."""
    return one_line(_title(asked)) or "Answer wanted"


def _title(asked: Asked) -> str:
    if asked.shape in ACTION_SHAPES:
        return _actions_title(asked)
    text = text_of(asked)
    if asked.shape is Shape.BREAKPOINT:
        return f"Paused {asked.position} {asked.node}"
    if text:
        return f"{spoken(text.key)}: {one_line(text.text, QUESTION_LENGTH)}"
    if asked.shape in QUESTION_SHAPES and one_line(words_of(asked)):
        return one_line(words_of(asked), QUESTION_LENGTH)
    if asked.shape is Shape.FORM:
        name = (asked.schema or {}).get("title")
        return f"Fill in {one_line(name, 60)}" if isinstance(name, str) else "Fill in a form"
    if asked.shape is Shape.STRUCTURED:
        return f"Review {_named(asked.value)}"
    return f"Answer to {glimpse(asked.value, QUESTION_LENGTH)}"


def _actions_title(asked: Asked) -> str:
    first, *others = actions_of(asked)
    return f"Approve {one_line(first.label, 60)}" + (f" and {len(others)} more" if others else "")


def titled(asked: Asked, template: str) -> str:
    """A policy's words, with what the request says in place of {names}; empty if one is missing."""
    facts = {path: _found(_facts(asked), path) for path in PLACE.findall(template)}
    if any(value is MISSING for value in facts.values()):
        return ""
    return one_line(PLACE.sub(lambda place: _glimpse_of(facts[place[1]]), template))


def _facts(asked: Asked) -> Any:
    """What is asked, by name: the arguments of the first action, a state, a value."""
    if asked.shape in ACTION_SHAPES:
        return actions_of(asked)[0].args
    return asked.state if asked.shape is Shape.BREAKPOINT else asked.value


def _found(value: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(value, dict):
            value = value.get(key, MISSING)
        elif isinstance(value, list) and key.isdecimal() and len(key) < 6:
            value = next(iter(value[int(key) :]), MISSING)
        else:
            return MISSING
    return value


def fact_of(asked: Asked) -> str:
    """What is at stake, in one line: the calls with their arguments, or the title."""
    actions = actions_of(asked)
    if not actions:
        return title_of(asked)
    return one_line("; ".join(_call(action) for action in actions), FACT_LENGTH)


def _call(action: Action) -> str:
    args = (f"{spoken(key)} {_glimpse_of(value)}" for key, value in action.args.items())
    said = ", ".join(args)
    return f"{action.label}: {said}" if said else action.label


def _glimpse_of(value: Any) -> str:
    """A value in a few words: text as it is, everything else as JSON."""
    return one_line(value, 60) if isinstance(value, str) else glimpse(value, 60)


def _named(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} items"
    for key in NAME_KEYS:
        if isinstance(value.get(key), str) and one_line(value[key]):
            return one_line(value[key], QUESTION_LENGTH)
    keys = [one_line(key.replace("_", " "), 30) for key in list(value)[:4]]
    return ", ".join(filter(None, keys)) + (", …" if len(value) > 4 else "")


def summary_of(asked: Asked) -> str:
    """What kind of work it is: "Approve 2 actions", "Form, 9 fields"; never raises."""
    match asked.shape:
        case Shape.BREAKPOINT:
            return "Breakpoint"
        case Shape.TOOL_CALL | Shape.BATCH | Shape.HUMAN_INTERRUPT:
            return f"Approve {_counted(len(actions_of(asked)), 'action')}"
        case Shape.FORM:
            return f"Form, {_counted(_controls(form_of(asked)), 'field')}"
        case Shape.QUESTION | Shape.QUESTION_DICT:
            return "Question"
        case Shape.TEXT:
            return "Edit text"
        case Shape.STRUCTURED:
            leaves = [part for _, _, part in walk(asked.value) if not _is_filled(part)]
            return f"Edit {_counted(len(leaves), 'value')}"
    return "JSON"


def _is_filled(part: Any) -> bool:
    return isinstance(part, dict | list) and bool(part)


def _controls(field: Field) -> int:
    if field.control is Control.FIXED:
        return 0
    if field.control is Control.TABS:
        return 1 + sum(map(_controls, field.fields))
    if field.control is Control.ROWS and field.item:
        return _controls(field.item)
    return sum(map(_controls, field.fields)) if field.control is Control.GROUP else 1


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
