"""What the graph receives: from a reviewer's verdict, or as an API client sent it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from reviews.payloads.actions import Action, Kind, actions_of
from reviews.payloads.asking import as_revised, as_sent, question_of, text_of
from reviews.payloads.bounds import (
    AnswerRefused,
    FieldError,
    Path,
    check_json,
    children,
    is_clean,
    pointer_of,
    refuse,
    same_json,
    step,
)
from reviews.payloads.judging import errors_of
from reviews.payloads.shapes import (
    ACTION_SHAPES,
    FREE_SHAPES,
    AnswersAs,
    Asked,
    Shape,
    human_requests,
)
from reviews.payloads.state import changes_of, checked_update
from reviews.payloads.wording import json_text

KINDS = {
    Shape.TEXT: (Kind.APPROVE, Kind.EDIT),
    Shape.STRUCTURED: (Kind.APPROVE, Kind.EDIT),
    Shape.BREAKPOINT: (Kind.CONTINUE, Kind.EDIT, Kind.SKIP, Kind.STOP),
}
# A mixed batch is recorded as the most cautious thing it does.
CAUTION = (Kind.REJECT, Kind.EDIT, Kind.RESPOND, Kind.APPROVE)
FOR_ALL = (Kind.APPROVE, Kind.REJECT)  # may be said of a whole batch in one word
HUMAN_KINDS = {
    "accept": Kind.APPROVE,
    "edit": Kind.EDIT,
    "response": Kind.RESPOND,
    "ignore": Kind.REJECT,
}
MAX_EDITS = 500


def allowed_verdicts(asked: Asked) -> tuple[Kind, ...]:
    """The verdicts this pause takes; for a batch, those that at least one action takes."""
    if asked.shape in ACTION_SHAPES:
        allowed = {kind for action in actions_of(asked) for kind in action.allowed}
        return tuple(kind for kind in Kind if kind in allowed)
    kinds = KINDS.get(asked.shape, (Kind.RESPOND,))
    may_reject = asked.reject_value is not None and asked.shape in FREE_SHAPES
    return (*kinds, Kind.REJECT) if may_reject else kinds


def answer_value(asked: Asked, verdict: dict[str, Any]) -> Any:
    """The value to resume with for a verdict; of a breakpoint, the state update or None."""
    if not isinstance(verdict, dict):
        refuse("", "A verdict is an object.")
    if asked.shape in ACTION_SHAPES:
        return _actions_answer(asked, verdict)
    kind = _kind(verdict.get("kind"), allowed_verdicts(asked), "/kind")
    if asked.shape is Shape.BREAKPOINT:
        return checked_update(asked, verdict.get("value")) if kind is Kind.EDIT else None
    if kind is Kind.REJECT:
        return asked.reject_value
    if kind is Kind.APPROVE:
        return _approved(asked, verdict)
    if "value" not in verdict:
        refuse("/value", "This is required.")
    value = verdict["value"]
    check_json(value, "/value")
    _check_value(asked, value)
    value = as_sent(asked, value) if asked.shape is Shape.TEXT else value
    _must_fit(asked, value, "/value")
    return value


def _kind(given: Any, allowed: Iterable[Kind], at: str) -> Kind:
    words = list(allowed)
    if not isinstance(given, str) or given not in words:
        refuse(at, f"Must be one of: {', '.join(words)}.")
    return Kind(given)


def _approved(asked: Asked, verdict: dict[str, Any]) -> Any:
    text = text_of(asked)
    original = text.text if text else asked.value
    if verdict.get("value") is not None and not same_json(verdict["value"], original):
        refuse("/value", "To approve is to send it unchanged; a change is an edit.")
    check_json(original, "/value")
    value = as_sent(asked, original) if text else original
    _must_fit(asked, value, "/value")
    return value


def _check_value(asked: Asked, value: Any) -> None:
    question = question_of(asked)
    match asked.shape:
        case Shape.TEXT | Shape.QUESTION if not isinstance(value, str):
            refuse("/value", "Must be text.")
        case Shape.STRUCTURED if type(value) is not type(asked.value):
            wanted = "a list" if isinstance(asked.value, list) else "an object"
            refuse("/value", f"Must be {wanted}, as it was.")
        case Shape.QUESTION | Shape.QUESTION_DICT if isinstance(value, str) and not value.strip():
            offered = question.options if question else ()
            if not any(same_json(option.value, value) for option in offered):
                refuse("/value", "Write an answer.")


def _must_fit(asked: Asked, value: Any, at: str) -> None:
    errors = errors_of(asked.schema, value, at) if asked.schema else []
    if errors:
        raise AnswerRefused(errors)


def _actions_answer(asked: Asked, verdict: dict[str, Any]) -> Any:
    actions = actions_of(asked)
    given = verdict.get("actions")
    if given is None:
        kind = _kind(verdict.get("kind"), FOR_ALL, "/kind")
        given = [{"kind": kind}] * len(actions)
    if not isinstance(given, list) or len(given) != len(actions):
        refuse("/actions", f"Decide {len(actions)}, in their order.")
    decisions, errors = [], []
    for action, decided in zip(actions, given, strict=True):
        try:
            decisions.append(_decision(asked, action, decided))
        except AnswerRefused as refused:
            errors.extend(refused.errors)
    if errors:
        raise AnswerRefused(errors)
    answer = _in_dialect(asked.shape, decisions)
    if asked.schema and (unfit := errors_of(asked.schema, answer)):
        raise AnswerRefused(FieldError("/actions", error.message) for error in unfit)
    return answer


def _in_dialect(shape: Shape, decisions: list[dict[str, Any]]) -> Any:
    match shape:
        case Shape.TOOL_CALL:
            return decisions[0]
        case Shape.BATCH:
            return {"decisions": decisions}
    return decisions


def _decision(asked: Asked, action: Action, decided: Any) -> dict[str, Any]:
    at = f"/actions/{action.position}"
    if not isinstance(decided, dict):
        refuse(at, "A decision is an object.")
    kind = _kind(decided.get("kind"), action.allowed, f"{at}/kind")
    args = _edited(action, decided, at) if kind is Kind.EDIT else action.args
    if kind is Kind.EDIT and Kind.APPROVE in action.allowed and same_json(args, action.args):
        kind = Kind.APPROVE
    message = _message(decided.get("message"), kind, at)
    if asked.shape is Shape.HUMAN_INTERRUPT:
        return _human_decision(asked, action, kind, args, message)
    return _middleware_decision(action, kind, args, message)


def _edited(action: Action, decided: dict[str, Any], at: str) -> dict[str, Any]:
    args = decided.get("args")
    if not isinstance(args, dict):
        refuse(f"{at}/args", "Must be an object.")
    check_json(args, f"{at}/args")
    errors = errors_of(action.args_schema, args, f"{at}/args") if action.args_schema else []
    if errors:
        raise AnswerRefused(errors)
    return args


def _message(message: Any, kind: Kind, at: str) -> str:
    if kind not in (Kind.RESPOND, Kind.REJECT):
        return ""
    if message is not None and not isinstance(message, str):
        refuse(f"{at}/message", "Must be text.")
    text = message or ""
    if not is_clean(text):
        refuse(f"{at}/message", "Contains a NUL character or half of a surrogate pair.")
    if kind is Kind.RESPOND and not text.strip():
        refuse(f"{at}/message", "Write what the agent gets as the result.")
    return text if text.strip() else ""


def _middleware_decision(
    action: Action, kind: Kind, args: dict[str, Any], message: str
) -> dict[str, Any]:
    if kind is Kind.EDIT:
        return {"type": "edit", "edited_action": {"name": action.name, "args": args}}
    return {"type": str(kind), "message": message} if message else {"type": str(kind)}


def _human_decision(
    asked: Asked, action: Action, kind: Kind, args: dict[str, Any], message: str
) -> dict[str, Any]:
    match kind:
        case Kind.APPROVE:
            request = human_requests(asked.value)[action.position]["action_request"]
            return {"type": "accept", "args": request}
        case Kind.EDIT:
            args = _as_texts(action, args) if asked.answers_as == AnswersAs.TEXT else args
            return {"type": "edit", "args": {"action": action.name, "args": args}}
        case Kind.RESPOND:
            return {"type": "response", "args": message}
    return {"type": "ignore", "args": None}


def _as_texts(action: Action, args: dict[str, Any]) -> dict[str, Any]:
    """Arguments with those as text that were edited."""
    return {
        name: value
        if isinstance(value, str) or same_json(value, action.args.get(name))
        else json_text(value, indent=None)
        for name, value in args.items()
    }


def read_answer(asked: Asked, value: Any) -> Kind:
    """The verdict a raw resume value amounts to; refuses what would jam or trick the graph."""
    if asked.shape is Shape.BREAKPOINT:
        if value is not None:
            refuse("", "A breakpoint is continued without a value.")
        return Kind.CONTINUE
    check_json(value)
    _must_fit(asked, value, "")
    if asked.shape in FREE_SHAPES and _is_rejection(asked, value):
        return Kind.REJECT
    match asked.shape:
        case Shape.BATCH:
            return _read_batch(asked, value)
        case Shape.TOOL_CALL:
            return _read_decision(actions_of(asked)[0], value, "")
        case Shape.HUMAN_INTERRUPT:
            return _read_human(value)
        case Shape.TEXT | Shape.STRUCTURED:
            text = text_of(asked)
            unchanged = same_json(value, as_sent(asked, text.text) if text else asked.value)
            return Kind.APPROVE if unchanged else Kind.EDIT
    return Kind.RESPOND


def _is_rejection(asked: Asked, value: Any) -> bool:
    return asked.reject_value is not None and same_json(value, asked.reject_value)


def _read_batch(asked: Asked, value: Any) -> Kind:
    actions = actions_of(asked)
    decisions = value.get("decisions") if isinstance(value, dict) else None
    if not isinstance(decisions, list):
        refuse("/decisions", "Must be a list of decisions.")
    if len(decisions) != len(actions):
        refuse("/decisions", f"Must hold {len(actions)}, one per action, in their order.")
    kinds, errors = [], []
    for action, decision in zip(actions, decisions, strict=True):
        try:
            kinds.append(_read_decision(action, decision, f"/decisions/{action.position}"))
        except AnswerRefused as refused:
            errors.extend(refused.errors)
    if errors:
        raise AnswerRefused(errors)
    return summed(kinds)


def summed(kinds: Iterable[Kind]) -> Kind:
    """One word for several verdicts: the most cautious of them."""
    return min(kinds, key=CAUTION.index)


def _read_decision(action: Action, decision: Any, at: str) -> Kind:
    if not isinstance(decision, dict):
        refuse(at, "A decision is an object.")
    kind = _kind(decision.get("type"), action.allowed, f"{at}/type")
    if kind is Kind.EDIT:
        _read_edit(action, decision.get("edited_action"), f"{at}/edited_action")
    message = decision.get("message")
    if message is not None and not isinstance(message, str):
        refuse(f"{at}/message", "Must be text.")
    if kind is Kind.RESPOND and not isinstance(message, str):
        refuse(f"{at}/message", "This is required.")
    return kind


def _read_edit(action: Action, edited: Any, at: str) -> None:
    if (
        not isinstance(edited, dict)
        or not isinstance(edited.get("name"), str)
        or not isinstance(edited.get("args"), dict)
    ):
        refuse(at, "Must be an object with a name and args.")
    # LangChain lets a program swap the tool; the other tool's arguments are not ours to judge.
    if edited["name"] == action.name and action.args_schema:
        errors = errors_of(action.args_schema, edited["args"], f"{at}/args")
        if errors:
            raise AnswerRefused(errors)


def _read_human(value: Any) -> Kind:
    # Nobody checks this contract but the graph that published it, so nothing is refused here.
    answers = value if isinstance(value, list) else [value]
    words = [answer.get("type") if isinstance(answer, dict) else None for answer in answers]
    kinds = [HUMAN_KINDS[word] for word in words if isinstance(word, str) and word in HUMAN_KINDS]
    return summed(kinds) if kinds and len(kinds) == len(words) else Kind.RESPOND


@dataclass(frozen=True)
class Edit:
    """One place where what was sent differs from what was asked."""

    pointer: str  # into what was asked
    change: str  # "changed", "added", "removed"
    before: Any
    after: Any


def edits(asked: Asked, value: Any) -> list[Edit]:
    """Where a resume value changes what the graph proposed, for people to see; never raises."""
    found: list[Edit] = []
    for pointer, before, after in _compared(asked, value):
        for edit in _differences(pointer, before, after):
            found.append(edit)
            if len(found) >= MAX_EDITS:
                return found
    return found


def _compared(asked: Asked, value: Any) -> Iterator[tuple[str, Any, Any]]:
    text = text_of(asked)
    if asked.shape is Shape.BREAKPOINT:
        yield from changes_of(asked, value)
    elif asked.shape in FREE_SHAPES and _is_rejection(asked, value):
        return
    elif text:
        yield step("", text.key), text.text, as_revised(asked, value)
    elif asked.shape is Shape.STRUCTURED:
        yield "", asked.value, value
    elif asked.shape in ACTION_SHAPES:
        for action, decision in zip(actions_of(asked), decisions_in(asked, value), strict=False):
            yield from _compared_action(asked, action, decision)


def decisions_in(asked: Asked, value: Any) -> list[Any]:
    """The decisions in a resume value about actions, one per action."""
    if asked.shape is Shape.BATCH:
        value = value.get("decisions") if isinstance(value, dict) else None
    return value if isinstance(value, list) else [value]


def _compared_action(asked: Asked, action: Action, decision: Any) -> Iterator[tuple[str, Any, Any]]:
    if not isinstance(decision, dict) or decision.get("type") != "edit":
        return
    is_human = asked.shape is Shape.HUMAN_INTERRUPT
    edited = decision.get("args" if is_human else "edited_action")
    if not isinstance(edited, dict):
        return
    at, name_key = "", "name"
    if asked.shape is Shape.BATCH:
        at = f"/action_requests/{action.position}"
    elif is_human:
        in_list = f"/{action.position}" if isinstance(asked.value, list) else ""
        at, name_key = f"{in_list}/action_request", "action"
    yield f"{at}/{name_key}", action.name, edited.get(name_key, action.name)
    yield f"{at}/args", action.args, edited.get("args")


def _differences(pointer: str, before: Any, after: Any) -> Iterator[Edit]:
    waiting: list[tuple[Path, Any, Any]] = [(None, before, after)]
    while waiting:
        path, old, new = waiting.pop()
        if type(old) is not type(new) or not isinstance(old, dict | list):
            if not same_json(old, new):
                yield Edit(pointer + pointer_of(path), "changed", old, new)
            continue
        at = pointer + pointer_of(path)
        olds, news = dict(children(old)), dict(children(new))
        yield from (Edit(step(at, k), "removed", olds[k], None) for k in olds if k not in news)
        yield from (Edit(step(at, k), "added", None, news[k]) for k in news if k not in olds)
        shared = [((path, k), olds[k], news[k]) for k in olds if k in news]
        waiting.extend(reversed(shared))
