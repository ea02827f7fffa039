"""What a browser loads: how much, and when."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User

from reviews.models import ReviewTask
from tests.conftest import make_user
from tests.reviews.pages import browser_of, words

STATIC = Path(__file__).resolve().parents[2] / "static"
Ask = Callable[..., ReviewTask]


@pytest.fixture
def rosa(queue: Group) -> User:
    """Reviews this test's queue and no other: what others left open is not on her list."""
    return make_user("rosa", queue)


def loaded(page: str) -> dict[str, set[Path]]:
    """The styles and scripts a page names, with what these import."""
    styles = {
        STATIC / path for path in re.findall(r'<link rel="stylesheet" href="/static/([^"]+)', page)
    }
    scripts = {STATIC / path for path in re.findall(r'<script [^>]*src="/static/([^"]+)', page)}
    for script in list(scripts):
        imported = re.findall(r'^import .* from "(\.[^"]+)"', script.read_text(), re.M)
        scripts |= {(script.parent / path).resolve() for path in imported}
    return {"css": styles, "js": scripts}


def packed(files: set[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)


def test_what_a_browser_loads_stays_within_its_budget(rosa: User, shown: Ask) -> None:
    tasks = [shown(f"Question {number} about a parcel that is late?") for number in range(50)]
    client = browser_of(rosa)
    inbox = client.get(f"/inbox/?task={tasks[0].pk}")
    places = ["/walk/", f"/tasks/{tasks[0].pk}/", "/me/", "/agents/threads/"]

    assert len(re.findall(r'id="row-\d+"', words(inbox))) == 50
    assert len(gzip.compress(inbox.content)) <= 20_000
    for page in (inbox, *(client.get(place, follow=True) for place in places)):
        files = loaded(words(page))
        assert 20 * 1024 < packed(files["js"]) <= 36 * 1024
        assert 0 < packed(files["css"]) <= 14 * 1024
