"""Where two states differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from reviews.payloads import Edit
from reviews.payloads.bounds import children, same_json, step

MOST = 200  # rows a page shows


def changes(before: Any, after: Any) -> tuple[list[Edit], bool]:
    """The places where a JSON value became another, and whether there are more than are told."""
    found = list(islice(_differences(before, after), MOST + 1))
    return found[:MOST], len(found) > MOST


def _differences(before: Any, after: Any) -> Iterator[Edit]:
    waiting = [("", before, after)]
    while waiting:
        pointer, old, new = waiting.pop()
        if type(old) is not type(new) or not isinstance(old, dict | list):
            if not same_json(old, new):
                yield Edit(pointer, "changed", old, new)
            continue
        olds, news = dict(children(old)), dict(children(new))
        yield from (Edit(step(pointer, k), "removed", olds[k], None) for k in olds if k not in news)
        yield from (Edit(step(pointer, k), "added", None, news[k]) for k in news if k not in olds)
        shared = [(step(pointer, k), olds[k], news[k]) for k in olds if k in news]
        waiting.extend(reversed(shared))
