"""Agent text made fit to stand on our pages: one line, nothing invisible, never too long."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from django.utils.translation import gettext as _

from reviews.payloads.bounds import MAX_DEPTH

TITLE_LENGTH = 120
SHOWN_LENGTH = 64 * 1024
# Characters that are not seen, or that turn the text around them: C0 and C1 controls but for
# tab and line ends, soft hyphen, bidi marks, zero widths, tags, and lone surrogates. The two
# zero-width joiners are left alone: Persian and emoji are written with them.
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)

JOINERS = "\u200c\u200d"


def one_line(text: str, limit: int = TITLE_LENGTH) -> str:
    """Text as one plain line: no control, bidi or invisible characters, cut with an ellipsis."""
    kept = []
    for char in text[: limit * 20]:
        category = unicodedata.category(char)
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif char in JOINERS or category not in ("Cf", "Cs", "Co", "Cn"):
            kept.append(char)
    line = " ".join("".join(kept).strip(JOINERS + " ").split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def excerpt(text: str) -> str:
    """As much of a text as a page shows; where it is cut, it says so and by how much."""
    if len(text) <= SHOWN_LENGTH:
        return text
    rest = _("%(n)s more characters are not shown here.") % {"n": len(text) - SHOWN_LENGTH}
    return f"{text[:SHOWN_LENGTH]}\n⟨… {rest}⟩"


def visible(text: str) -> str:
    """Text with each unseen character shown as a mark such as ⟨U+202E⟩."""
    return UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def spoken(key: str) -> str:
    """A key as a person would say it: `text_to_revise` becomes "Text to revise"."""
    words = one_line(key.replace("_", " "), 60)
    return words[:1].upper() + words[1:]


def json_text(value: Any, indent: int | None = 2) -> str:
    """A JSON value as text a person may read and edit; unseen characters stand as escapes."""
    try:
        text = json.dumps(pruned(value), indent=indent, ensure_ascii=False)
    except (TypeError, ValueError):
        text = '"…"'  # a number too long to write, or a value that is not JSON
    return UNSEEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def pruned(value: Any, depth: int = MAX_DEPTH, width: int | None = None) -> Any:
    """A copy in which what lies too deep, or comes too late in a row, is an ellipsis."""
    if not isinstance(value, dict | list):
        return value[: width * 20] if width and isinstance(value, str) else value
    if depth <= 0:
        return "…"
    if isinstance(value, dict):
        shown = list(value.items())[:width]
        return {key: pruned(item, depth - 1, width) for key, item in shown}
    return [pruned(item, depth - 1, width) for item in value[:width]]


def glimpse(value: Any, limit: int) -> str:
    """The beginning of a JSON value on one line."""
    return one_line(json_text(pruned(value, depth=4, width=8), indent=None), limit)
