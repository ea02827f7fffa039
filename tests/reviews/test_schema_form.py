"""JSON Schemas as forms: what is supported, what becomes JSON, and what comes back from a post."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from pydantic import Field as Described

from reviews import payloads
from reviews.payloads import AnswerRefused, Asked, Blank, Control, Field


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


CONTROLS = [
    ({"type": "string"}, Control.TEXT),
    ({"type": "string", "maxLength": 2_000}, Control.TEXTAREA),
    ({"type": "string", "contentMediaType": "text/markdown"}, Control.TEXTAREA),
    ({"type": "string", "default": "two\nlines"}, Control.TEXTAREA),
    ({"type": "string", "format": "date"}, Control.DATE),
    ({"type": "string", "format": "date", "default": "soon"}, Control.TEXT),
    ({"type": "string", "format": "date-time"}, Control.DATETIME),
    ({"type": "string", "format": "email"}, Control.EMAIL),
    ({"type": "string", "format": "uri"}, Control.URL),
    ({"type": "string", "enum": ["a", "b"]}, Control.RADIO),
    ({"enum": list(range(9))}, Control.SELECT),
    ({"oneOf": [{"const": 1, "title": "One"}, {"const": 2, "title": "Two"}]}, Control.RADIO),
    ({"type": "integer"}, Control.INTEGER),
    ({"type": "number"}, Control.NUMBER),
    ({"type": "boolean"}, Control.CHECKBOX),
    ({"type": ["boolean", "null"]}, Control.SELECT),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, Control.INTEGER),
    ({"const": "v1"}, Control.FIXED),
    ({"type": "array", "items": {"type": "string"}}, Control.LIST),
    ({"type": "array", "items": {"enum": ["a", "b"]}}, Control.CHECKBOXES),
    ({"type": "array", "items": {"properties": {"a": {}}, "type": "object"}}, Control.ROWS),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, Control.GROUP),
    # What is not supported, one part each.
    ({}, Control.JSON),
    (True, Control.JSON),
    ({"type": "object"}, Control.JSON),
    ({"type": "object", "properties": {"a\nb": {"type": "string"}}}, Control.JSON),
    ({"type": "string", "if": {"maxLength": 1}, "then": {"const": "x"}}, Control.JSON),
    ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, Control.JSON),
    ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, Control.JSON),
    ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, Control.JSON),
    ({"type": "array"}, Control.JSON),
    ({"type": "array", "items": {"type": "array", "items": {"type": "string"}}}, Control.JSON),
    ({"$ref": "https://example.com/schema"}, Control.JSON),
    ({"$ref": "#/$defs/missing"}, Control.JSON),
    ({"type": "integer", "default": "not one"}, Control.JSON),
]


@pytest.mark.parametrize(("schema", "control"), CONTROLS)
def test_each_kind_of_schema_has_its_control(schema: Any, control: Control) -> None:
    field = only(form({"x": schema}, required=("x",)))

    assert (field.control, field.name, field.pointer) == (control, "field:/x", "/x")


def test_a_field_carries_what_the_schema_says_of_it() -> None:
    schema = {
        "type": "integer",
        "title": "Amount",
        "description": "In\u202e EUR.",
        "examples": [12],
        "minimum": 1,
        "maximum": 9,
        "default": 5,
    }

    field = only(form({"a/b~": schema}))

    assert field.name == "field:/a~1b~0"
    assert field.label == "Amount"
    assert field.help == "In EUR. For example: 12"
    assert field.attributes == {"min": 1, "max": 9}
    assert (field.text, field.blank, field.required) == ("5", Blank.OMITTED, False)


def test_the_payload_prefills_before_the_schema_does() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "default": "schema"}}}

    assert only(Asked({"default": {"a": "payload"}}, response_schema=schema)).text == "payload"
    assert only(Asked({"value": {"a": "value"}}, response_schema=schema)).text == "value"
    assert only(Asked({}, response_schema=schema)).text == "schema"


SENT = [
    ({"type": "string"}, "a\r\nb", '{"x": "a\\nb"}'),
    ({"type": "string"}, "", "{}"),
    ({"type": "string", "default": "d"}, "", '{"x": ""}'),
    ({"type": ["string", "null"]}, "", '{"x": null}'),
    ({"type": "integer"}, " 12 ", '{"x": 12}'),
    ({"type": "number"}, "12", '{"x": 12}'),
    ({"type": "number"}, "1.50", '{"x": 1.5}'),
    ({"type": "number", "default": 2.0}, "2.0", '{"x": 2.0}'),
    ({"type": "integer"}, "", "{}"),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, "", '{"x": null}'),
    ({"type": "boolean", "default": False}, "on", '{"x": true}'),
    ({"type": "boolean", "default": True}, [], '{"x": false}'),
    ({"type": "boolean"}, "", "{}"),
    ({"type": "boolean"}, "1", '{"x": false}'),
    ({"enum": ["a", 1, None]}, "1", '{"x": 1}'),
    ({"enum": ["a", 1, None]}, "2", '{"x": null}'),
    ({"enum": ["a"]}, "", "{}"),
    ({"const": {"v": 1}}, [], '{"x": {"v": 1}}'),
    ({"type": "array", "items": {"type": "string"}}, "a\r\n\r\n b", '{"x": ["a", " b"]}'),
    ({"type": "array", "items": {"type": "integer"}}, "1\n2", '{"x": [1, 2]}'),
    ({"type": "array", "items": {"type": "integer"}}, "", "{}"),
    ({"type": "array", "items": {"enum": ["a", "b", "c"]}}, ["0", "2"], '{"x": ["a", "c"]}'),
    (
        {"type": "string", "format": "date-time"},
        "2026-01-31T09:30",
        '{"x": "2026-01-31T09:30:00Z"}',
    ),
    ({"type": "string", "format": "date-time"}, "2026-01-31T09:30:00+02:00", None),
    ({"type": "object"}, '{"a": [1.0, null]}', '{"x": {"a": [1.0, null]}}'),
    ({"type": "object"}, "", "{}"),
]


@pytest.mark.parametrize(("schema", "posted", "sent"), SENT)
def test_what_is_posted_comes_back_typed(schema: Any, posted: Any, sent: str | None) -> None:
    value = submit(form({"x": schema}), x=posted)

    assert json.dumps(value) == (sent or json.dumps({"x": posted}))


def test_a_required_list_may_be_empty_and_is_sent() -> None:
    schema = {"type": "array", "items": {"type": "string"}}

    assert submit(form({"x": schema}, required=("x",)), x="") == {"x": []}


REFUSED = [
    ({"type": "string"}, "", "This is required."),
    ({"type": "integer"}, "1.5", "Must be a whole number."),
    ({"type": "integer"}, "twelve", "Must be a number, such as 12.5."),
    ({"type": "integer"}, str(2**64), "Whole numbers beyond 64 bits cannot be sent"),
    ({"type": "integer", "minimum": 3}, "2", "Must be at least 3."),
    ({"anyOf": [{"type": "integer", "minimum": 3}, {"type": "null"}]}, "2", "Must be at least 3."),
    ({"type": "number"}, "1e400", "NaN, Infinity and numbers beyond them cannot be sent."),
    ({"type": "number", "multipleOf": 0.5}, "1.2", "Must be a multiple of 0.5."),
    ({"type": "string", "maxLength": 3}, "four", "Must be at most 3 characters long."),
    ({"type": "string", "pattern": "^[A-Z]+$"}, "abc", "Does not have the expected form."),
    ({"type": "string", "pattern": "^(?=.*\\d)"}, "abc", "Does not have the expected form."),
    ({"type": "string", "format": "date"}, "2026-02-30", "Must be a date such as 2026-01-31."),
    ({"type": "string", "format": "date-time"}, "2026-01-31", "Must be a date and time such as"),
    ({"type": "string", "format": "email"}, "ann", "Must be an e-mail address."),
    ({"type": "string", "format": "uri"}, "example", "Must be a web address such as"),
    ({"enum": ["a", "b"]}, "2", "Is not one of the choices."),
    ({"enum": ["a", "b"]}, "", "This is required."),
    ({"type": "array", "items": {"type": "string"}, "minItems": 2}, "a", "Must have at least 2"),
    ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, "a\na", "Must not hold"),
    ({"type": "object", "minProperties": 1}, "{}", "Does not fit the schema (minProperties)."),
    ({"type": "object"}, "[1]", "Must be an object."),
    ({"type": "object"}, "{", "This is not valid JSON (line 1)"),
]


@pytest.mark.parametrize(("schema", "posted", "message"), REFUSED)
def test_what_does_not_fit_is_refused_at_its_field(schema: Any, posted: str, message: str) -> None:
    errors = refusal(form({"x": schema}, required=("x",)), x=posted)

    assert list(errors) == ["/x"]
    assert errors["/x"].startswith(message)


def test_all_fields_that_are_wrong_are_named_at_once() -> None:
    asked = form({"a": {"type": "integer"}, "b": {"type": "number"}}, required=("a", "b"))

    assert list(refusal(asked, a="x", b="")) == ["/a", "/b"]
    assert list(refusal(asked, a="1", b="2", c="3")) == [""]


class Line(BaseModel):
    item: str
    count: int = Described(default=1, ge=1)


class Address(BaseModel):
    street: str
    zip: str | None = None


class Card(BaseModel):
    method: Literal["card"] = "card"
    number: str = Described(pattern=r"^\d{4}$")


class Transfer(BaseModel):
    method: Literal["transfer"] = "transfer"
    iban: str
    urgent: bool = False


class Order(BaseModel):
    """What Pydantic really emits: references, optional parts, a tagged union, lists of models."""

    lines: list[Line]
    address: Address | None = None
    pay: Card | Transfer = Described(discriminator="method")
    note: str = ""


ORDER = Asked({"question": "Order?"}, response_schema=Order.model_json_schema())


def test_a_pydantic_model_is_a_form() -> None:
    lines, address, pay, note = payloads.fields_of(ORDER)

    assert lines.control is Control.ROWS
    assert lines.item is not None
    assert [field.name for field in lines.item.fields] == [
        "field:/lines/-/item",
        "field:/lines/-/count",
    ]
    assert (address.control, address.blank) == (Control.GROUP, Blank.NULL)
    assert (pay.control, [option.label for option in pay.options]) == (
        Control.TABS,
        ["Card", "Transfer"],
    )
    assert [field.name for field in pay.fields[1].fields] == [
        "field:/pay/oneOf/1/method",
        "field:/pay/oneOf/1/iban",
        "field:/pay/oneOf/1/urgent",
    ]
    assert pay.fields[1].fields[1].pointer == "/pay/iban"
    assert note.control is Control.TEXT
    assert payloads.summary_of(ORDER) == "Form, 9 fields"


def test_rows_tabs_and_groups_come_back_as_the_model_wants_them() -> None:
    value = submit(
        ORDER,
        lines__0__item="pen",
        lines__0__count="2",
        lines__7__item="ink",
        lines__7__count="",
        address__street="",
        address__zip="",
        pay="1",
        pay__oneOf__0__number="",
        pay__oneOf__1__iban="DE1",
        pay__oneOf__1__urgent="on",
        note="",
    )

    assert json.dumps(value) == (
        '{"lines": [{"item": "pen", "count": 2}, {"item": "ink"}], "address": null, '
        '"pay": {"method": "transfer", "iban": "DE1", "urgent": true}, "note": ""}'
    )
    assert Order.model_validate(value).lines[1].count == 1


def test_an_optional_group_is_left_out_unless_something_in_it_was_changed() -> None:
    inner = {
        "who": {"type": "string"},
        "count": {"type": "integer", "default": 1},
        "level": {"enum": ["low", "high"], "default": "low"},
        "now": {"type": "boolean", "default": True},
    }
    asked = form({"x": {"type": "object", "properties": inner, "required": ["who"]}})
    untouched = {"x__who": "", "x__count": "1", "x__level": "0", "x__now": "on"}

    assert submit(asked, **untouched) == {}
    assert list(refusal(asked, **{**untouched, "x__level": "1"})) == ["/x/who"]
    assert list(refusal(asked, **{**untouched, "x__now": []})) == ["/x/who"]
    assert submit(asked, **{**untouched, "x__who": "Ann"}) == {
        "x": {"who": "Ann", "count": 1, "level": "low", "now": True}
    }


def test_errors_in_rows_and_tabs_point_at_the_field() -> None:
    posted = {"lines__0__item": "pen", "lines__0__count": "0", "note": ""}
    posted |= {"address__street": "", "address__zip": "1"}

    wrong_card = refusal(ORDER, **posted, pay="0", pay__oneOf__0__number="x")
    assert list(wrong_card) == ["/address/street", "/lines/0/count", "/pay/number"]
    posted["address__street"] = "Main"
    wrong_card = refusal(ORDER, **posted, pay="0", pay__oneOf__0__number="x")
    assert list(wrong_card) == ["/lines/0/count", "/pay/number"]
    assert list(refusal(ORDER, **posted, pay="")) == ["/pay", "/lines/0/count"]
    assert list(refusal(ORDER, **posted, pay="5")) == ["/pay", "/lines/0/count"]


def test_a_refused_form_keeps_what_was_typed() -> None:
    posted = {
        "field:/lines/3/item": "pen",
        "field:/lines/3/count": "many",
        "field:/pay": "1",
        "field:/pay/oneOf/1/iban": "DE1",
        "field:/pay/oneOf/1/urgent": "on",
        "field:/note": "a\nb",
    }

    fields = payloads.refill(payloads.fields_of(ORDER), posted, {"/lines/3/count": "No."})

    lines, _, pay, note = fields
    assert [(f.name, f.text, f.error) for f in lines.fields[0].fields] == [
        ("field:/lines/3/item", "pen", ""),
        ("field:/lines/3/count", "many", "No."),
    ]
    assert pay.chosen == ("1",)
    assert (pay.fields[1].fields[1].text, pay.fields[1].fields[2].chosen) == ("DE1", ("on",))
    assert note.text == "a\nb"


def test_arguments_keep_what_their_schema_does_not_know() -> None:
    config = {
        "action_name": "pay",
        "allowed_decisions": ["approve", "edit"],
        "args_schema": {"type": "object", "properties": {"amount": {"type": "integer"}}},
    }
    request = {"name": "pay", "args": {"trace": "t", "amount": 5}}
    asked = Asked({"action_requests": [request], "review_configs": [config]})
    name = "action-0-field:/amount"

    (action,) = payloads.actions_of(asked)
    assert [(field.name, field.control) for field in action.fields] == [(name, Control.INTEGER)]
    for posted, sent in [
        ("5", {"type": "approve"}),
        (
            "6",
            {"type": "edit", "edited_action": {"name": "pay", "args": {"trace": "t", "amount": 6}}},
        ),
        ("", {"type": "edit", "edited_action": {"name": "pay", "args": {"trace": "t"}}}),
    ]:
        verdict = payloads.verdict_from_form(asked, {"kind": "edit", name: posted})
        value = payloads.answer_value(asked, verdict)
        assert json.dumps(value) == json.dumps({"decisions": [sent]})


def test_a_schema_that_is_one_control_is_a_form_of_one_field() -> None:
    asked = Asked("leave a note", response_schema={"type": "string", "maxLength": 20})

    assert only(asked).name == "field:"
    value = payloads.verdict_from_form(asked, {"field:": "short"})
    assert payloads.answer_value(asked, value) == "short"
