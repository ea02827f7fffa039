"""What JSON may come in, how it is compared, and the words a refusal is told in."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1  # beyond it, the checkpointer and half of all JSON readers give up


@dataclass(frozen=True)
class FieldError:
    """One thing that is wrong with an answer, and where: a JSON Pointer and a sentence."""

    pointer: str
    message: str


class AnswerRefused(ValueError):
    """The answer cannot be sent as it is; `errors` say where and why."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(f"{e.pointer or '/'}: {e.message}" for e in self.errors))

    def under(self, prefix: str) -> dict[str, str]:
        """The first message per pointer below `prefix`, the prefix taken off."""
        found: dict[str, str] = {}
        for error in self.errors:
            rest = error.pointer.removeprefix(prefix)
            if error.pointer.startswith(prefix) and (not rest or rest[0] == "/"):
                found.setdefault(rest, error.message)
        return found


def refuse(pointer: str, message: str) -> NoReturn:
    raise AnswerRefused([FieldError(pointer, message)])


def step(pointer: str, key: str | int) -> str:
    """The JSON Pointer one step further down."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def steps(pointer: str) -> list[str]:
    """A JSON Pointer's keys, unescaped."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


# The way to a part, last key first. Pointers are written only where one is needed: one long key
# above many parts would make the pointers of all of them larger than any memory.
Path = tuple["Path", str | int] | None


def pointer_of(path: Path) -> str:
    """A path as a JSON Pointer."""
    keys: list[str | int] = []
    while path is not None:
        path, key = path
        keys.append(key)
    pointer = ""
    for key in reversed(keys):
        pointer = step(pointer, key)
    return pointer


def children(value: Any) -> Iterator[tuple[str | int, Any]]:
    """The keys and values directly inside a JSON value; nothing for a scalar."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def walk(value: Any) -> Iterator[tuple[Path, int, Any]]:
    """Every part of a JSON value with its path and depth, without recursion."""
    waiting: list[tuple[Path, int, Any]] = [(None, 0, value)]
    while waiting:
        path, depth, part = waiting.pop()
        yield path, depth, part
        inner = [((path, key), depth + 1, item) for key, item in children(part)]
        waiting.extend(reversed(inner))


def is_shallow(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether no container lies deeper than `depth`; safe for any nesting."""
    return all(level <= depth for _, level, _ in walk(value))


def is_clean(text: str) -> bool:
    """Whether text can be stored and sent: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def check_json(value: Any, at: str = "") -> None:
    """Refuse what JSON, the database or the graph could not carry unharmed."""
    for path, depth, part in walk(value):
        if depth > MAX_DEPTH:
            refuse(at, f"Nested deeper than {MAX_DEPTH} levels.")
        problem = _problem(part)
        if problem:
            pointer = pointer_of(path)
            refuse(at + pointer if is_clean(pointer) else at, problem)


def _problem(part: Any) -> str:
    if isinstance(part, float) and not math.isfinite(part):
        return "NaN, Infinity and numbers beyond them cannot be sent."
    if isinstance(part, int) and not -MAX_INTEGER - 1 <= part <= MAX_INTEGER:
        return "Whole numbers beyond 64 bits cannot be sent; write it as text."
    texts = [part] if isinstance(part, str) else part if isinstance(part, dict) else []
    if not all(isinstance(text, str) for text in texts):
        return "Keys must be text."
    if not all(map(is_clean, texts)):
        return "Contains a NUL character or half of a surrogate pair."
    if part is not None and not isinstance(part, str | int | float | list | dict):
        return "This is not JSON."
    return ""


def read_json(text: str, at: str = "") -> Any:
    """The JSON value written in `text`; refuses duplicate keys, NaN and too deep nesting."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_not_json)
    except RecursionError:
        refuse(at, f"Nested deeper than {MAX_DEPTH} levels.")
    except ValueError as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        refuse(at, f"This is not valid JSON{where}: {reason[:120]}.")
    check_json(value, at)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two equal keys: the person would see one value and the graph might get the other.
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is used twice")
    return found


def _not_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


def same_json(one: Any, other: Any) -> bool:
    """Equal as JSON text: 1, 1.0 and true differ, the order of keys does not."""
    if not is_shallow(one) or not is_shallow(other):
        return one is other
    try:
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    except (TypeError, ValueError):
        return one is other
