"""Whatever a graph puts into its state, as plain JSON values."""

from __future__ import annotations

import base64
import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import orjson

MAX_DEPTH = 200
TOO_DEEP = "[nested too deeply]"
CIRCULAR = "[refers to itself]"
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres takes neither in jsonb


def jsonable(value: Any) -> Any:
    """A copy made of dict, list, str, int, float, bool and None only; never raises."""
    try:
        raw = orjson.dumps(value, default=_plain)
    except Exception:  # any object may fail in any way while it is asked for its contents
        return _walk(value, ())
    if b"\\u0000" in raw:
        return _walk(value, ())
    return orjson.loads(raw)


def _walk(value: Any, path: tuple[int, ...]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _walk(value.value, path)
    if isinstance(value, str):
        return UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if id(value) in path:
        return CIRCULAR
    if len(path) >= MAX_DEPTH:
        return TOO_DEEP
    path = (*path, id(value))
    try:
        return _contents(value, path)
    except Exception:
        return f"<{type(value).__qualname__}>"


def _contents(value: Any, path: tuple[int, ...]) -> Any:
    if type(value) in (list, tuple):
        return [_walk(item, path) for item in value]
    if isinstance(value, Mapping):
        return {_key(key): _walk(item, path) for key, item in value.items()}
    return _walk(_plain(value), path)


def _key(key: Any) -> str:
    if isinstance(key, Enum):
        return _key(key.value)
    if isinstance(key, str):
        return UNSTORABLE.sub("\ufffd", key)
    if key is None or isinstance(key, bool):
        return orjson.dumps(key).decode()
    return UNSTORABLE.sub("\ufffd", str(key))


def _plain(value: Any) -> Any:
    """One step towards JSON for a value JSON does not know."""
    if isinstance(value, type):
        return f"<{value.__qualname__}>"
    if callable(dump := getattr(value, "model_dump", None)):
        return dump()  # messages and pydantic models
    if callable(as_dict := getattr(value, "_asdict", None)):
        return as_dict()  # named tuples
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, AbstractSet):
        return _in_order(value)
    if isinstance(value, Iterable) and not isinstance(value, UUID):
        return list(value) if hasattr(value, "__len__") else _name(value)
    return _name(value)


def _in_order(values: AbstractSet[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=str)


def _name(value: Any) -> str:
    """What the object calls itself; its type where that would be a memory address."""
    kind: Any = type(value)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
        return f"<{kind.__qualname__}>"
    return str(value)
