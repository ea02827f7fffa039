from __future__ import annotations

import json
import math
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from langgraph.types import Interrupt

from runs.runtime import jsonable


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: Any


class Silent:
    pass


class Hostile:
    def model_dump(self) -> dict[str, Any]:
        raise RuntimeError("no")


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"a": [1, 2.5, True, None, "x"]}, {"a": [1, 2.5, True, None, "x"]}),
        (Point(1, Colour.RED), {"x": 1, "y": "red"}),
        (Pair(1, {2}), {"left": 1, "right": [2]}),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "2026-01-02T03:04:05.000006+00:00"),
        (b"\xff\x00", "/wA="),
        ({"b", "a"}, ["a", "b"]),
        ([math.nan, math.inf, 1.5], [None, None, 1.5]),
        ("a\x00b", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        ({"\x00": "\udfff"}, {"\ufffd": "\ufffd"}),
        (
            {7: "a", None: "b", True: "c", Colour.RED: "d"},
            {"7": "a", "null": "b", "true": "c", "red": "d"},
        ),
        (2**70, 2**70),
        (Silent(), "<Silent>"),
        ([Hostile()], ["<Hostile>"]),
        (ValueError("boom"), "boom"),
        (r"\u0000 as text", r"\u0000 as text"),
    ],
)
def test_values_become_plain(value, plain):
    assert jsonable(value) == plain


def test_messages_keep_their_fields():
    message = jsonable(HumanMessage("hi", id="1"))

    assert (message["content"], message["type"], message["id"]) == ("hi", "human", "1")


def test_interrupts_keep_the_order_of_the_wire():
    assert list(jsonable(Interrupt(value=1, id="x"))) == ["value", "id", "response_schema"]


def test_what_is_too_deep_or_circular_is_marked():
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    circle: dict[str, Any] = {}
    circle["self"] = circle

    assert "nested too deeply" in json.dumps(jsonable(deep))
    assert jsonable(circle) == {"self": "[refers to itself]"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    )
)
def test_anything_can_be_stored_as_json(value):
    text = json.dumps(jsonable(value), allow_nan=False)

    assert "\\u0000" not in text.replace("\\\\", "")
    text.encode()
