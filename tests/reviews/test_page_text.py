"""What agents write is text on the pages, whatever it looks like."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from reviews.models import ReviewTask
from reviews.templatetags.review_tags import agent_markdown
from tests.reviews.pages import BATCH, browser_of, url

Ask = Callable[..., ReviewTask]


def test_agent_text_never_becomes_our_markup(rosa: User, shown: Ask) -> None:
    evil = "<script>alert(1)</script><b hx-get='/inbox/'>x</b>\u202egnp.exe"
    for value in (
        evil,
        {"text_to_revise": evil, evil: evil},
        {"question": evil, "options": [evil]},
    ):
        page = browser_of(rosa).get(url("task", shown(value))).content.decode()
        assert "<script>" not in page
        assert "<b hx-get" not in page
        assert "⟨U+202E⟩" in page or "\\u202e" in page


def test_pages_hold_no_inline_code_or_style(rosa: User, shown: Ask) -> None:
    client = browser_of(rosa)
    for path in (url("task", shown(BATCH)), "/inbox/", url("task", shown({"text_to_revise": "x"}))):
        page = client.get(path).content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:", page)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold** <i>raw</i>", "<strong>bold</strong> &lt;i&gt;raw&lt;/i&gt;"),
        ("[go](javascript:alert(1))", "[go](javascript:alert(1))"),
        (
            "[go](//evil.example/x)",
            '<p><a rel="noopener noreferrer nofollow ugc">go</a> (evil.example)</p>',
        ),
        ("[go](/logout/)", '<p><a rel="noopener noreferrer nofollow ugc">go</a></p>'),
        ("![x](https://evil.example/x.png)", 'x.png" rel="noopener noreferrer nofollow ugc">x</a>'),
        ("[bank](https://evil.example/)", "bank</a> (evil.example)"),
        ("https://evil.example/x", ">https://evil.example/x</a></p>"),
        ("# Big", "<h3>Big</h3>"),
        ("a\u200bb", "a⟨U+200B⟩b"),
    ],
)
def test_markdown_of_an_agent_is_harmless(text: str, html: str) -> None:
    assert html in agent_markdown(text)
