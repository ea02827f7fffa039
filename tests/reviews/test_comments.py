"""What reviewers say to each other: by page and by API, and never to the agent."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from django.contrib.auth.models import User

from reviews.models import AuditEntry, ReviewTask, TaskComment
from runs.models import Scope
from tests.conftest import issue_key
from tests.console import Console
from tests.reviews.pages import HTMX, browser_of, url, words

Shown = Callable[..., ReviewTask]
HOSTILE = "<img src=x onerror=alert(1)> \u202egnp.exe {{ 7|add:7 }}"


def test_a_comment_is_read_by_everybody_who_reviews_the_task_and_is_in_the_audit(
    shown: Shown, rosa: User, ada: User, omar: User
) -> None:
    task = shown("Go on?")

    said = browser_of(rosa).post(url("comments", task), {"said": "Ask Marta first."}, headers=HTMX)

    assert said.status_code == 200
    assert "Ask Marta first." in words(said)
    for page in (url("task", task), f"/inbox/?task={task.pk}"):
        assert "Ask Marta first." in words(browser_of(ada).get(page))
    assert browser_of(omar).get(url("comments", task)).status_code == 404
    assert browser_of(omar).post(url("comments", task), {"said": "me too"}).status_code == 404
    entry = AuditEntry.objects.get(object=f"task:{task.pk}")
    assert (entry.action, entry.actor, entry.via) == ("task.commented", rosa, "page")
    assert entry.details["comment"] == TaskComment.objects.get(task=task).pk
    assert "Marta" not in str(entry.details)


def test_without_javascript_the_page_comes_back_at_the_comments(shown: Shown, rosa: User) -> None:
    task = shown("Go on?")

    answer = browser_of(rosa).post(url("comments", task), {"said": "Hello"})

    assert (answer.status_code, answer["Location"]) == (302, f"/tasks/{task.pk}/#comments")
    assert browser_of(rosa).get(url("comments", task))["Location"] == answer["Location"]


@pytest.mark.parametrize("said", ["", " \n", "x" * 4_001, "nul \0"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_comment_that_cannot_be_taken_stays_in_its_box(
    shown: Shown, rosa: User, said: str, headers: dict[str, str]
) -> None:
    task = shown("Go on?")

    answer = browser_of(rosa).post(url("comments", task), {"said": said}, headers=headers)

    assert answer.status_code == 422
    assert "4,000 characters" in words(answer)
    assert said in words(answer)
    assert not TaskComment.objects.filter(task=task).exists()


def test_a_hostile_comment_is_shown_as_what_it_is(shown: Shown, rosa: User) -> None:
    task = shown("Go on?")
    said = browser_of(rosa).post(url("comments", task), {"said": HOSTILE}, headers=HTMX)

    text = said.content.decode()
    assert "<img" not in text
    assert "\u202e" not in text
    assert "{{ 7|add:7 }}" in words(said)


def test_a_closed_task_still_takes_comments(shown: Shown, rosa: User) -> None:
    task = shown("Go on?", status="superseded")

    browser_of(rosa).post(url("comments", task), {"said": "What happened here?"})

    assert "What happened here?" in words(browser_of(rosa).get(url("task", task)))


def key_of(console: Console, user: User, *scopes: str) -> httpx.Client:
    client = console.client()
    client.headers["x-api-key"] = issue_key("comments", list(scopes), user=user)
    return client


def test_programs_read_and_write_comments_by_their_scopes(
    console: Console, waiting: Callable[..., ReviewTask], rosa: User, omar: User
) -> None:
    task = waiting()
    at = f"/api/tasks/{task.pk}/comments/"
    both = key_of(console, rosa, Scope.TASKS_READ, Scope.TASKS_DECIDE)

    made = both.post(at, json={"text": HOSTILE})

    assert made.status_code == 201
    assert made.json() | {"id": 0, "created_at": ""} == {
        "id": 0,
        "author": rosa.username,
        "text": HOSTILE,
        "created_at": "",
    }
    assert both.get(at).json() == [made.json()]
    assert AuditEntry.objects.get(action="task.commented", object=f"task:{task.pk}").via == "api"
    reads = key_of(console, rosa, Scope.TASKS_READ)
    assert reads.get(at).status_code == 200
    assert reads.post(at, json={"text": "x"}).status_code == 403
    elsewhere = key_of(console, omar, Scope.TASKS_READ, Scope.TASKS_DECIDE)
    assert elsewhere.get(at).status_code == 404
    assert elsewhere.post(at, json={"text": "x"}).status_code == 404
    for text in ("", "x" * 4_001, None, {"a": 1}):
        assert both.post(at, json={"text": text}).status_code in (400, 422)
    surrogate = both.post(
        at, content=b'{"text": "\\ud800"}', headers={"content-type": "application/json"}
    )
    assert surrogate.status_code in (400, 422)
    assert "comments" not in both.get(f"/api/tasks/{task.pk}/").json()["value"]
