"""The state a run stopped with: its channels as fields, and what an edit writes to them.

An update is what `update_state` takes: a value per channel. It goes through the channel's reducer,
if it has one, unless it is wrapped as `{"__overwrite__": value}`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reviews.payloads.bounds import AnswerRefused, check_json, refuse, same_json, step
from reviews.payloads.fields import Blank, Control, Field, json_box, leaf, list_type, options_of
from reviews.payloads.posted import OMITTED, Reader, first, values_of
from reviews.payloads.shapes import Asked, is_nameable

OVERWRITE = "__overwrite__"
MESSAGES = "add_messages"
REPLACE, APPEND = "replace", "append"
MERGES = {"add": operator.add, "or_": operator.or_}  # reducers whose outcome can be foretold


@dataclass(frozen=True)
class Channel:
    """One channel of the state, with the fields in which it is edited."""

    name: str
    reducer: str  # "" where the last write wins
    value: Any  # OMITTED while nothing was ever written to it
    field: Field  # its whole value
    addition: Field | None = None  # what is given to its reducer
    how: str = APPEND

    @property
    def how_name(self) -> str:
        return f"how:{self.field.pointer}"

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, list)

    @property
    def is_set(self) -> bool:
        return self.value is not OMITTED


def channels_of(asked: Asked) -> tuple[Channel, ...]:
    """The channels of a breakpoint's state, those with a value first; none if it has no names."""
    state = asked.state if isinstance(asked.state, dict) else None
    if state is None or asked.channels is None:
        return ()
    names = [*state, *(name for name in asked.channels if name not in state)]
    return tuple(
        _channel(name, asked.channels[name], state.get(name, OMITTED))
        for name in names
        if name in asked.channels and is_nameable(name)
    )


def _channel(name: str, reducer: str, value: Any) -> Channel:
    pointer = step("", name)
    addition = _addition(pointer, name, reducer, value) if reducer else None
    return Channel(name, reducer, value, _whole(pointer, name, value), addition)


def _whole(pointer: str, label: str, value: Any) -> Field:
    name = f"field:{pointer}"
    if value is OMITTED:
        return json_box(pointer, name, label, blank=Blank.OMITTED)
    if isinstance(value, bool):  # a box that is not ticked is not posted: it could not be told
        return Field(
            pointer,
            name,
            Control.RADIO,
            label,
            value,
            filled=True,
            options=options_of([True, False]),
            chosen=("0" if value else "1",),
        )
    return leaf(pointer, name, label, value)


def _addition(pointer: str, label: str, reducer: str, value: Any) -> Field:
    name = f"append:{pointer}"
    if kind := list_type(value):
        return Field(pointer, name, Control.LIST, label, blank=Blank.OMITTED, item_type=kind)
    example = '[{"role": "user", "content": "…"}]' if reducer == MESSAGES else ""
    return json_box(pointer, name, label, blank=Blank.OMITTED, help=example)


# -- writing -----------------------------------------------------------------------------------


def posted_update(asked: Asked, data: Any) -> dict[str, Any]:
    """What a form changes in the state; empty if it was left as it was."""
    posted = values_of(data)
    reader = Reader(posted, "/value")
    update: dict[str, Any] = {}
    for channel in channels_of(asked):
        is_whole = channel.addition is None or first(posted, channel.how_name) == REPLACE
        field = channel.field if is_whole else channel.addition
        if field is None or field.name not in posted or not reader.differs(field):
            continue
        value = reader.value(field)
        if value is not OMITTED and not (is_whole and _is_same(channel, value)):
            update[channel.name] = _replaced(channel, value) if is_whole else value
    if reader.errors:
        raise AnswerRefused(reader.errors)
    return update


def _is_same(channel: Channel, value: Any) -> bool:
    return channel.is_set and same_json(value, channel.value)


def _replaced(channel: Channel, value: Any) -> Any:
    if not channel.reducer or not channel.is_set:
        return value
    if channel.reducer == MESSAGES:
        return _by_id(channel, value)
    return {OVERWRITE: value}


def _by_id(channel: Channel, after: Any) -> list[Any]:
    """A changed conversation as its reducer takes it: messages replace those with their id."""
    at = step("/value", channel.name)
    if not isinstance(after, list) or not all(isinstance(one, dict) for one in after):
        refuse(at, "Must be a list of messages.")
    old = {one["id"]: one for one in channel.value if isinstance(one, dict) and one.get("id")}
    kept = [one for one in after if one.get("id") in old]
    left = [one["id"] for one in kept]
    if after[: len(kept)] != kept or left != [key for key in old if key in left]:
        refuse(at, "Messages can be changed, taken out, or added at the end.")
    gone = [{"type": "remove", "id": key, "content": ""} for key in old if key not in left]
    changed = [one for one in kept if not same_json(one, old[one["id"]])]
    return [*gone, *changed, *after[len(kept) :]]


def checked_update(asked: Asked, update: Any) -> dict[str, Any]:
    """An update the graph's state can take; refuses what would be dropped or stored as junk."""
    if not isinstance(update, dict) or not update:
        refuse("/value", "Name the channels to change, each with what to write.")
    check_json(update, "/value")
    for name, written in update.items():
        _check_channel(asked, name, written, step("/value", name))
    return update


def _check_channel(asked: Asked, name: str, written: Any, at: str) -> None:
    channels, state = asked.channels or {}, asked.state or {}
    if name not in channels:
        refuse(at, "The state has no such channel.")
    is_whole, value = _unwrapped(written)
    if is_whole and channels[name] in ("", MESSAGES):
        said = "Messages are replaced by their ids." if channels[name] else "It has no reducer."
        refuse(at, f"{said} Write the value itself.")
    is_list = channels[name] == "add" and isinstance(state.get(name), list)
    if is_list and not isinstance(value, list):
        refuse(at, "Must be a list, as it was.")


def _unwrapped(written: Any) -> tuple[bool, Any]:
    if isinstance(written, dict) and set(written) == {OVERWRITE}:
        return True, written[OVERWRITE]
    return False, written


# -- showing -------------------------------------------------------------------------------------


def changes_of(asked: Asked, update: Any) -> Iterator[tuple[str, Any, Any]]:
    """The channels an update changes, as they were and as they will be."""
    if not isinstance(update, dict):
        return
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name, written in update.items():
        state = asked.state or {}
        reducer = (asked.channels or {}).get(name, "")
        is_whole, value = _unwrapped(written)
        is_foretold = is_whole or not reducer or reducer in (MESSAGES, *MERGES)
        if name in state and is_foretold:
            before[name] = state[name]
        after[name] = value if is_whole else merged(reducer, state.get(name), value)
    yield "", before, after


def merged(reducer: str, before: Any, written: Any) -> Any:
    """A channel's value after a write, where its reducer is one whose outcome is known."""
    if reducer == MESSAGES and isinstance(before, list) and isinstance(written, list):
        return _conversation(before, written)
    if reducer not in MERGES or before is None:
        return written
    try:
        return MERGES[reducer](before, written)
    except TypeError:
        return written


def _conversation(before: list[Any], written: list[Any]) -> list[Any]:
    said = [one for one in written if isinstance(one, dict)]
    gone = {one.get("id") for one in said if one.get("type") == "remove"}
    new = {one["id"]: one for one in said if one.get("id") and one["id"] not in gone}
    ids = [one.get("id") if isinstance(one, dict) else None for one in before]
    kept = [new.get(key, one) for key, one in zip(ids, before, strict=True) if key not in gone]
    added = [one for one in said if one.get("id") not in {*ids, *gone} or not one.get("id")]
    return [*kept, *added]
