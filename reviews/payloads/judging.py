"""What a JSON Schema (Draft 2020-12) says of an answer: nothing is fetched, nothing hangs.

The schema may have come from a model, so judging is bounded: its size, the count of keywords
applied, no retrieval of remote `$ref`, and patterns as `patterns` matches them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators
from jsonschema.exceptions import SchemaError
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY

from reviews.payloads.bounds import FieldError, is_shallow, step, walk
from reviews.payloads.patterns import Budget, OverBudget, budget, matches
from reviews.payloads.references import JsonSchema, tagged

Verdicts = Iterator[ValidationError]
Keyword = Callable[[Any, Any, Any, Any], Any]

MAX_SCHEMA_PARTS = 5_000
# Python's stack must never run out: inside the library's Rust parts that is a panic, no exception.
MAX_SCHEMA_DEPTH = 24
MAX_ERRORS = 50
RULES = Draft202012Validator.VALIDATORS
NO_FORMATS = FormatChecker(formats=())

_root: ContextVar[JsonSchema] = ContextVar("root")


def is_usable(schema: Any) -> bool:
    """Whether this is a JSON Schema that says something and is small enough to judge by."""
    if not isinstance(schema, dict) or not schema or not is_shallow(schema, MAX_SCHEMA_DEPTH):
        return False
    keys: set[str] = set()
    for count, (_, _, part) in enumerate(walk(schema)):
        if count > MAX_SCHEMA_PARTS:
            return False
        keys.update(part if isinstance(part, dict) else ())
    if {"unevaluatedProperties", "patternProperties"} <= keys:
        return False  # together, the library would match patterns with a backtracking engine
    try:
        Draft202012Validator.check_schema(schema, format_checker=NO_FORMATS)
    except (SchemaError, Unresolvable, RecursionError, ValueError):
        return False
    return True


def errors_of(schema: JsonSchema, value: Any, at: str = "") -> list[FieldError]:
    """What the schema has against a value, one error per place; empty when it fits."""
    judge = Judge(schema, registry=EMPTY_REGISTRY, format_checker=FORMATS)
    spending, root = budget.set(Budget()), _root.set(schema)
    found: dict[str, FieldError] = {}
    try:
        for error in judge.iter_errors(value):
            pointer = at
            for key in error.absolute_path:
                pointer = step(pointer, key)
            found.setdefault(pointer, FieldError(pointer, sentence(error)))
            if len(found) >= MAX_ERRORS:
                break
    except Unresolvable as error:
        return [FieldError(at, f"The schema refers to {error.ref[:80]}, which it does not hold.")]
    except (OverBudget, RecursionError, ArithmeticError, TypeError, ValueError):
        return [FieldError(at, "The schema is too complex to check this answer.")]
    finally:
        budget.reset(spending)
        _root.reset(root)
    return list(found.values())


SENTENCES = {
    "minLength": "Must be at least {} characters long.",
    "maxLength": "Must be at most {} characters long.",
    "minimum": "Must be at least {}.",
    "maximum": "Must be at most {}.",
    "exclusiveMinimum": "Must be more than {}.",
    "exclusiveMaximum": "Must be less than {}.",
    "multipleOf": "Must be a multiple of {}.",
    "minItems": "Must have at least {} items.",
    "maxItems": "Must have at most {} items.",
    "enum": "Is not one of the choices.",
    "const": "Must stay as the schema says.",
    "oneOf": "Fits none, or more than one, of the allowed forms.",
    "anyOf": "Fits none of the allowed forms.",
}
TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "yes or no",
    "null": "empty",
    "array": "a list",
    "object": "an object",
}
FORMAT_NAMES = {
    "date": "a date such as 2026-01-31",
    "date-time": "a date and time such as 2026-01-31T09:30:00Z",
    "email": "an e-mail address",
    "uri": "a web address such as https://example.com/",
}


def sentence(error: ValidationError) -> str:
    """A validation error as a person would put it."""
    limit = error.validator_value
    if error.validator is None:
        return "Is not allowed here."
    match str(error.validator):
        case "required" | "pattern" | "additionalProperties" | "uniqueItems":
            return error.message
        case "type":
            names = limit if isinstance(limit, list) else [limit]
            return f"Must be {' or '.join(TYPES[str(name)] for name in names)}."
        case "format":
            return f"Must be {FORMAT_NAMES[str(limit)]}."
        case "oneOf" if error.path:
            return error.message
        case rule if rule in SENTENCES:
            return SENTENCES[rule].format(limit)
        case rule:
            return f"Does not fit the schema ({rule})."


# Rules of our own, where the library's point at the wrong place or could hang.


def _required(_: Any, names: Any, value: Any, __: Any) -> Verdicts:
    if isinstance(value, dict):
        for name in names:
            if name not in value:
                yield ValidationError("This is required.", path=[name])


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Verdicts:
    if isinstance(value, str) and not matches(pattern, value):
        yield ValidationError("Does not have the expected form.")


def _pattern_properties(judge: Any, patterns: Any, value: Any, _: Any) -> Verdicts:
    if isinstance(value, dict):
        for pattern, schema in patterns.items():
            for name in value:
                if matches(pattern, name):
                    yield from judge.descend(value[name], schema, path=name, schema_path=pattern)


def _additional_properties(judge: Any, rest: Any, value: Any, schema: Any) -> Verdicts:
    if not isinstance(value, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name in value:
        if name in known or any(matches(pattern, name) for pattern in patterns):
            continue
        if rest is False:
            yield ValidationError("The schema has no such field.", path=[name])
        else:
            yield from judge.descend(value[name], rest, path=name)


def _unique_items(_: Any, unique: Any, value: Any, __: Any) -> Verdicts:
    # The library compares all pairs, which makes minutes of a long list of objects.
    if unique and isinstance(value, list):
        seen = {json.dumps(_levelled(item), sort_keys=True) for item in value}
        if len(seen) < len(value):
            yield ValidationError("Must not hold the same item twice.")


def _levelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _levelled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_levelled(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _one_of(judge: Any, members: Any, value: Any, schema: Any) -> Verdicts:
    # A tagged union is judged by the member it names, so that errors point into that member.
    union = tagged(schema, _root.get()) if isinstance(value, dict) else None
    if union is None:
        yield from RULES["oneOf"](judge, members, value, schema) or ()
        return
    key, tags = union
    if value.get(key) in tags:
        chosen = tags.index(value[key])
        yield from judge.descend(value, members[chosen], schema_path=chosen)
    elif key in value:
        yield ValidationError("Is not one of the choices.", path=[key])
    else:
        yield ValidationError("This is required.", path=[key])


def _any_of(judge: Any, members: Any, value: Any, schema: Any) -> Verdicts:
    # "X or null" is how an optional X is written: what is wrong is what X says.
    solid = [at for at, member in enumerate(members) if member != {"type": "null"}]
    if len(solid) == 1 and len(members) == 2 and value is not None:
        yield from judge.descend(value, members[solid[0]], schema_path=solid[0])
    else:
        yield from RULES["anyOf"](judge, members, value, schema) or ()


def _counted(rule: Keyword) -> Keyword:
    def apply(judge: Any, argument: Any, value: Any, schema: Any) -> Verdicts:
        spending = budget.get()
        spending.keywords -= 1
        spending.depth -= 1
        if spending.keywords < 0 or spending.depth < 0:
            raise OverBudget
        try:
            yield from rule(judge, argument, value, schema) or ()
        finally:
            spending.depth += 1

    return apply


OWN_RULES: dict[str, Keyword] = {
    "required": _required,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "oneOf": _one_of,
    "anyOf": _any_of,
}
Judge = validators.extend(  # type: ignore[no-untyped-call]  # untyped in its stubs
    Draft202012Validator,
    {name: _counted(rule) for name, rule in {**RULES, **OWN_RULES}.items()},
)

FORMATS = FormatChecker(formats=())
DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
EMAIL = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,253}")


@FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or (len(value) == 10 and bool(date.fromisoformat(value)))


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    # Fractions are cut: datetime knows microseconds, RFC 3339 any number of digits.
    whole = re.sub(r"\.\d+", "", value.upper(), count=1)
    return bool(DATE_TIME.fullmatch(value)) and bool(datetime.fromisoformat(whole))


@FORMATS.checks("email")
def _is_email(value: object) -> bool:
    return not isinstance(value, str) or bool(EMAIL.fullmatch(value))


@FORMATS.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    if not isinstance(value, str):
        return True
    parts = urlsplit(value)
    return bool(parts.scheme and (parts.netloc or parts.path)) and not re.search(r"\s", value)
