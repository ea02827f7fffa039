"""A JSON Schema as a form: what the interface supports; every other part is a box of JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reviews.payloads.bounds import same_json, step
from reviews.payloads.fields import (
    LONG_LINE,
    Blank,
    Control,
    Field,
    Option,
    control_for,
    json_box,
    list_type,
    option_label,
    options_of,
    text_for,
)
from reviews.payloads.references import JsonSchema, resolved, tagged
from reviews.payloads.shapes import is_nameable
from reviews.payloads.wording import one_line, spoken

MAX_NESTING = 4
MAX_FIELDS = 80
MAX_CHOICES = 200
FEW_CHOICES = 4
MISSING: Any = object()
UNSUPPORTED = {"if", "allOf", "anyOf", "patternProperties", "dependentSchemas", "prefixItems"}
FORMAT_CONTROLS = {
    "date": Control.DATE,
    "date-time": Control.DATETIME,
    "email": Control.EMAIL,
    "uri": Control.URL,
}
ATTRIBUTES = {
    "minLength": "minlength",
    "maxLength": "maxlength",
    "minimum": "min",
    "maximum": "max",
    "minItems": "data-min-items",
    "maxItems": "data-max-items",
}


class TooManyFields(Exception):
    """The schema asks for more controls than a person can fill in."""


def form_for(schema: JsonSchema, prefill: Any = MISSING, prefix: str = "field:") -> Field:
    """The root field of the form for a schema, prefilled where the prefill fits."""
    builder = _Builder(schema)
    try:
        return builder.build(schema, "", prefix, "Answer", prefill, Blank.REFUSED, 0)
    except TooManyFields:
        return _box(schema, "", prefix, "Answer", prefill, Blank.REFUSED)


def _box(
    schema: JsonSchema, pointer: str, name: str, label: str, prefill: Any, blank: Blank
) -> Field:
    filled = prefill is not MISSING
    value = prefill if filled else None
    help = one_line(_text(schema, "description"), 300)
    return json_box(
        pointer, name, label, value, filled=filled, blank=blank, help=help, schema=schema
    )


def _text(schema: JsonSchema, key: str) -> str:
    return schema[key] if isinstance(schema.get(key), str) else ""


class _Builder:
    """Builds the fields of one schema, within its limits."""

    def __init__(self, root: JsonSchema) -> None:
        self.root = root
        self.left = MAX_FIELDS

    def build(
        self,
        raw: Any,
        pointer: str,
        name: str,
        label: str,
        prefill: Any,
        blank: Blank,
        nesting: int,
    ) -> Field:
        """The field for one part of the schema."""
        schema = resolved(raw, self.root)
        if schema is None:
            return self._spent(_box({"": raw}, pointer, name, label, prefill, blank))
        schema, nullable = self._without_null(schema)
        if prefill is MISSING and "default" in schema:
            prefill = schema["default"]
        if nullable:
            blank = Blank.NULL
        elif blank is Blank.OMITTED and isinstance(schema.get("default"), str):
            blank = Blank.EMPTY  # emptied by hand is not the same as left to its default
        label = one_line(_text(schema, "title")) or label
        fallback = _box(schema, pointer, name, label, prefill, blank)
        if prefill is None and nullable:
            prefill = MISSING
        draft = replace(fallback, text="", help=_help(schema), attributes=_attributes(schema))
        built = self._control(schema, draft, prefill, nesting)
        return built or self._spent(fallback)

    def _spent(self, field: Field) -> Field:
        self.left -= 1
        if self.left < 0:
            raise TooManyFields
        return field

    def _without_null(self, schema: JsonSchema) -> tuple[JsonSchema, bool]:
        types = schema.get("type")
        if isinstance(types, list) and len(types) == 2 and "null" in types:
            other = next((name for name in types if name != "null"), "null")
            return {**schema, "type": other}, True
        for key in ("anyOf", "oneOf"):
            members = schema.get(key)
            if isinstance(members, list) and len(members) == 2 and {"type": "null"} in members:
                other = next((part for part in members if part != {"type": "null"}), None)
                inner = resolved(other, self.root)
                if inner is not None:
                    rest = {word: part for word, part in schema.items() if word != key}
                    return {**inner, **rest}, True
        return schema, False

    def _control(
        self, schema: JsonSchema, draft: Field, prefill: Any, nesting: int
    ) -> Field | None:
        if "const" in schema:
            if prefill is not MISSING and not same_json(prefill, schema["const"]):
                return None
            shown = option_label(schema["const"])
            fixed = replace(draft, control=Control.FIXED, value=schema["const"], text=shown)
            return self._spent(fixed)
        choices = self._choices(schema)
        if choices:
            return self._choice(draft, choices, prefill)
        if not UNSUPPORTED.isdisjoint(schema):
            return None
        if "oneOf" in schema:
            return self._tabs(schema, draft, prefill, nesting)
        match schema.get("type"):
            case "object":
                return self._group(schema, draft, prefill, nesting)
            case "array":
                return self._array(schema, draft, prefill, nesting)
            case "boolean":
                return self._boolean(draft, prefill)
            case "string" | "integer" | "number" as kind:
                return self._typed(schema, draft, prefill, kind)
        return None

    def _choices(self, schema: JsonSchema) -> tuple[Option, ...]:
        values = schema.get("enum")
        if isinstance(values, list) and values and len(values) <= MAX_CHOICES:
            return options_of(values)
        members = schema.get("oneOf")
        if not isinstance(members, list) or not 0 < len(members) <= MAX_CHOICES:
            return ()
        if not all(isinstance(member, dict) and "const" in member for member in members):
            return ()
        titles = [_text(part, "title") or option_label(part["const"]) for part in members]
        return tuple(
            Option(str(at), one_line(title), part["const"])
            for at, (title, part) in enumerate(zip(titles, members, strict=True))
        )

    def _choice(self, draft: Field, choices: tuple[Option, ...], prefill: Any) -> Field | None:
        chosen = _keys_of(choices, [prefill]) if prefill is not MISSING else ()
        if chosen is None:
            return None
        few = len(choices) <= FEW_CHOICES and draft.blank is Blank.REFUSED
        control = Control.RADIO if few else Control.SELECT
        return self._spent(replace(draft, control=control, options=choices, chosen=chosen))

    def _boolean(self, draft: Field, prefill: Any) -> Field | None:
        if prefill is not MISSING and not isinstance(prefill, bool):
            return None
        if prefill is MISSING and draft.blank is not Blank.REFUSED:
            return self._choice(draft, options_of([True, False]), prefill)
        if draft.blank is Blank.NULL:
            return self._choice(draft, options_of([True, False]), prefill)
        chosen = ("on",) if prefill is True else ()
        return self._spent(replace(draft, control=Control.CHECKBOX, chosen=chosen))

    def _typed(self, schema: JsonSchema, draft: Field, prefill: Any, kind: str) -> Field | None:
        if prefill is not MISSING and not _fits(prefill, kind):
            return None
        text = text_for(prefill) if prefill is not MISSING else ""
        if kind != "string":
            control = Control.INTEGER if kind == "integer" else Control.NUMBER
        else:
            control = _string_control(schema, text)
        return self._spent(replace(draft, control=control, text=text))

    def _group(self, schema: JsonSchema, draft: Field, prefill: Any, nesting: int) -> Field | None:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties or nesting >= MAX_NESTING:
            return None
        if prefill is not MISSING and not isinstance(prefill, dict):
            return None
        if not all(map(is_nameable, properties)):
            return None
        given = prefill if isinstance(prefill, dict) else {}
        needed = schema.get("required", [])
        fields = []
        for key, part in properties.items():
            blank = Blank.REFUSED if key in needed else Blank.OMITTED
            at, name = step(draft.pointer, key), step(draft.name, key)
            label = spoken(key) or "(no name)"
            value = given.get(key, MISSING)
            fields.append(self.build(part, at, name, label, value, blank, nesting + 1))
        return replace(draft, control=Control.GROUP, fields=tuple(fields))

    def _array(self, schema: JsonSchema, draft: Field, prefill: Any, nesting: int) -> Field | None:
        items = resolved(schema.get("items"), self.root)
        given = [] if prefill is MISSING else prefill
        if items is None or not isinstance(given, list):
            return None
        if draft.blank is Blank.REFUSED:
            draft = replace(draft, blank=Blank.EMPTY)
        choices = self._choices(items)
        if choices:
            chosen = _keys_of(choices, given)
            if chosen is None or list(chosen) != sorted(set(chosen), key=int):
                return None  # ticking boxes would lose order and repetition
            ticked = replace(draft, control=Control.CHECKBOXES, options=choices, chosen=chosen)
            return self._spent(ticked)
        kind = items.get("type")
        if kind in ("string", "integer", "number") and UNSUPPORTED.isdisjoint(items):
            return self._list(draft, given, kind)
        if kind == "object" or "oneOf" in items:
            return self._rows(items, draft, given, nesting)
        return None

    def _list(self, draft: Field, given: list[Any], kind: str) -> Field | None:
        if given and not (list_type(given) and all(_fits(item, kind) for item in given)):
            return None
        shown = text_for(given)
        return self._spent(replace(draft, control=Control.LIST, text=shown, item_type=kind))

    def _rows(
        self, items: JsonSchema, draft: Field, given: list[Any], nesting: int
    ) -> Field | None:
        if nesting >= MAX_NESTING:
            return None
        fields = [self.row(items, draft, at, value, nesting) for at, value in enumerate(given)]
        item = self.row(items, draft, "-", MISSING, nesting)
        if any(part.control not in (Control.GROUP, Control.TABS) for part in (*fields, item)):
            return None
        return replace(draft, control=Control.ROWS, fields=tuple(fields), item=item)

    def row(self, items: JsonSchema, rows: Field, at: int | str, value: Any, nesting: int) -> Field:
        """One row of a repeated group."""
        label = f"{rows.label} {at + 1}" if isinstance(at, int) else rows.label
        pointer, name = step(rows.pointer, at), step(rows.name, at)
        return self.build(items, pointer, name, label, value, Blank.REFUSED, nesting + 1)

    def _tabs(self, schema: JsonSchema, draft: Field, prefill: Any, nesting: int) -> Field | None:
        union = tagged(schema, self.root)
        if union is None or nesting >= MAX_NESTING:
            return None
        key, tags = union
        given = prefill.get(key) if isinstance(prefill, dict) else None
        if prefill is not MISSING and given not in tags:
            return None
        fields, options = [], []
        for at, (tag, member) in enumerate(zip(tags, schema["oneOf"], strict=True)):
            name = f"{draft.name}/oneOf/{at}"
            value = prefill if given == tag else MISSING
            label = spoken(tag)
            form = self.build(member, draft.pointer, name, label, value, Blank.REFUSED, nesting + 1)
            fields.append(form)
            options.append(Option(str(at), label, tag))
        chosen = (str(tags.index(given)),) if given in tags else ()
        return replace(
            draft,
            control=Control.TABS,
            options=tuple(options),
            fields=tuple(fields),
            chosen=chosen,
        )


def _keys_of(choices: tuple[Option, ...], values: list[Any]) -> tuple[str, ...] | None:
    found = []
    for value in values:
        keys = (option.key for option in choices if same_json(option.value, value))
        key = next(keys, None)
        if key is None:
            return None
        found.append(key)
    return tuple(found)


def _fits(value: Any, kind: str) -> bool:
    control = control_for(value)
    if kind == "integer":
        return control is Control.INTEGER
    if kind == "number":
        return control in (Control.INTEGER, Control.NUMBER)
    return isinstance(value, str) and control is not Control.JSON


def _string_control(schema: JsonSchema, text: str) -> Control:
    control = FORMAT_CONTROLS.get(str(schema.get("format")), Control.TEXT)
    longest = schema.get("maxLength")
    is_long = isinstance(longest, int) and longest > 2 * LONG_LINE
    is_markdown = schema.get("contentMediaType") == "text/markdown"
    if control is Control.TEXT and (is_long or is_markdown):
        return Control.TEXTAREA
    shown = control_for(text)
    if control is Control.DATE and text and shown is not Control.DATE:
        return Control.TEXT  # a date control would show nothing
    return Control.TEXTAREA if shown is Control.TEXTAREA else control


def _attributes(schema: JsonSchema) -> dict[str, Any]:
    return {
        html: schema[word]
        for word, html in ATTRIBUTES.items()
        if isinstance(schema.get(word), int | float) and not isinstance(schema[word], bool)
    }


def _help(schema: JsonSchema) -> str:
    described = one_line(_text(schema, "description"), 300)
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        example = f"For example: {option_label(examples[0])}"
        return f"{described} {example}".strip()
    return described
