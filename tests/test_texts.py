"""Every text on screen can be translated: none stands bare in a template or a script."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import require

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))

# The name of the product, names of formats and keys, and what is typed as it stands.
SAID_EVERYWHERE = {
    "HITL Console",
    "JSON",
    "CSV",
    "Ctrl",
    "Enter",
    "Esc",
    "Shift",
    "Alt",
    "UTC",
    "hitl_",
}
SAID_IN = {"aria-label", "title", "placeholder", "alt", "label", "aria-description"}
AS_TYPED = {"task:12"}  # an example of what to type
ATTRIBUTES = {"_described.html"}  # the inside of a start tag

TRANSLATED = re.compile(
    r"{#.*?#}"
    r"|{%\s*comment\b.*?{%\s*endcomment\s*%}"
    r"|{%\s*block (?:frame|width|body_attributes)\s*%}.*?{%\s*endblock\s*%}"  # classes
    r"|{%\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}",
    re.S,
)
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.S)
WORD = re.compile(r"[^\W\d_]{2,}")
SET_BY_SCRIPT = re.compile(
    r"""(?:textContent|innerText|ariaLabel|title|placeholder)\s*=\s*["'`]([^"'`]*)"""
    r"""|(?:alert|confirm|prompt)\(\s*["'`]([^"'`]*)"""
)


class Bare(HTMLParser):
    """Collects the words a reader would meet."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.silent += tag in ("script", "style", "kbd", "code")
        for name, value in attributes:
            if name in SAID_IN and value:
                self.note(value)

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("script", "style", "kbd", "code")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.note(data)

    def note(self, text: str) -> None:
        words = text.strip()
        for known in sorted(SAID_EVERYWHERE | AS_TYPED, key=len, reverse=True):
            text = text.replace(known, "")
        if WORD.search(text):
            self.found.append(words)


def bare_in(source: str) -> list[str]:
    """The words of a template that no translator is asked for."""
    parser = Bare()
    parser.feed(TAG.sub("", TRANSLATED.sub("", source)))
    return parser.found


def test_bare_words_are_found() -> None:
    assert bare_in("<p>{% if x %}Hello{% endif %}</p>") == ["Hello"]
    assert bare_in('<a aria-label="Go">{% translate "on" %}</a>') == ["Go"]
    assert bare_in("{% blocktranslate %}So {{ x }}{% endblocktranslate %} · {{ y }}") == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_template_says_nothing_bare(path: Path) -> None:
    source = path.read_text()
    assert bare_in(f"<i {source}>" if path.name in ATTRIBUTES else source) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_takes_its_words_from_the_page(path: Path) -> None:
    source = re.sub(r"\$\{[^}]*\}", "", path.read_text())
    said = ["".join(match) for match in SET_BY_SCRIPT.findall(source)]
    assert [words for words in said if WORD.search(words)] == []


def messages_of(folder: Path) -> Iterator[str]:
    for line in (folder / "locale" / "de" / "LC_MESSAGES" / "django.po").read_text().splitlines():
        if line.startswith("msgid "):
            yield line[7:-1]


def test_a_catalogue_is_made_of_every_text(tmp_path: Path) -> None:
    program = Path(require("xgettext (of the package gettext)", "xgettext"))
    for name in ("templates", "reviews", "hitl_console"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc"))
    (tmp_path / "locale").mkdir()
    made = subprocess.run(
        [sys.executable, "-m", "django", "makemessages", "-l", "de", "-v", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PATH": f"{program.parent}:/usr/bin:/bin"},
    )
    assert made.returncode == 0, made.stderr
    found = set(messages_of(tmp_path))
    assert {"Audit log", "Sign in", "Nothing like that was done", "signed in"} <= found
