"""A request as a tree: however large, deep or hostile, a part at a time and as a file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from reviews.models import ReviewTask
from tests.reviews.pages import HTMX, browser_of, url, words

Shown = Callable[..., ReviewTask]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(90)


@pytest.fixture
def rosas(rosa: User) -> Client:
    return browser_of(rosa)


def part(client: Client, task: ReviewTask, at: str = "", start: int = 0, **headers: Any) -> str:
    answer = client.get(url("raw", task), {"at": at, "from": start}, headers=headers)
    assert answer.status_code == 200
    return words(answer)


def test_branches_come_a_hundred_at_a_time(rosas: Client, shown: Shown) -> None:
    task = shown({"rows": [{"n": n} for n in range(250)], "<key>": None})

    whole = part(rosas, task)
    first = part(rosas, task, "0", **HTMX)
    last = part(rosas, task, "0", 200, **HTMX)

    assert "list, 250 items" in whole
    assert "&lt;key&gt;" in rosas.get(url("raw", task)).content.decode()
    assert first.count("<li>") == 100
    assert "from=100" in first
    assert "<html" not in first
    assert last.count("<li>") == 50
    assert "Load more" not in last


def test_a_long_text_is_read_in_pages(rosas: Client, shown: Shown) -> None:
    task = shown({"text": "a" * 5_000 + "\u202eend"})

    assert "5004 characters" in part(rosas, task)
    assert "from=4096" in part(rosas, task, "0")
    assert "⟨U+202E⟩end" in part(rosas, task, "0", 4_096)


def test_bytes_are_named_and_taken_away_as_a_file(rosas: Client, shown: Shown) -> None:
    task = shown({"image": base64.b64encode(PNG).decode()})

    said = part(rosas, task, "0")
    file = rosas.get(url("raw-download", task), {"at": "0"})

    assert f"base64, PNG, 98\xa0bytes, SHA-256 {hashlib.sha256(PNG).hexdigest()}" in said
    assert file.content == PNG
    assert file["Content-Disposition"] == f'attachment; filename="task-{task.pk}-0.bin"'
    assert file["Content-Type"] == "application/octet-stream"
    assert file["X-Content-Type-Options"] == "nosniff"
    assert file["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_the_whole_request_is_a_file_of_json(rosas: Client, shown: Shown) -> None:
    value = {"b": [1, 1.0, None], "a": "\ud800 half"}
    task = shown(value)

    file = rosas.get(url("raw-download", task))

    assert json.loads(file.content) == value
    assert list(json.loads(file.content)) == ["b", "a"]
    assert file["Content-Disposition"].endswith('.json"')


def test_ten_megabytes_and_hundreds_of_levels_are_usable(rosas: Client, shown: Shown) -> None:
    deep: Any = "bottom"
    for _ in range(300):
        deep = [deep]
    task = shown({"big": [["x" * 100] * 100 for _ in range(1_000)], "deep": deep})

    assert len(rosas.get(url("task", task)).content) < 400_000
    assert len(rosas.get(url("raw", task)).content) < 40_000
    assert len(rosas.get(url("raw", task), {"at": "0"}).content) < 100_000
    assert "deeper than 32 levels" in part(rosas, task, ".".join(["1", *["0"] * 30]))
    assert len(rosas.get(url("raw-download", task)).content) > 10_000_000


@pytest.mark.parametrize("at", ["9", "0.0.0", "x", "0..0", "-1", "0." * 40 + "0", "1" * 30, "\0"])
def test_what_is_no_part_is_not_there(rosas: Client, shown: Shown, at: str) -> None:
    task = shown({"rows": [1]})

    assert rosas.get(url("raw", task), {"at": at}).status_code == 404
    assert rosas.get(url("raw-download", task), {"at": at}).status_code == 404


def test_tasks_of_others_are_not_there(shown: Shown, omar: User) -> None:
    task = shown({"secret": 1})

    assert browser_of(omar).get(url("raw", task)).status_code == 404
    assert browser_of(omar).get(url("raw-download", task)).status_code == 404
