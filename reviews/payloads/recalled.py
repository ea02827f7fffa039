"""From an answer back to the form it was given in: for a decision that was taken back."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from reviews.payloads.actions import ACTION_KINDS, Action, Kind, actions_of, fields_for
from reviews.payloads.answers import HUMAN_KINDS, answer_value, decisions_in
from reviews.payloads.asking import as_revised, question_of
from reviews.payloads.bounds import AnswerRefused, same_json
from reviews.payloads.fields import Blank, Control, Field, rows_of, text_for
from reviews.payloads.forms import fields_of, top_fields
from reviews.payloads.schema_form import form_for
from reviews.payloads.shapes import ACTION_SHAPES, Asked, Shape
from reviews.payloads.state import APPEND, MESSAGES, OVERWRITE, REPLACE, channels_of, merged
from reviews.payloads.verdicts import YES_NO, verdict_from_form
from reviews.payloads.wording import json_text

Form = dict[str, list[str]]

MIDDLEWARE_KINDS = {str(kind): kind for kind in ACTION_KINDS}


def form_of_answer(asked: Asked, value: Any) -> Form:
    """What a form would have posted for this answer; as near as its controls come to it."""
    if asked.reject_value is not None and same_json(value, asked.reject_value):
        return {}
    match asked.shape:
        case Shape.BREAKPOINT:
            return form_of_update(asked, value)
        case Shape.TEXT if isinstance(text := as_revised(asked, value), str):
            return {"text": [text]}
        case Shape.QUESTION if isinstance(value, str):
            return {"text": [value]}
        case Shape.STRUCTURED:
            form = posted_by(rows_of(value))
            is_same_tree = _says(asked, form, value)
            return form if is_same_tree else posted_by(fields_of(asked)) | _as_json(value)
        case Shape.FORM:
            filled = top_fields(form_for(asked.schema or {}, value))
            form = posted_by(filled, boxes_in(fields_of(asked)))
            return form if _says(asked, form, value) else form | _as_json(value)
    if asked.shape in ACTION_SHAPES:
        return _of_actions(asked, value)
    return _of_free_answer(asked, value)


def boxes_in(fields: Iterable[Field]) -> set[str]:
    """The names of the tick boxes among fields."""
    found: set[str] = set()
    for field in fields:
        found |= boxes_in(field.fields)
        if field.control is Control.CHECKBOX:
            found.add(field.name)
    return found


def posted_by(fields: Iterable[Field], boxes: Container[str] = ()) -> Form:
    """What fields post that nobody touches; `boxes` are those the form shows as tick boxes."""
    form: Form = {}
    for field in fields:
        if field.control is Control.FIXED:
            continue
        if field.control in (Control.GROUP, Control.ROWS, Control.TABS):
            form |= posted_by(field.fields, boxes)
        is_optional = field.control is Control.CHECKBOX and field.blank is not Blank.REFUSED
        if is_optional and field.name not in boxes:
            # What the graph proposed nothing for is a choice of yes (the first) or no there.
            form[field.name] = ["0" if field.chosen else "1"]
        elif field.chosen:
            form[field.name] = list(field.chosen)
        elif not field.options and not field.fields and field.control is not Control.CHECKBOX:
            form[field.name] = [field.text]
    return form


def form_of_update(asked: Asked, update: Any) -> Form:
    """What the form of a state posts for this update; a breakpoint that was not edited has none."""
    form: Form = {}
    for channel in channels_of(asked) if isinstance(update, dict) else ():
        form |= posted_by([channel.field])
        if channel.name not in update:
            continue
        written = update[channel.name]
        is_whole = isinstance(written, dict) and set(written) == {OVERWRITE}
        if channel.addition and not is_whole and channel.reducer != MESSAGES:
            form |= {channel.how_name: [APPEND]} | _typed(channel.addition, written)
            continue
        value = written[OVERWRITE] if is_whole else merged(channel.reducer, channel.value, written)
        form |= _typed(channel.field, value)
        form |= {channel.how_name: [REPLACE]} if channel.reducer else {}
    return form


def _typed(field: Field, value: Any) -> Form:
    """What is typed into a field for a value."""
    if field.control is Control.JSON:
        return {field.name: [json_text(value)]}
    if isinstance(value, bool):
        return {field.name: ["0" if value else "1"]}
    return {field.name: [text_for(value)]}


def _says(asked: Asked, form: Form, value: Any) -> bool:
    try:
        return same_json(answer_value(asked, verdict_from_form(asked, form)), value)
    except AnswerRefused:
        return False


def _as_json(value: Any) -> Form:
    return {"mode": ["json"], "json": [json_text(value)]}


def _of_free_answer(asked: Asked, value: Any) -> Form:
    question = question_of(asked)
    offered = (question.options if question else ()) or YES_NO
    for option in offered if asked.shape is Shape.QUESTION_DICT else ():
        if same_json(option.value, value):
            return {"mode": ["option"], "option": [option.key]}
    is_text = isinstance(value, str) and value.strip()
    return {"mode": ["text"], "text": [value]} if is_text else _as_json(value)


def _of_actions(asked: Asked, value: Any) -> Form:
    form: Form = {}
    is_human = asked.shape is Shape.HUMAN_INTERRUPT
    for action, decision in zip(actions_of(asked), decisions_in(asked, value), strict=False):
        if isinstance(decision, dict):
            form |= _of_action(action, decision, is_human=is_human)
    return form


def _of_action(action: Action, decision: dict[str, Any], *, is_human: bool) -> Form:
    word, said = decision.get("type"), decision.get("args" if is_human else "message")
    kind = (HUMAN_KINDS if is_human else MIDDLEWARE_KINDS).get(str(word))
    if kind not in action.allowed:
        return {}
    form = {f"action-{action.position}-kind": [str(kind)]}
    edited = decision.get("args" if is_human else "edited_action")
    if kind is Kind.EDIT and isinstance(edited, dict) and isinstance(edited.get("args"), dict):
        filled = fields_for(edited["args"], action.args_schema, action.position)
        return form | posted_by(filled, boxes_in(action.fields))
    if isinstance(said, str):
        form[f"action-{action.position}-message"] = [said]
    return form | posted_by(action.fields, boxes_in(action.fields))
