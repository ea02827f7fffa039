"""Who may open what: every URL there is, tried by everybody; a URL without a rule fails."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group
from django.urls import URLPattern, get_resolver

from reviews.models import ReviewPolicy, ReviewTask
from tests.conftest import delete_policy
from tests.console import Console
from tests.security.people import Person, everybody
from tests.security.rules import ADMIN, API_TASK, HARMFUL, RULES, TASK, admin, page, tasks


def routes(patterns: list[Any], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern).removeprefix("^").removesuffix("$")
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern.url_patterns, route)


ROUTES = sorted(set(routes(get_resolver().url_patterns)))


@dataclass(frozen=True)
class Paused:
    """A thread that waits for a person, with the ids everything can be asked by."""

    thread_id: str
    run_id: str
    task_id: int
    assistant_id: str

    def path(self, route: str) -> str:
        """The address of this thread's part of a route."""
        ids = {
            **vars(self),
            "pk": self.task_id,
            "namespace": "none",
            "checkpoint_id": str(uuid.uuid4()),
        }
        if route.startswith("(?:assistants"):
            return "/store/nowhere"
        filled = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", route)
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda m: str(ids.get(m[1], ids["pk"])), filled)


@pytest.fixture(scope="module")
def queue_of_rosa() -> Group:
    return Group.objects.create(name=f"rosa's {uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def paused(console: Console, queue_of_rosa: Group) -> Iterator[Paused]:
    policy = ReviewPolicy.objects.create(graph_id="approve_once", queue=queue_of_rosa, order=1)
    with console.client() as api:
        thread = api.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": "approve_once", "input": {}}
        api.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
        (run,) = api.get(f"/threads/{thread}/runs").json()
        task = ReviewTask.objects.open().on(uuid.UUID(thread)).get()
        yield Paused(thread, run["run_id"], task.pk, run["assistant_id"])
    delete_policy(policy)


@pytest.fixture(scope="module")
def people(console: Console, queue_of_rosa: Group) -> list[Person]:
    return everybody(console.url, queue_of_rosa)


def test_every_url_has_a_rule_and_every_rule_a_url() -> None:
    outside = {route for route in ROUTES if not route.startswith("admin/")}
    assert outside | {r for r in RULES if r.startswith("admin/")} == set(RULES)


def is_login(answer: httpx.Response) -> bool:
    place = answer.headers.get("location", "")
    return answer.status_code == 302 and ("/login/" in place or place.startswith("/admin/login"))


def is_let_in(answer: httpx.Response) -> bool:
    return answer.status_code not in (401, 403) and not is_login(answer)


def is_right(answer: httpx.Response, expected: set[int] | None) -> bool:
    if answer.status_code >= 500:
        return False
    if expected is None:
        return is_let_in(answer)
    return is_login(answer) if expected == {302} else answer.status_code in expected


def body_of(route: str) -> dict[str, str]:
    """What has the right shape where a body is asked for before the task is looked for."""
    return {"kind": "retry"} if "repair" in route else {}


@pytest.mark.parametrize("route", ROUTES)
def test_everybody_at_every_url(route: str, people: list[Person], paused: Paused) -> None:
    rule, methods = RULES.get(route) or (ADMIN if route.startswith("admin/") else (None, ""))
    assert rule, f"{route} has no rule: say in RULES who may"
    nothing = Paused(str(uuid.uuid4()), str(uuid.uuid4()), 0, str(uuid.uuid4()))
    wrong = []
    for person in people:
        for method in methods.split():
            expected = rule(person.name, method, "pk" in route)
            # Who is let in to runs asks for what is not there, so that nothing is undone.
            where = nothing if expected is None and rule in HARMFUL else paused
            answer = person.client.request(method, where.path(route), json=body_of(route))
            if not is_right(answer, expected):
                wrong.append(f"{person.name}: {method} {answer.status_code}, not {expected}")
    assert not wrong


@pytest.mark.parametrize("route", [r for r in ROUTES if r.startswith((TASK, API_TASK))])
def test_a_task_of_others_is_answered_as_one_that_is_not_there(
    route: str, people: list[Person], paused: Paused
) -> None:
    (omar,) = (person.client for person in people if person.name == "omar")
    nothing = Paused("", "", 2**31 - 1, "")
    for method in ("GET", "POST"):
        theirs = omar.request(method, paused.path(route), json=body_of(route))
        unknown = omar.request(method, nothing.path(route), json=body_of(route))
        assert theirs.status_code == unknown.status_code
        assert theirs.content == unknown.content
        assert theirs.status_code in (404, 405)


def test_nobody_who_was_kept_out_changed_anything(people: list[Person], paused: Paused) -> None:
    task = ReviewTask.objects.get(pk=paused.task_id)
    assert task.is_open
    assert task.decisions.count() == 0


def test_the_lists_of_others_do_not_name_it(people: list[Person], paused: Paused) -> None:
    for person in people:
        if person.name in ("rosa", "ada", "sam", "key admin"):
            assert person.client.get(f"/tasks/{paused.task_id}/").status_code in (200, 302)
            continue
        for path in ("/inbox/", "/api/tasks/", f"/api/tasks/?thread_id={paused.thread_id}"):
            text = person.client.get(path).text
            assert paused.thread_id not in text
            assert f"/tasks/{paused.task_id}/" not in text


def test_no_form_is_taken_from_pages_of_others(people: list[Person], paused: Paused) -> None:
    (rosa,) = (person.client for person in people if person.name == "rosa")
    evil = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
    tricks: list[dict[str, Any]] = [
        {"headers": {"X-CSRFToken": ""}},
        {"headers": {"X-CSRFToken": "b" * 32}},
        {"headers": evil},
        {"headers": {"Origin": "null"}},
        {"headers": evil | {"Content-Type": "text/plain"}, "content": '{"kind": "approve"}'},
    ]
    for route in ROUTES:
        rule, methods = RULES.get(route, (admin, ""))
        if "POST" not in methods or rule not in (page, tasks):
            continue
        for trick in tricks:
            answer = rosa.post(paused.path(route), **trick)
            assert answer.status_code == 403, (route, trick)


def test_nothing_is_decided_by_an_address(people: list[Person], paused: Paused) -> None:
    (rosa,) = (person.client for person in people if person.name == "rosa")
    words = "decide claim release undo repair accept preview take-over hand-over draft presence"
    for word in words.split():
        assert rosa.get(f"/tasks/{paused.task_id}/{word}/?kind=approve").status_code == 405
    for word in ("decide", "claim", "release", "undo"):
        assert rosa.get(f"/api/tasks/{paused.task_id}/{word}/?kind=approve").status_code == 405
    assert rosa.get("/logout/").status_code == 405


@pytest.mark.parametrize(
    "there",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        "http://127.0.0.1@evil.example/",
        "/\t/evil.example",
        "data:text/html,x",
    ],
)
def test_nobody_is_sent_elsewhere(people: list[Person], there: str) -> None:
    nobody, rosa = (p.client for p in people if p.name in ("nobody", "rosa"))
    sent = nobody.post("/theme/", data={"theme": "dark", "next": there})
    assert sent.headers["location"] == "/inbox/"
    back = rosa.get("/login/", params={"next": there})  # signed in already
    assert back.headers["location"] == "/inbox/"
