"""How a line of the log is written: no key in it, and nothing that could pass for another line."""

from __future__ import annotations

import logging
import re
from types import TracebackType
from typing import TypeAlias

Raised: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

KEY = re.compile(r"(hitl_[0-9a-f]{8}_)[\w-]{20,}")
# C0 and C1 controls, line separators and what turns the direction of text.
FORGING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class LineFormatter(logging.Formatter):
    """One line a record; a traceback follows, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # logging's name
        return told(super().formatMessage(record))

    def formatException(self, ei: Raised) -> str:  # logging's name
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {told(line)}" for line in lines)


def told(line: str) -> str:
    """The line with keys cut to their prefix, and signs nobody sees written out."""
    return FORGING.sub(lambda found: repr(found[0])[1:-1], KEY.sub(r"\1…", line))
