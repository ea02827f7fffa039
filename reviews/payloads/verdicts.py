"""From a posted HTML form to a verdict, the same the task API takes."""

from __future__ import annotations

import re
from typing import Any

from reviews.payloads.actions import Action, Kind, actions_of, prefix_of
from reviews.payloads.answers import allowed_verdicts
from reviews.payloads.asking import question_of, text_of
from reviews.payloads.bounds import AnswerRefused, FieldError, read_json, refuse, same_json
from reviews.payloads.fields import Option
from reviews.payloads.forms import fields_of, original_of
from reviews.payloads.judging import errors_of
from reviews.payloads.posted import OMITTED, Posted, Reader, first, lines_as, values_of
from reviews.payloads.shapes import ACTION_SHAPES, Asked, Shape
from reviews.payloads.state import posted_update

ACTION_NAME = re.compile(r"action-(\d{1,6})-(kind|message|field:)", re.ASCII)
YES_NO = (Option("yes", "Yes", True), Option("no", "No", False))


def verdict_from_form(asked: Asked, data: Any) -> dict[str, Any]:
    """The verdict a posted form stands for; `data` is a QueryDict or names with lists of text."""
    posted = values_of(data)
    if asked.shape in ACTION_SHAPES:
        return _actions_verdict(asked, posted)
    kind = first(posted, "kind")
    allowed = allowed_verdicts(asked)
    if kind and kind not in allowed:
        refuse("/kind", f"Must be one of: {', '.join(allowed)}.")
    if asked.shape is Shape.BREAKPOINT:
        return _state_verdict(asked, kind, posted)
    if kind == Kind.REJECT or (kind == Kind.APPROVE and not _is_typed(posted)):
        return {"kind": kind}
    value = _value(asked, posted)
    if Kind.RESPOND in allowed:
        return {"kind": str(Kind.RESPOND), "value": value}
    text = text_of(asked)
    unchanged = same_json(value, text.text if text else asked.value)
    return {"kind": str(Kind.APPROVE if unchanged else Kind.EDIT), "value": value}


def _state_verdict(asked: Asked, kind: str, posted: Posted) -> dict[str, Any]:
    """What becomes of a pause; a change that was typed is never dropped unsaid."""
    if kind == Kind.STOP:
        return {"kind": kind}
    update = posted_update(asked, posted)
    if kind == Kind.EDIT:
        if not update:
            refuse("/value", "Nothing was changed.")
        return {"kind": kind, "value": update}
    if update:
        refuse("/kind", "The state was changed: continue with the changes, or undo them.")
    return {"kind": kind}


def _is_typed(posted: Posted) -> bool:
    return any(name in ("text", "json") or name.startswith("field:") for name in posted)


def _value(asked: Asked, posted: Posted) -> Any:
    match asked.shape:
        case Shape.TEXT | Shape.QUESTION:
            text = text_of(asked)
            if "text" not in posted:
                refuse("/value", "This is required.")
            return lines_as(first(posted, "text"), text.text if text else "")
        case Shape.STRUCTURED | Shape.FORM:
            return _fields_value(asked, posted)
    return _free_value(asked, posted)


def _fields_value(asked: Asked, posted: Posted) -> Any:
    # The JSON mode wins: its box is disabled, and so not posted, while the fields are shown.
    if first(posted, "json").strip():
        return read_json(first(posted, "json"), "/value")
    reader = Reader(posted, "/value")
    value = reader.object(fields_of(asked), original_of(asked))
    if reader.errors and asked.schema and value is not OMITTED:
        # All at once: what cannot be read, and what of the rest the schema does not take.
        known = {error.pointer for error in reader.errors}
        judged = errors_of(asked.schema, value, "/value")
        reader.errors += [error for error in judged if error.pointer not in known]
    reader.finish("field:")
    return value


def _free_value(asked: Asked, posted: Posted) -> Any:
    given = [name for name in ("option", "json", "text") if first(posted, name).strip()]
    if len(given) > 1:
        refuse("/value", "Choose, or write one answer: more than one was given.")
    if not given:
        refuse("/value", "Write an answer.")
    answer = first(posted, given[0])
    if given[0] == "json":
        return read_json(answer, "/value")
    if given[0] == "text":
        return lines_as(answer, "")
    question = question_of(asked)
    for option in (question.options if question else ()) or YES_NO:
        if option.key == answer:
            return option.value
    return refuse("/value", "Is not one of the choices.")


def _actions_verdict(asked: Asked, posted: Posted) -> dict[str, Any]:
    actions = actions_of(asked)
    whole = first(posted, "kind")
    decided = []
    errors = _strange_names(posted, len(actions))
    for action in actions:
        try:
            decided.append(_decided(action, posted, whole))
        except AnswerRefused as refused:
            errors.extend(refused.errors)
    if errors:
        raise AnswerRefused(errors)
    return {"actions": decided}


def _strange_names(posted: Posted, count: int) -> list[FieldError]:
    found = []
    for name in posted:
        named = ACTION_NAME.match(name)
        is_known = named is not None and int(named[1]) < count
        if (name.startswith("action-") and not is_known) or name.startswith("field:"):
            found.append(FieldError("/actions", f"Unknown field {name[:80]!a}."))
    return found


def _decided(action: Action, posted: Posted, whole: str) -> dict[str, Any]:
    at = f"/actions/{action.position}"
    chosen = first(posted, f"action-{action.position}-kind")
    if whole and chosen and whole != chosen:
        refuse(f"{at}/kind", "Something else was chosen for this action.")
    kind = chosen or whole
    if kind not in action.allowed:
        refuse(f"{at}/kind", f"Choose one of: {', '.join(action.allowed)}.")
    decided: dict[str, Any] = {"kind": kind}
    if kind == Kind.EDIT:
        decided["args"] = _args(action, posted, at)
    message = first(posted, f"action-{action.position}-message")
    if kind in (Kind.REJECT, Kind.RESPOND) and message.strip():
        decided["message"] = lines_as(message, "")
    return decided


def _args(action: Action, posted: Posted, at: str) -> Any:
    reader = Reader(posted, f"{at}/args")
    args = reader.object(action.fields, action.args)
    reader.finish(prefix_of(action.position))
    return args
