"""The fields in which an answer is given, for every shape that has fields."""

from __future__ import annotations

from typing import Any

from reviews.payloads.fields import Control, Field, rows_of
from reviews.payloads.posted import refilled, values_of
from reviews.payloads.schema_form import MISSING, form_for
from reviews.payloads.shapes import Asked, Shape

PREFILL_KEYS = ("default", "value")


def form_of(asked: Asked) -> Field:
    """The root field of a schema form, prefilled with what the graph proposes."""
    value = asked.value if isinstance(asked.value, dict) else {}
    prefill = next((value[key] for key in PREFILL_KEYS if key in value), MISSING)
    return form_for(asked.schema or {}, prefill)


def fields_of(asked: Asked) -> tuple[Field, ...]:
    """The fields of shapes a3 and f; an action's are in `actions_of`. Never raises."""
    if asked.shape is Shape.STRUCTURED:
        return rows_of(asked.value)
    if asked.shape is Shape.FORM:
        return top_fields(form_of(asked))
    return ()


def top_fields(form: Field) -> tuple[Field, ...]:
    """The fields of a form's outermost group, or the form itself if it is one control."""
    return form.fields if form.control is Control.GROUP else (form,)


def original_of(asked: Asked) -> Any:
    """The value the fields of `fields_of` are an edit of."""
    if asked.shape is Shape.STRUCTURED:
        return asked.value
    form = form_of(asked)
    return form.value if form.filled and isinstance(form.value, dict) else {}


def begun(asked: Asked) -> Any:
    """What an answer in JSON begins with: what the graph proposes, the rest of a form as null."""
    properties = (asked.schema or {}).get("properties") if asked.shape is Shape.FORM else None
    blank = dict.fromkeys(properties) if isinstance(properties, dict) else {}
    original = original_of(asked)
    return {**blank, **original} if isinstance(original, dict) else original


def refill(
    fields: tuple[Field, ...], data: Any, errors: dict[str, str] | None = None
) -> tuple[Field, ...]:
    """The fields as the person left them, with what was wrong: for a draft or a refused post."""
    posted = values_of(data)
    return tuple(refilled(field, posted, errors or {}) for field in fields)
