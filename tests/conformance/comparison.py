"""Whether two answers say the same, though their ids and times are others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# What a server makes up: UUIDs, interrupt ids, and the times of what it does.
ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}(?:\+00:00|Z)")

# What a server says about itself beside what it was asked.
ITS_OWN = {
    "__after_seconds__",
    "__pregel_node_finished",
    "__request_start_time_ms__",
    "event_id",
    "langgraph_api_url",
    "langgraph_api_version",
    "langgraph_auth_permissions",
    "langgraph_auth_user",
    "langgraph_auth_user_id",
    "langgraph_host",
    "langgraph_plan",
    "langgraph_request_id",
    "langgraph_version",
    "seq",
    "user_id",
}

Difference = tuple[str, Any, Any]  # where, what was recorded, what we say
MISSING = "(missing)"


class Names:
    """Which of our ids stands for which recorded one."""

    def __init__(self) -> None:
        self.ours: dict[str, str] = {}

    def translate(self, value: Any) -> Any:
        """Something recorded, with our ids in it."""
        if isinstance(value, str):
            return ID.sub(lambda found: self.ours.get(found[0], found[0]), value)
        if isinstance(value, dict):
            return {self.translate(key): self.translate(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.translate(item) for item in value]
        return value

    def same(self, recorded: str, ours: str) -> bool:
        """Whether two strings differ in nothing but ids and times; new ids are remembered."""
        if _shape(recorded) != _shape(ours):
            return False
        pairs = list(zip(ID.findall(recorded), ID.findall(ours), strict=True))
        if any(self.ours.get(old, new) != new for old, new in pairs):
            return False
        self.ours.update(pairs)
        return True


def is_expected(at: str, recorded: Any, ours: Any) -> bool:
    """The differences that are the same wherever they occur; docs/compatibility.md says why."""
    if at == ".detail":  # jsonschema's words, or ours that begin with the field
        texts = isinstance(recorded, str) and isinstance(ours, str)
        return texts and ("Failed validating" in recorded or ours.endswith(f": {recorded}"))
    if at.endswith(".params.timestamp"):
        return isinstance(ours, int)
    if at == ".meta.applied_through_seq":  # how far a socket has read
        return bool(recorded and ours)
    if at.endswith(".params.data.value"):  # what is asked, where the Python SDK looks for it
        return bool(recorded == MISSING)
    if at.endswith(".kwargs.durability"):
        return bool((recorded, ours) == ("async", "sync"))
    if at.endswith(".kwargs.command.resume"):  # a single answer goes by its interrupt's id
        return isinstance(ours, dict) and recorded in ours.values()
    return False


def differences(recorded: Any, ours: Any, names: Names, at: str = "") -> Iterator[Difference]:
    """Where two JSON values differ."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        yield from _of_objects(recorded, ours, names, at)
    elif isinstance(recorded, list) and isinstance(ours, list):
        for index, (one, other) in enumerate(zip(recorded, ours, strict=False)):
            yield from differences(one, other, names, f"{at}[{index}]")
        for index in range(min(len(recorded), len(ours)), max(len(recorded), len(ours))):
            pair = [(side[index] if index < len(side) else MISSING) for side in (recorded, ours)]
            yield f"{at}[{index}]", *pair
    elif isinstance(recorded, str) and isinstance(ours, str):
        if not names.same(recorded, ours):
            yield at, recorded, ours
    elif type(recorded) is not type(ours) or recorded != ours:
        yield at, recorded, ours


def _of_objects(
    recorded: dict[str, Any], ours: dict[str, Any], names: Names, at: str
) -> Iterator[Difference]:
    left = {key: value for key, value in ours.items() if key not in ITS_OWN}
    for key, value in recorded.items():
        if key in ITS_OWN:
            continue
        name = _counterpart(key, left, names)
        if name is None:
            yield f"{at}.{key}", value, MISSING
        else:
            yield from differences(value, left.pop(name), names, f"{at}.{key}")
    for key, value in left.items():
        yield f"{at}.{key}", MISSING, value


def _counterpart(key: str, ours: dict[str, Any], names: Names) -> str | None:
    """The key of ours that stands for a recorded one; some keys are ids themselves."""
    if names.translate(key) in ours:
        return str(names.translate(key))
    if not ID.search(key):
        return None
    return next((name for name in ours if names.same(key, name)), None)


def _shape(text: str) -> str:
    return ID.sub("<id>", TIME.sub("<time>", text))
