"""Reading what a form posted, by the fields it was rendered from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from reviews.payloads.bounds import AnswerRefused, FieldError, is_clean, read_json, steps
from reviews.payloads.fields import Blank, Control, Field

Posted = Mapping[str, list[str]]

MAX_ROWS = 200
OMITTED: Any = object()
NUMBER = re.compile(r"-?(0|[1-9]\d{0,400})(\.\d{1,400})?([eE][+-]?\d{1,4})?", re.ASCII)
WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?", re.ASCII)
INDEX = re.compile(r"\d{1,6}", re.ASCII)


def values_of(data: Any) -> dict[str, list[str]]:
    """A QueryDict, or any mapping of names to one or more texts, as plain lists of text."""
    lists = getattr(data, "getlist", None)
    found = {}
    for name in data:
        values = lists(name) if lists else data[name]
        found[name] = [values] if isinstance(values, str) else [str(value) for value in values]
    return found


def lines_as(text: str, original: str) -> str:
    """Posted text with the line ends of what it was typed over; browsers post CRLF."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if plain == original.replace("\r\n", "\n").replace("\r", "\n"):
        return original
    return plain.replace("\n", "\r\n") if "\r\n" in original else plain


def first(posted: Posted, name: str) -> str:
    """The text posted under a name, or nothing."""
    return next(iter(posted.get(name, [])), "")


class Reader:
    """Reads posted fields back into typed JSON and collects what is wrong with them."""

    def __init__(self, posted: Posted, at: str = "") -> None:
        self.posted = posted
        self.at = at
        self.errors: list[FieldError] = []
        self.known: set[str] = set()
        self.skipped: list[str] = []

    def finish(self, prefix: str) -> None:
        """Refuse if anything was wrong, or if the form had fields it was not rendered with."""
        for name in self.posted:
            is_ours = name in self.known or any(map(name.startswith, self.skipped))
            if name.startswith(prefix) and not is_ours:
                self.errors.append(FieldError(self.at, f"Unknown field {name[:80]!a}."))
        if self.errors:
            raise AnswerRefused(self.errors)

    def object(self, fields: Iterable[Field], original: Any) -> Any:
        """The original with each field's posted value put at its pointer."""
        fields = list(fields)
        if len(fields) == 1 and not fields[0].pointer:
            return self.value(fields[0])
        answer = deepcopy(original)
        for field in fields:
            value = self.value(field)
            *parents, last = steps(field.pointer)
            holder = answer
            for key in parents:
                holder = holder[int(key) if isinstance(holder, list) else key]
            if value is not OMITTED:
                holder[int(last) if isinstance(holder, list) else last] = value
            elif isinstance(holder, dict):
                holder.pop(last, None)
        return answer

    def value(self, field: Field) -> Any:
        """One field's value, or OMITTED if it is to be left out."""
        self.known.add(field.name)
        try:
            return self._value(field)
        except AnswerRefused as refused:
            self.errors.extend(refused.errors)
            return OMITTED

    def _value(self, field: Field) -> Any:
        match field.control:
            case Control.FIXED:
                return field.value
            case Control.GROUP:
                return self._group(field)
            case Control.ROWS:
                return self._rows(field)
            case Control.TABS:
                return self._tab(field)
            case Control.CHECKBOX:
                return bool(self.posted.get(field.name))
            case Control.SELECT | Control.RADIO:
                return self._choice(field)
            case Control.CHECKBOXES:
                return self._ticked(field)
        return self._typed(field)

    def _group(self, field: Field) -> Any:
        given = field.value if field.filled and isinstance(field.value, dict) else {}
        if field.blank is not Blank.REFUSED and not given and not self._is_touched(field):
            return self._blank(field)
        answer = dict(given)
        for child in field.fields:
            value = self.value(child)
            key = steps(child.pointer)[-1]
            if value is OMITTED:
                answer.pop(key, None)
            else:
                answer[key] = value
        return answer

    def _is_touched(self, field: Field) -> bool:
        """Whether an optional part differs from how it was rendered; its names become known."""
        self.skipped.append(f"{field.name}/")
        return any(map(self.differs, field.fields))

    def differs(self, field: Field) -> bool:
        """Whether a field was posted otherwise than it was rendered."""
        posted = self.posted.get(field.name, [])
        if field.control is Control.ROWS:
            return bool(self.indexes(field)) or bool(field.fields)
        if field.control is Control.GROUP:
            return any(map(self.differs, field.fields))
        if field.control is Control.FIXED:
            return False
        if field.control is Control.CHECKBOX:
            return bool(posted) != bool(field.chosen)
        if field.options:
            return tuple(filter(None, posted)) != field.chosen
        return lines_as("\n".join(posted), field.text) != field.text

    def _rows(self, field: Field) -> Any:
        indexes = sorted(self.indexes(field))
        if field.item is None or len(indexes) > MAX_ROWS:
            return self._refuse(field, f"At most {MAX_ROWS} rows.")
        rows = []
        for index in indexes:
            is_old = index < len(field.fields)
            row = field.fields[index] if is_old else renumbered(field.item, field, index)
            rows.append(self.value(row))
        if not rows and field.blank in (Blank.OMITTED, Blank.NULL):
            return self._blank(field)
        return [row for row in rows if row is not OMITTED]

    def indexes(self, field: Field) -> set[int]:
        """The rows that were posted: any control in one, or its bare name, counts."""
        start = f"{field.name}/"
        heads = {
            name[len(start) :].split("/", 1)[0] for name in self.posted if name.startswith(start)
        }
        return {int(head) for head in heads if INDEX.fullmatch(head)}

    def _tab(self, field: Field) -> Any:
        self.skipped.append(f"{field.name}/oneOf/")
        chosen = first(self.posted, field.name)
        for option, form in zip(field.options, field.fields, strict=True):
            if option.key == chosen:
                return self.value(form)
        return self._blank(field) if not chosen else self._refuse(field, "Choose one of the forms.")

    def _choice(self, field: Field) -> Any:
        chosen = first(self.posted, field.name)
        if not chosen:
            return self._blank(field)
        return self._option(field, chosen)

    def _ticked(self, field: Field) -> Any:
        ticked = [self._option(field, key) for key in self.posted.get(field.name, []) if key]
        if not ticked and field.blank in (Blank.OMITTED, Blank.NULL):
            return self._blank(field)
        return ticked

    def _option(self, field: Field, key: str) -> Any:
        for option in field.options:
            if option.key == key:
                return option.value
        return self._refuse(field, "Is not one of the choices.")

    def _typed(self, field: Field) -> Any:
        values = self.posted.get(field.name)
        if values is None and field.blank is Blank.EMPTY:
            return self._refuse(field, "Was not sent with the form.")
        text = lines_as("\n".join(values or []), field.text)
        if not text.strip() and (not text or field.control not in TEXTUAL):
            return self._blank(field)
        if not is_clean(text):
            return self._refuse(field, "Contains a NUL character or half of a surrogate pair.")
        if field.control is Control.JSON:
            return read_json(text, self.at + field.pointer)
        if field.control is Control.LIST:
            lines = [line.rstrip("\r") for line in text.split("\n")]
            return [self._scalar(field, line, field.item_type) for line in lines if line.strip()]
        return self._scalar(field, text, field.control)

    def _scalar(self, field: Field, text: str, kind: str) -> Any:
        if kind == Control.DATETIME and WITHOUT_ZONE.fullmatch(text):
            return f"{text}:00Z" if text.count(":") == 1 else f"{text}Z"
        if kind not in (Control.INTEGER, Control.NUMBER):
            return text
        number = text.strip()
        if not NUMBER.fullmatch(number):
            return self._refuse(field, "Must be a number, such as 12.5.")
        value = read_json(number, self.at + field.pointer)
        if kind == Control.INTEGER and not isinstance(value, int):
            return self._refuse(field, "Must be a whole number.")
        return float(value) if isinstance(field.value, float) else value

    def _blank(self, field: Field) -> Any:
        match field.blank:
            case Blank.OMITTED:
                return OMITTED
            case Blank.NULL:
                return None
            case Blank.EMPTY:
                return [] if field.control is Control.LIST else ""
        return self._refuse(field, "This is required.")

    def _refuse(self, field: Field, message: str) -> Any:
        raise AnswerRefused([FieldError(self.at + field.pointer, message)])


