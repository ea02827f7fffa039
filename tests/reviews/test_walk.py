"""A walk through a list: one task after another, to a summary at its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from reviews import services
from reviews.models import Decision, ReviewTask
from tests.conftest import make_user
from tests.reviews.pages import browser_of, words

Ask = Callable[..., ReviewTask]


@pytest.fixture
def rosa(queue: Group) -> User:
    """Reviews this test's queue and no other."""
    return make_user("rosa", queue)


def at(answer: Any) -> dict[str, str]:
    """Where a redirect leads, as its query says."""
    assert answer.status_code == 302, words(answer)
    return {name: given[0] for name, given in parse_qs(urlsplit(answer["Location"]).query).items()}


def begin(browser: Client, **query: str) -> dict[str, str]:
    return at(browser.get("/walk/", query))


def test_a_walk_goes_from_task_to_task_and_ends_with_what_was_decided(
    rosa: User, waiting: Ask, shown: Ask, queue: Group
) -> None:
    shown("decide this, too?")  # skipped
    sent, olgas = waiting("human_in_the_loop", some_text="a"), shown("Olga's")
    services.claim_task(task=shown("held"), reviewer=make_user("olga", queue))
    browser = browser_of(rosa)
    step = begin(browser, view="open")
    assert step["task"] == str(olgas.pk)  # the newest that nobody holds
    page = words(browser.get("/walk/", step))
    assert "3 of 3 left" in page
    ReviewTask.objects.filter(pk=olgas.pk).update(status=ReviewTask.Status.SUPERSEDED)
    shown("came later")
    assert "2 of 3 left" in words(browser.get("/walk/", step))

    form = {"text": "a", "view": "open", "trail": step["trail"], "seen": sent.edition}
    following = at(browser.post(f"/tasks/{sent.pk}/decide/", form))

    assert following["task"] != step["task"]
    page = words(browser.get("/walk/", following))
    assert "1 of 3 left" in page
    assert "decide this, too?" in page
    assert f"task={sent.pk}" in page  # the way back to what was decided
    end = words(browser.get("/walk/", {name: following[name] for name in ("view", "trail")}))
    assert "You decided 1 task" in end
    assert "1 left" in end
    assert "1 taken by others or asked no more" in end
    assert "came later" not in end
    assert Decision.objects.get(task=sent).kind == "approve"


def test_a_refused_answer_stays_on_the_walk(rosa: User, waiting: Ask) -> None:
    task, browser = waiting("loop_validate"), browser_of(rosa)
    step = begin(browser, view="open")

    answer = browser.post(f"/tasks/{task.pk}/decide/", {**step, "text": ""})

    assert answer.status_code == 422
    assert "1 of 1 left" in words(answer)


def test_a_walk_of_nothing_ends_at_once(rosa: User) -> None:
    browser = browser_of(rosa)
    step = begin(browser, view="open", q="nobody asks this")
    assert "task" not in step
    assert "Nothing to walk through" in words(browser.get("/walk/", step))


@pytest.mark.parametrize("trail", ["", "x", "\0", "eyJ4IjoxfQ:1abc:def"])
def test_a_trail_that_is_not_ones_own_begins_a_walk_of_ones_own(
    rosa: User, omar: User, shown: Ask, trail: str
) -> None:
    task = shown("May it go out?")
    theirs = begin(browser_of(rosa), view="open")
    assert theirs["task"] == str(task.pk)

    fresh = begin(browser_of(omar), view="open", trail=trail or theirs["trail"])

    assert "task" not in fresh
    assert fresh["trail"] != theirs["trail"]
    assert browser_of(omar).get("/walk/", {**fresh, "task": task.pk}).status_code == 404
