"""The audit as a file, read in parts so that a long one holds neither memory nor a connection."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from channels.db import database_sync_to_async

from reviews import verifier
from reviews.models.audit import AuditEntryQuerySet

CHUNK = 1_000
COLUMNS = (*verifier.SEALED, "hash")
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


def json_line(entry: dict[str, Any]) -> str:
    """An entry as `reviews/verifier.py` reads it from a file."""
    return json.dumps(entry) + "\n"


def csv_line(entry: dict[str, Any]) -> str:
    """An entry as a row of a table."""
    row = [json.dumps(v) if isinstance(v, dict) else v for v in map(entry.get, COLUMNS)]
    return _written([_harmless(value) for value in row])


FORMATS: dict[str, tuple[str, str, Callable[[dict[str, Any]], str]]] = {
    "jsonl": ("application/x-ndjson", "", json_line),
    "csv": ("text/csv; charset=utf-8", ",".join(COLUMNS) + "\r\n", csv_line),
}


async def exported(entries: AuditEntryQuerySet, form: str, *, upto: int) -> AsyncIterator[str]:
    """The entries up to a place in the chain, oldest first, in one of FORMATS."""
    _, head, written = FORMATS[form]
    text, place = head, 0
    while True:
        part = await database_sync_to_async(_part)(entries, place, upto)
        text += "".join(map(written, part))
        if text:
            yield text
        if len(part) < CHUNK:
            return
        text, place = "", part[-1]["seq"]


def _part(entries: AuditEntryQuerySet, place: int, upto: int) -> list[dict[str, Any]]:
    rows = entries.filter(seq__gt=place, seq__lte=upto).order_by("seq")[:CHUNK]
    return [row.exported for row in rows]


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULAS):
        return f"'{value}"
    return value


def _written(row: list[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(row)
    return line.getvalue()
