"""A task's request as a tree to look through, however large: a hundred branches at a time.

A part is named by the places of its ancestors among their siblings ("0.3.12"), not by its keys:
those are an agent's, of any length, and hold what no address can.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from reviews.models import ReviewTask
from reviews.payloads import one_line, visible
from reviews.payloads.bounds import children
from reviews.payloads.wording import glimpse

PLACE = re.compile(r"\d{1,9}(\.\d{1,9})*", re.ASCII)
MAX_DEPTH = 32
BRANCHES = 100
LETTERS = 4_096
SHORT = 160
BASE64 = re.compile(r"[A-Za-z0-9+/]{64,}={0,2}", re.ASCII)
MAGIC = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"%PDF": "PDF",
    b"PK\x03\x04": "ZIP",
    b"\x1f\x8b": "gzip",
}


class NoSuchPart(Exception):
    """The request has no such part."""


@dataclass(frozen=True)
class Part:
    """One value of the request and where it stands."""

    value: Any
    place: str = ""
    key: str = ""
    depth: int = 0

    @property
    def is_branch(self) -> bool:
        return isinstance(self.value, dict | list) and bool(self.value)

    @property
    def is_too_deep(self) -> bool:
        return self.is_branch and self.depth >= MAX_DEPTH

    @property
    def is_long(self) -> bool:
        """Whether only the beginning of a text is shown beside its key."""
        return isinstance(self.value, str) and len(self.value) > SHORT

    @property
    def shown(self) -> str:
        """A value as it stands beside its key."""
        if isinstance(self.value, str):
            return visible(self.value[:SHORT]) + ("…" if self.is_long else "")
        return glimpse(self.value, SHORT)

    @property
    def size(self) -> str:
        """What it is and how much of it there is."""
        if isinstance(self.value, dict):
            count = len(self.value)
            return ngettext("object, %(n)s entry", "object, %(n)s entries", count) % {"n": count}
        if isinstance(self.value, list):
            count = len(self.value)
            return ngettext("list, %(n)s item", "list, %(n)s items", count) % {"n": count}
        if isinstance(self.value, str):
            count = len(self.value)
            return ngettext("%(n)s character", "%(n)s characters", count) % {"n": count}
        return ""

    def branches(self, start: int = 0) -> Iterator[Part]:
        """The parts directly inside, from one of them on."""
        inner = islice(enumerate(children(self.value)), start, None)
        for at, (key, value) in inner:
            label = one_line(key, SHORT) if isinstance(key, str) else str(key)
            yield Part(value, f"{self.place}.{at}".lstrip("."), label, self.depth + 1)

    @cached_property
    def content(self) -> bytes | None:
        """The bytes a text stands for, if it is base64."""
        if not isinstance(self.value, str) or not BASE64.fullmatch(self.value):
            return None
        try:
            return base64.b64decode(self.value, validate=True)
        except binascii.Error:
            return None

    @property
    def described(self) -> str:
        """What the bytes of a base64 text are."""
        if self.content is None:
            return ""
        known = (name for magic, name in MAGIC.items() if self.content.startswith(magic))
        name = next(known, _("binary"))
        digest = hashlib.sha256(self.content).hexdigest()
        return f"base64, {name}, {filesizeformat(len(self.content))}, SHA-256 {digest}"

    def as_file(self) -> tuple[bytes, str]:
        """The part as a file's bytes, with how such a file's name ends."""
        if self.content is not None:
            return self.content, "bin"
        if self.place and isinstance(self.value, str):
            return self.value.encode("utf-8", "surrogatepass"), "txt"
        return json.dumps(self.value, indent=1).encode(), "json"


@dataclass
class RawPage:
    """One part of a task's request with as many of its branches, or letters, as a page shows."""

    task: ReviewTask
    place: str = ""
    start: int = 0

    @cached_property
    def way(self) -> list[Part]:
        """The parts from the whole request down to this one; raises NoSuchPart."""
        if self.place and not PLACE.fullmatch(self.place):
            raise NoSuchPart
        found = [Part(self.task.value)]
        for step in self.place.split(".") if self.place else ():
            inner = next(found[-1].branches(int(step)), None)
            if inner is None or inner.depth > MAX_DEPTH:
                raise NoSuchPart
            found.append(inner)
        return found

    @property
    def part(self) -> Part:
        return self.way[-1]

    @cached_property
    def branches(self) -> list[Part]:
        if not self.part.is_branch:
            return []
        return list(islice(self.part.branches(self.start), BRANCHES))

    @property
    def text(self) -> str:
        """A value that is no tree: a text from where the reader is, everything else whole."""
        if isinstance(self.part.value, str):
            return visible(self.part.value[self.start : self.start + LETTERS])
        return self.part.shown

    @property
    def more(self) -> int:
        """Where the next page begins; zero on the last."""
        size = len(self.part.value) if isinstance(self.part.value, str | dict | list) else 0
        following = self.start + (BRANCHES if self.part.is_branch else LETTERS)
        return following if following < size else 0
