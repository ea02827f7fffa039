"""Schemas from anywhere: broken, endless, hostile; whatever is posted is fit or refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews import payloads
from reviews.payloads import AnswerRefused, Asked, Control, Field, Shape
from reviews.payloads.judging import errors_of, is_usable
from reviews.payloads.patterns import matches


def form(properties: dict[str, Any], required: tuple[str, ...] = (), **more: Any) -> Asked:
    schema = {"type": "object", "properties": properties, "required": list(required), **more}
    return Asked({"question": "?"}, response_schema=schema)


def only(asked: Asked) -> Field:
    (field,) = payloads.fields_of(asked)
    return field


def submit(asked: Asked, **posted: str | list[str]) -> Any:
    """The value sent when this is posted; a name stands for its field."""
    data = {f"field:/{name.replace('__', '/')}": value for name, value in posted.items()}
    return payloads.answer_value(asked, payloads.verdict_from_form(asked, data))


def refusal(asked: Asked, **posted: str | list[str]) -> dict[str, str]:
    with pytest.raises(AnswerRefused) as refused:
        submit(asked, **posted)
    return refused.value.under("/value")


def test_beyond_the_limits_there_is_a_box_of_json() -> None:
    wide = form({f"f{n}": {"type": "string"} for n in range(81)})
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(5):
        deep = {"type": "object", "properties": {"in": deep}}
    endless = {"type": "object", "properties": {"in": {"$ref": "#"}}}

    assert only(wide).control is Control.JSON
    levels = list(down(only(Asked({}, response_schema=deep))))
    assert [field.control for field in levels] == [Control.GROUP] * 3 + [Control.JSON]
    levels = list(down(only(Asked({}, response_schema=endless))))
    assert levels[-1].control is Control.JSON
    assert payloads.verdict_from_form(wide, {"field:": '{"f1": "x"}'})["value"] == {"f1": "x"}


def down(field: Field) -> Iterator[Field]:
    yield field
    for child in field.fields:
        yield from down(child)


def test_json_mode_is_judged_like_the_fields() -> None:
    asked = form({"n": {"type": "integer"}})

    verdict = payloads.verdict_from_form(asked, {"json": '{"n": "x"}', "field:/n": "1"})

    with pytest.raises(AnswerRefused) as refused:
        payloads.answer_value(asked, verdict)
    assert refused.value.under("/value") == {"/n": "Must be a whole number."}


def test_no_reference_is_ever_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: Any, **__: Any) -> None:
        raise AssertionError("a schema made us open a connection")

    monkeypatch.setattr("socket.socket.connect", opened)
    monkeypatch.setattr("urllib.request.urlopen", opened)
    asked = form({"x": {"$ref": "http://127.0.0.1:9/schema"}})

    assert payloads.shape_of(asked) is Shape.FORM
    assert "does not hold" in refusal(asked, x="1")[""]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 50_000 + "!"),
        ({"pattern": "^(?=a)(a|a)+$"}, "a" * 5_000 + "!"),
        (
            {"patternProperties": {"^(?=a)(a|a)+$": {}}, "additionalProperties": False},
            {"a" * 60: 1},
        ),
        ({"items": {"pattern": "(?=x)"}}, ["y"] * 1_000),
        ({"$ref": "#"}, 1),
        ({"if": {"$ref": "#"}, "$dynamicRef": "#", "type": ["object", "null"]}, {}),
        ({"uniqueItems": True}, [{"n": n} for n in range(20_000)]),
        (
            {
                "$defs": {
                    **{f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)},
                    "d40": {"type": "string"},
                },
                "$ref": "#/$defs/d0",
            },
            "x",
        ),
    ],
    ids=["linear", "look-ahead", "keys", "many", "endless", "endless-if", "unique", "doubling"],
)
def test_no_schema_can_hang_us(schema: dict[str, Any], value: Any) -> None:
    assert is_usable(schema)
    started = time.perf_counter()

    errors_of(schema, value)

    assert time.perf_counter() - started < 5


def test_patterns_mean_what_json_schema_says() -> None:
    assert matches("b", "abc")  # not anchored
    assert not matches("^b", "abc")
    assert matches(r"^\p{L}+$", "éa")
    assert matches(r"^(?=.*\d)[a-z\d]+$", "a1")
    assert not matches(r"^(?=.*\d)[a-z\d]+$", "ab")
    assert matches("(", "what no engine can read forbids nothing")


UNUSABLE = [
    *(None, {}, [], "x", True),
    {"type": "str"},
    {"properties": []},
    {"type": "object", "properties": {str(n): {} for n in range(6_000)}},
    {"unevaluatedProperties": False, "patternProperties": {"(a+)+$": {}}},
]


@pytest.mark.parametrize("schema", UNUSABLE)
def test_a_broken_schema_says_nothing(schema: Any) -> None:
    assert not is_usable(schema)
    assert payloads.shape_of(Asked("?", response_schema=schema)) is Shape.QUESTION


leaves = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "default": "d", "maxLength": 5},
        {"type": ["integer", "null"]},
        {"type": "number", "minimum": 0},
        {"type": "boolean"},
        {"enum": ["a", 1, None]},
        {"type": "array", "items": {"type": "integer"}},
        {"type": "array", "items": {"enum": ["x", "y"]}},
        {"const": 3},
        {"type": "object"},
        {"$ref": "#/$defs/leaf"},
        True,
    ]
)
names = st.sampled_from(["a", "b", "", "/", "~1", "oneOf", "0", "-", "é"])


def parents(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    group = st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(names, inner, max_size=4)},
        optional={"required": st.lists(names, unique=True, max_size=3)},
    )
    rows = st.fixed_dictionaries({"type": st.just("array"), "items": group})

    def union(members: list[Any]) -> dict[str, Any]:
        tagged = [
            {**m, "properties": {**m["properties"], "kind": {"const": f"k{at}"}}}
            for at, m in enumerate(members)
        ]
        return {"oneOf": tagged, "discriminator": {"propertyName": "kind"}}

    return group | rows | st.lists(group, min_size=2, max_size=3).map(union)


schemas = st.recursive(leaves, parents, max_leaves=12).filter(lambda schema: schema is not True)
texts = st.sampled_from(["", "1", "0", "on", "x", "-1.5", "1e400", "[1]", "{", "a\r\nb", "\0"])


@settings(max_examples=300, deadline=None)
@given(schema=schemas, prefill=st.none() | st.dictionaries(names, st.integers()), data=st.data())
def test_whatever_is_posted_is_an_instance_or_a_refusal(
    schema: dict[str, Any], prefill: Any, data: st.DataObject
) -> None:
    schema = {**schema, "$defs": {"leaf": {"type": "string"}}}
    asked = Asked({} if prefill is None else {"default": prefill}, response_schema=schema)
    fields = payloads.fields_of(asked)
    rendered = [part for top in fields for part in down(top)]
    rendered += [part for top in rendered if top.item for part in down(top.item)]
    posted = {
        field.name.replace("/-", "/0"): data.draw(st.lists(texts, max_size=2)) for field in rendered
    }
    try:
        value = payloads.answer_value(asked, payloads.verdict_from_form(asked, posted))
    except AnswerRefused:
        value = None
    if value is not None:
        assert errors_of(schema, value) == []
    payloads.refill(fields, posted, {})
