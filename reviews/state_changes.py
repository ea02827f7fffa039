"""Where two states differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from reviews.payloads import Edit
from reviews.payloads.bounds import children, same_json, step

MOST = 200  # rows a page shows
ABSENT: Any = object()


def changes(before: Any, after: Any) -> tuple[list[Edit], bool]:
    """The places where a JSON value became another, and whether there are more than are told."""
    found = list(islice(_differences(before, after), MOST + 1))
    return found[:MOST], len(found) > MOST


def _differences(before: Any, after: Any) -> Iterator[Edit]:
    waiting = [("", before, after)]
    while waiting:
        pointer, old, new = waiting.pop()
        if old is ABSENT:
            yield Edit(pointer, "added", None, new)
        elif new is ABSENT:
            yield Edit(pointer, "removed", old, None)
        elif type(old) is type(new) and isinstance(old, dict | list):
            olds, news = dict(children(old)), dict(children(new))
            keys = reversed(dict.fromkeys((*olds, *news)))  # the stack gives them back in order
            waiting.extend(
                (step(pointer, key), olds.get(key, ABSENT), news.get(key, ABSENT)) for key in keys
            )
        elif not same_json(old, new):
            yield Edit(pointer, "changed", old, new)
