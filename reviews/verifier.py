"""Verify an exported audit: `python verifier.py audit.jsonl`. Needs Python's standard library only.

Every entry carries the SHA-256 of the entry before it and of itself. This finds an entry that was
changed, removed, moved or slipped in. Somebody who rewrites every hash to the end is found by an
anchor: a `SEQ:HASH` this program printed earlier and that was kept elsewhere (`--anchor`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

SEALED = (
    "prev_hash",
    "workspace",
    "seq",
    "at",
    "actor_id",
    "actor_name",
    "via",
    "action",
    "object",
    "details",
    "seen_digest",
)
Entry = Mapping[str, Any]


class Head(NamedTuple):
    """The last entry of a chain so far."""

    seq: int
    hash: str


class Report(NamedTuple):
    """How many entries are good, where each workspace's chain ends, and the first thing wrong."""

    verified: int
    heads: dict[str, Head]
    fault: str


def hash_of(entry: Entry) -> str:
    """What the hash of an entry has to be."""
    values = [entry[name] for name in SEALED]
    values[SEALED.index("details")] = json.dumps(entry["details"])
    text = json.dumps(values, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def verify(entries: Iterable[Entry], *, anchor: str = "", is_whole: bool = True) -> Report:
    """Follow the chain to its end or to the first entry that does not belong there.

    `is_whole` says that nothing precedes the first entry; an export since some day is a part.
    """
    heads: dict[str, Head] = {}
    seen_anchor = not anchor
    count = 0
    for entry in entries:
        fault = _fault(entry, heads.get(entry["workspace"]), is_whole)
        if fault:
            return Report(count, heads, f"Entry {entry['seq']} ({_words(entry)}): {fault}")
        count += 1
        heads[entry["workspace"]] = Head(entry["seq"], entry["hash"])
        seen_anchor = seen_anchor or anchor == f"{entry['seq']}:{entry['hash']}"
    return Report(count, heads, "" if seen_anchor else f"The anchor {anchor} is not in the chain.")


def _fault(entry: Entry, head: Head | None, is_whole: bool) -> str:
    if head is None:
        head = Head(0, "") if is_whole else Head(entry["seq"] - 1, entry["prev_hash"])
    if entry["seq"] != head.seq + 1:
        return f"it follows entry {head.seq}: entries are missing, or out of order."
    if entry["prev_hash"] != head.hash:
        return f"it was not written after entry {head.seq} as that is now."
    if entry["hash"] != hash_of(entry):
        return "it does not say what it said when it was written."
    return ""


def _words(entry: Entry) -> str:
    return f"{entry['at']}, {entry['actor_name'] or 'system'}, {entry['action']} {entry['object']}"


def read(lines: Iterable[str]) -> Iterator[Entry]:
    """The entries of an export, one JSON object a line."""
    return (json.loads(line) for line in lines if line.strip())


def main() -> int:
    """Verify a file; the exit code says whether it is as it was written."""
    parser = argparse.ArgumentParser(description="Verify an exported audit.")
    parser.add_argument("export", help="what `manage.py export_audit` wrote (JSON lines)")
    parser.add_argument("--anchor", default="", help="SEQ:HASH that has to be in it")
    parser.add_argument("--part", action="store_true", help="it does not begin at the first entry")
    options = parser.parse_args()
    with open(options.export, encoding="utf-8") as lines:
        report = verify(read(lines), anchor=options.anchor, is_whole=not options.part)
    print(report.fault or "\n".join(lines_of(report)))  # noqa: T201
    return 1 if report.fault else 0


def lines_of(report: Report) -> list[str]:
    """A good report in words; the heads are what to keep as anchors."""
    heads = [f"{name} ends with {head.seq}:{head.hash}" for name, head in report.heads.items()]
    return [f"{report.verified} entries verified.", *heads]


if __name__ == "__main__":
    sys.exit(main())