TEXTUAL = (Control.TEXT, Control.TEXTAREA)


def renumbered(item: Field, rows: Field, index: int) -> Field:
    """The empty row made the row at `index`."""

    def moved(field: Field) -> Field:
        return replace(
            field,
            pointer=field.pointer.replace(f"{rows.pointer}/-", f"{rows.pointer}/{index}", 1),
            name=field.name.replace(f"{rows.name}/-", f"{rows.name}/{index}", 1),
            fields=tuple(map(moved, field.fields)),
            item=moved(field.item) if field.item else None,
        )

    return moved(item)


def refilled(field: Field, posted: Posted, errors: Mapping[str, str]) -> Field:
    """The field as the person left it: what was posted in its place, and what was wrong with it."""
    values = posted.get(field.name, [])
    error = errors.get(field.pointer, "")
    if field.control is Control.FIXED:
        return field
    if field.control in (Control.GROUP, Control.TABS):
        inner = tuple(refilled(child, posted, errors) for child in field.fields)
        chosen = tuple(values) if field.control is Control.TABS else ()
        return replace(field, fields=inner, chosen=chosen, error=error)
    if field.control is Control.ROWS and field.item:
        rows = [
            field.fields[at] if at < len(field.fields) else renumbered(field.item, field, at)
            for at in sorted(Reader(posted).indexes(field))[:MAX_ROWS]
        ]
        return replace(
            field, fields=tuple(refilled(row, posted, errors) for row in rows), error=error
        )
    if field.control is Control.CHECKBOX:
        return replace(field, chosen=("on",) if values else (), error=error)
    if field.options:
        return replace(field, chosen=tuple(values), error=error)
    return replace(field, text="\n".join(values), error=error)
