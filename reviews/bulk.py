"""Pure: which of several tasks may be answered with one verdict, and what that would send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from reviews import payloads
from reviews.payloads import AnswerRefused, Asked, FieldError, Kind, Shape

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from reviews.models import ReviewTask

CAP = 200  # tasks in a batch
COMPARED = 64 * 1024  # characters of a request; a longer one is not compared with others
FIELDS = 40
LINE = 72  # characters of a value that fits on one line
CLAIM, RELEASE, ASSIGN = "claim", "release", "assign"
CLAIMS = (CLAIM, RELEASE, ASSIGN)
OFFERED = (str(Kind.APPROVE), str(Kind.CONTINUE), str(Kind.REJECT))  # in one word, on the pages
TOLD_WHY = (Shape.BATCH, Shape.TOOL_CALL)  # where a rejection takes a reason to the agent

Family = tuple[Any, ...]


@dataclass(frozen=True)
class Unfit:
    """A task that cannot go with the others, and why, in words for people."""

    task: ReviewTask
    why: str


@dataclass(frozen=True)
class Sorted:
    """Tasks that may go together, with what each would send, and the others."""

    together: list[ReviewTask]
    answers: Mapping[int, Any]  # by task
    rest: list[Unfit]


def family_of(task: ReviewTask, asked: Asked) -> Family:
    """What tasks share that ask the same thing: who asks, where, how, and about which tools."""
    tools = tuple(action.name for action in payloads.actions_of(asked))
    return (task.assistant_id, task.graph_id, task.node, task.shape, tools)


def is_large(task: ReviewTask) -> bool:
    """Whether the request was left in the database, as too long to be compared."""
    return "value" in task.get_deferred_fields()


def check_verdict(verdict: Mapping[str, Any]) -> None:
    """Refuse what is no verdict, and what lacks the one word that all of them share."""
    if not verdict.get("kind") and not verdict.get("actions"):
        raise AnswerRefused([FieldError("/kind", _("Say what to do with them."))])
    if verdict.get("kind") == Kind.REJECT and not str(verdict.get("message", "")).strip():
        raise AnswerRefused([FieldError("/message", _("Say why: all of them share one reason."))])
    if verdict.get("kind") == ASSIGN and not verdict.get("to"):
        raise AnswerRefused([FieldError("/to", _("Say who gets them."))])


def verdict_on(asked: Asked, verdict: Mapping[str, Any]) -> dict[str, Any]:
    """The shared verdict as it is said of one task: its reason goes to every action."""
    said = {name: part for name, part in verdict.items() if name != "message"}
    if asked.shape in TOLD_WHY and "message" in verdict and "actions" not in said:
        actions = payloads.actions_of(asked)
        return {"actions": [{**said, "message": verdict["message"]} for _action in actions]}
    return said


def note_on(asked: Asked, verdict: Mapping[str, Any]) -> str:
    """The reason where the agent is not told: kept beside the decision, for people."""
    return "" if asked.shape in TOLD_WHY else str(verdict.get("message", ""))


def sort_out(tasks: Sequence[ReviewTask], verdict: Mapping[str, Any], reviewer: User) -> Sorted:
    """Which tasks may go together: of those that take the verdict, the largest family."""
    if verdict.get("kind") in CLAIMS:
        return _claims(tasks, str(verdict["kind"]), reviewer)
    answers: dict[int, Any] = {}
    families: dict[int, Family] = {}
    rest: list[Unfit] = []
    for task in tasks:
        if why := _obstacle(task, reviewer):
            rest.append(Unfit(task, why))
            continue
        asked = task.asked
        try:
            answers[task.pk] = payloads.answer_value(asked, verdict_on(asked, verdict))
            families[task.pk] = family_of(task, asked)
        except AnswerRefused as refused:
            rest.append(Unfit(task, _refusal(asked, refused)))
    largest = Counter(families.values()).most_common(1)  # of equals, the one chosen first
    together = [task for task in tasks if largest and families.get(task.pk) == largest[0][0]]
    unlike = _("It asks something else than most of the others do.")
    kin = {task.pk for task in together}
    rest += [Unfit(task, unlike) for task in tasks if task.pk in families.keys() - kin]
    return Sorted(together, answers, rest)


def _obstacle(task: ReviewTask, reviewer: User) -> str:
    """Why a task cannot be decided beside others, whatever the verdict."""
    if not task.is_open:
        return _("It is no longer open.")
    if task.holder not in (None, reviewer):
        return _("%(who)s has claimed it.") % {"who": _name(task.holder)}
    if task.high_risk:
        return _("High risk: it is decided on its own.")
    if is_large(task):
        return _("Its request is too long to be compared: it is decided on its own.")
    return ""


def _refusal(asked: Asked, refused: AnswerRefused) -> str:
    """Why a task does not take a verdict that others do."""
    if payloads.allowed_verdicts(asked) == (Kind.RESPOND,):
        return _("It needs an answer of its own.")
    return _("It does not take this verdict: %s") % refused.errors[0].message


def _claims(tasks: Sequence[ReviewTask], kind: str, reviewer: User) -> Sorted:
    rest = []
    for task in tasks:
        if not task.is_open:
            rest.append(Unfit(task, _("It is no longer open.")))
        elif task.holder not in (None, reviewer):
            why = _("%(who)s has claimed it.") % {"who": _name(task.holder)}
            rest.append(Unfit(task, why))
        elif kind == RELEASE and task.holder is None:
            rest.append(Unfit(task, _("You have not claimed it.")))
    unfit = {one.task.pk for one in rest}
    return Sorted([task for task in tasks if task.pk not in unfit], {}, rest)


def _name(user: User | None) -> str:
    return (user.get_full_name() or user.get_username()) if user else _("Somebody")


# -- what is asked, side by side ----------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """A task with those of its fields in which it differs from the others."""

    task: ReviewTask
    fields: dict[str, Any]


@dataclass
class Group:
    """Tasks whose graphs receive the very same value."""

    receives: str  # the value, as JSON
    common: dict[str, Any] = field(default_factory=dict)  # fields that all of them share
    tasks: list[Compared] = field(default_factory=list)


def grouped(tasks: Iterable[ReviewTask], answers: Mapping[int, Any]) -> list[Group]:
    """Tasks by what will be sent, the largest group first."""
    by_value: dict[str, list[ReviewTask]] = {}
    for task in tasks:
        by_value.setdefault(_written(answers.get(task.pk)), []).append(task)
    groups = [_group(receives, members) for receives, members in by_value.items()]
    return sorted(groups, key=lambda group: -len(group.tasks))


def _group(receives: str, tasks: list[ReviewTask]) -> Group:
    asked = [fields_of(task.asked) for task in tasks]
    names = list(dict.fromkeys(name for fields in asked for name in fields))
    common = {name for name in names if _is_shared(name, asked)}
    shared = {name: asked[0][name] for name in names if name in common}
    own = [_own(fields, common, receives) for fields in asked]
    return Group(receives, shared, [Compared(*pair) for pair in zip(tasks, own, strict=True)])


def _own(fields: dict[str, Any], common: set[str], receives: str) -> dict[str, Any]:
    """What only one task says, but for what stands above it as the value to be sent."""
    kept = {name: value for name, value in fields.items() if name not in common}
    return {name: value for name, value in kept.items() if _written(value) != receives}


def _written(value: Any) -> str:
    """A value as JSON, on one line if it fits."""
    short = payloads.json_text(value, indent=None)
    return short if len(short) <= LINE else payloads.json_text(value)


def _is_shared(name: str, asked: list[dict[str, Any]]) -> bool:
    """Whether all tasks say the same there; of one alone, everything is its own."""
    if len(asked) < 2 or any(name not in fields for fields in asked):
        return False
    first = payloads.json_text(asked[0][name])
    return all(payloads.json_text(fields[name]) == first for fields in asked[1:])


def fields_of(asked: Asked) -> dict[str, Any]:
    """What is asked, by name: arguments of tools, channels of a state, keys of an object."""
    if actions := payloads.actions_of(asked):
        named = {
            f"{action.label}: {key}" if len(actions) > 1 else key: value
            for action in actions
            for key, value in action.args.items()
        }
    elif isinstance(found := asked.state if asked.is_breakpoint else asked.value, dict):
        named = found
    else:
        named = {"": found}
    return dict(list(named.items())[:FIELDS])
