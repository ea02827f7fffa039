"""What every kind of answer tells a browser it may do, and what pages load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from playwright.async_api import Browser

from reviews.models import ReviewTask
from runs.models import Scope
from tests.browser.conftest import browser, chromium  # noqa: F401  # the fixtures
from tests.conftest import PASSWORD, issue_key
from tests.console import Console, token

OURS = "'self'"
PAGE = {
    "default-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "script-src": OURS,
    "style-src": OURS,
    "img-src": OURS,
    "font-src": OURS,
    "connect-src": OURS,
    "form-action": OURS,
    "manifest-src": OURS,
}
DOCS = PAGE | {
    "img-src": "'self' data:",
    "style-src": "'self' 'sha256-MMpT0iDxyjALd9PdfepImGX3DBfJPXZ4IlDWdPAgtn0='",
}
DATA = {"default-src": "'none'", "frame-ancestors": "'none'", "sandbox": ""}


def policy(answer: httpx.Response) -> dict[str, str]:
    assert "content-security-policy-report-only" not in answer.headers
    parts = answer.headers["content-security-policy"].split(";")
    return {name: rest for name, _, rest in (part.strip().partition(" ") for part in parts)}


def check(answer: httpx.Response, csp: dict[str, str], *, is_kept: bool = False) -> None:
    assert policy(answer) == csp
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == ("no-referrer" if csp is DATA else "same-origin")
    assert "access-control-allow-origin" not in answer.headers
    if csp is not DATA:
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    if not is_kept:
        assert "no-store" in answer.headers["cache-control"]


@pytest.fixture
def rosas(console: Console, rosa: User) -> httpx.Client:
    return console.sign_in(rosa.username, PASSWORD)


@pytest.mark.parametrize("path", ["/", "/inbox/", "/login/"])
def test_pages(rosas: httpx.Client, path: str) -> None:
    check(rosas.get(path), PAGE)


def test_the_page_of_a_task(rosas: httpx.Client, api, routed, task_on) -> None:
    task = waiting(api, routed, task_on)
    for path in (f"/tasks/{task.pk}/", f"/inbox/?task={task.pk}"):
        check(rosas.get(path), PAGE)
    refused = rosas.post(f"/tasks/{task.pk}/decide/", data=token(rosas))
    assert refused.status_code == 422
    check(refused, PAGE)


def waiting(api: httpx.Client, routed: Callable[..., None], task_on: Any) -> ReviewTask:
    routed("approve_once")
    thread = api.post("/threads", json={}).json()["thread_id"]
    api.post(f"/threads/{thread}/runs/wait", json={"assistant_id": "approve_once", "input": {}})
    found: ReviewTask = task_on(thread)
    return found


def test_pages_with_nothing_in_them(console: Console, rosas: httpx.Client) -> None:
    for path in ("/nothing-here", "/tasks/0/"):
        missing = rosas.get(path)
        assert missing.status_code == 404
        check(missing, PAGE, is_kept=True)
    refused = rosas.post("/theme/", data={"theme": "dark"})
    assert refused.status_code == 403
    check(refused, PAGE, is_kept=True)


def test_a_page_that_breaks(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> None:
        raise RuntimeError("secret of the server")

    monkeypatch.setattr("reviews.views.pages.counts", breaks)
    client = Client(raise_request_exception=False)
    client.force_login(ada)
    answer = client.get("/me/")
    assert answer.status_code == 500
    assert b"secret" not in answer.content
    headers = httpx.Response(500, headers=dict(answer.headers))
    check(headers, PAGE, is_kept=True)


def test_a_page_while_the_database_is_away(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_away(*_: Any) -> None:
        raise OperationalError("connection to the secret server refused")

    client = Client(raise_request_exception=False)
    client.force_login(ada)
    monkeypatch.setattr("reviews.views.pages.counts", is_away)
    answer = client.get("/me/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert b"secret" not in answer.content
    check(httpx.Response(503, headers=dict(answer.headers)), PAGE, is_kept=True)


def test_admin(console: Console, ada: User) -> None:
    client = console.sign_in(ada.username, PASSWORD)
    for path in ("/admin/", "/admin/runs/apikey/", "/admin/auth/user/"):
        check(client.get(path), PAGE)


def test_docs_and_schema(console: Console) -> None:
    check(httpx.get(f"{console.url}/docs", trust_env=False), DOCS, is_kept=True)
    schema = httpx.get(f"{console.url}/api/schema/", trust_env=False)
    check(schema, PAGE, is_kept=True)


def test_data(console: Console, api: httpx.Client, rosas: httpx.Client) -> None:
    thread = api.post("/threads", json={}).json()["thread_id"]
    run = {"assistant_id": "approve_once", "input": {}}
    answers = [
        api.get(f"/threads/{thread}"),
        api.post("/threads/search", json={}),
        api.post(f"/threads/{thread}/runs/wait", json=run),
        api.post("/runs/wait", json=run),
        api.get("/ok"),
        api.get("/info"),
        api.get("/threads/no-such"),
        api.get("/store/no-such"),
        api.post("/threads", content=b"{"),
        api.put("/threads", json={}),
        httpx.get(f"{console.url}/threads/{thread}", trust_env=False),
        rosas.get("/api/tasks/"),
        rosas.get("/api/tasks/0/"),
    ]
    codes = [200, 200, 200, 200, 200, 200, 422, 404, 422, 405, 401, 200, 404]
    assert [answer.status_code for answer in answers] == codes
    for answer in answers:
        assert answer.headers["content-type"] == "application/json"
        check(answer, DATA)


def test_streams(api: httpx.Client) -> None:
    thread = api.post("/threads", json={}).json()["thread_id"]
    run = {"assistant_id": "approve_once", "input": {}}
    with api.stream("POST", f"/threads/{thread}/runs/stream", json=run) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        check(stream, DATA)


def test_static_files_are_for_our_pages(console: Console) -> None:
    answer = httpx.get(f"{console.url}/static/js/live.js", trust_env=False)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "javascript" in answer.headers["content-type"]
    assert "access-control-allow-origin" not in answer.headers
    outside = httpx.get(f"{console.url}/static/%2e%2e/manage.py", trust_env=False)
    assert outside.status_code == 404


def test_cookies_are_for_us_alone(console: Console, rosa: User) -> None:
    client = httpx.Client(base_url=console.url, trust_env=False)
    csrf = client.get("/login/").headers["set-cookie"]
    login = {"username": rosa.username, "password": PASSWORD} | token(client)
    answer = client.post("/login/", data=login)
    session = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("sessionid="))
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(session.split("; "))
    assert {"SameSite=Strict", "Path=/"} <= set(csrf.split("; "))
    assert "cookie" in answer.headers["vary"].lower()


def test_a_key_sees_no_cookie(console: Console) -> None:
    key = {"x-api-key": issue_key("headers", [Scope.RUNS, Scope.TASKS_READ])}
    for path in ("/info", "/api/tasks/"):
        answer = httpx.get(console.url + path, headers=key, trust_env=False)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers


@pytest.mark.browser
async def test_the_docs_load_whole_from_here(browser: Browser, console: Console) -> None:  # noqa: F811
    page = await browser.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{console.url}/docs")
    await page.wait_for_selector(".opblock")
    await page.click(".opblock-summary >> nth=0")
    await page.wait_for_selector(".opblock-body")
    await asyncio.sleep(0.5)  # for complaints that come late
    assert complaints == []
    assert [url for url in asked if not url.startswith((console.url, "data:"))] == []
