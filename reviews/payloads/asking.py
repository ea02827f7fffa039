"""The words of a question: the text to work on, or what is asked and the options offered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reviews.payloads.fields import Option, option_label
from reviews.payloads.shapes import (
    OPTION_KEYS,
    SCHEMA_KEYS,
    AnswersAs,
    Asked,
    Shape,
    options_in,
    question_key,
    text_key,
)
from reviews.payloads.wording import one_line, visible

QUESTION_SHAPES = (Shape.QUESTION, Shape.QUESTION_DICT, Shape.FORM)


@dataclass(frozen=True)
class Text:
    """The one text of shape a1: where it stands, what it says, and what stands beside it."""

    key: str
    text: str
    context: dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked in words fit to show, the options offered, and what stands beside it."""

    text: str
    options: tuple[Option, ...]
    context: dict[str, Any]


def text_of(asked: Asked) -> Text | None:
    """The text to revise; None for every shape but a1."""
    key = text_key(asked.value) if asked.shape is Shape.TEXT else None
    if key is None:
        return None
    return Text(key, asked.value[key], without(asked.value, key))


def as_sent(asked: Asked, text: str) -> Any:
    """What the graph gets for a revised text: the text, or the object it stands in."""
    key = text_key(asked.value) if asked.answers_as == AnswersAs.OBJECT else None
    return {**asked.value, key: text} if key else text


def as_revised(asked: Asked, sent: Any) -> Any:
    """The revised text in what the graph got."""
    key = text_key(asked.value) if asked.answers_as == AnswersAs.OBJECT else None
    return sent.get(key) if key and isinstance(sent, dict) else sent


def words_of(asked: Asked) -> str:
    """The question as the graph wrote it, unseen characters and all."""
    key = question_key(asked.value)
    words = asked.value[key] if key else asked.value
    return words if isinstance(words, str) else ""


def question_of(asked: Asked) -> Question | None:
    """The question in words; None where the shape has none."""
    if asked.shape not in QUESTION_SHAPES:
        return None
    value = asked.value
    text, key = visible(words_of(asked)), question_key(value)
    if not isinstance(value, dict):
        return Question(text, (), {})
    if asked.shape is Shape.FORM:
        return Question(text, (), without(value, key, *SCHEMA_KEYS))
    return Question(text, _options(value), without(value, key, *OPTION_KEYS))


def without(value: dict[str, Any], *keys: str | None) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in keys}


def _options(value: dict[str, Any]) -> tuple[Option, ...]:
    return tuple(_option(at, given) for at, given in enumerate(options_in(value)))


def _option(at: int, given: Any) -> Option:
    # {"label": …, "value": …} is how an option is written whose name is not its value.
    if isinstance(given, dict) and set(given) == {"label", "value"}:
        return Option(str(at), one_line(option_label(given["label"])), given["value"])
    return Option(str(at), option_label(given), given)
