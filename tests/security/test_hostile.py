"""Hostile questions, asked by a real graph and seen through every door there is."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from playwright.async_api import Browser, Dialog, Page, Request

from reviews.models import ReviewTask
from runs.models import Scope
from runs.runtime.jsonable import jsonable
from tests.browser.conftest import browser, chromium  # noqa: F401  # the fixtures
from tests.conftest import PASSWORD, issue_key
from tests.console import Console
from tests.security.corpus import CORPUS, LARGE, MARKUP, REFUSED, SMALL
from tests.security.people import session_of

Ask = Callable[..., ReviewTask]
PATIENCE = 3  # seconds for a page, also of 10 MB


@pytest.fixture
def ask(api: httpx.Client, routed: Callable[[str], None], task_on: Any) -> Ask:
    """Have a graph ask something; returns the task."""
    routed("hostile")

    def asked(**given: Any) -> ReviewTask:
        thread = api.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": "hostile", "input": given}
        started = api.post(f"/threads/{thread}/runs/wait", json=body)
        assert started.status_code == 200, started.text[:300]
        found: ReviewTask = task_on(thread)
        return found

    return asked


@pytest.fixture
def rosas(console: Console, rosa: User) -> httpx.Client:
    return console.sign_in(rosa.username, PASSWORD)


def as_kept(value: Any) -> Any:
    """A value as LangGraph keeps it in a checkpoint (half of a pair becomes `?`), as JSON."""
    serde = JsonPlusSerializer()
    return jsonable(serde.loads_typed(serde.dumps_typed(value)))


@pytest.mark.parametrize("name", SMALL | LARGE)
def test_every_door_stands_and_nothing_is_lost(
    console: Console, api: httpx.Client, rosas: httpx.Client, ask: Ask, name: str
) -> None:
    task = ask(asks=name)
    kept = as_kept(CORPUS[name])

    assert task.value == kept
    assert rosas.get(f"/api/tasks/{task.pk}/").json()["value"] == kept
    thread = api.get(f"/threads/{task.thread_id}").json()
    (pending,) = (item for items in thread["interrupts"].values() for item in items)
    assert pending["value"] == kept
    state = api.get(f"/threads/{task.thread_id}/state").json()
    assert [item["value"] for item in state["interrupts"]] == [kept]
    assert api.post(f"/threads/{task.thread_id}/history", json={}).status_code == 200
    for path in ("/inbox/", f"/inbox/?task={task.pk}", f"/tasks/{task.pk}/"):
        began = time.monotonic()
        page = rosas.get(path)
        assert page.status_code == 200
        assert time.monotonic() - began < PATIENCE
        assert len(page.content) < 3 * 2**20
        assert path == "/inbox/" or f'data-task="{task.pk}"' in page.text


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_checkpoint_takes_fails_its_run_and_says_so(api: httpx.Client, name: str) -> None:
    thread = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "hostile", "input": {"asks": name}}
    answer = api.post(f"/threads/{thread}/runs/wait", json=body)
    assert (answer.status_code, answer.json()["__error__"]["error"]) == (200, "TypeError")
    assert api.get(f"/threads/{thread}").json()["status"] == "error"
    assert not ReviewTask.objects.open().on(thread).exists()


@pytest.mark.parametrize("name", [n for n, value in SMALL.items() if isinstance(value, str)])
def test_what_comes_in_as_input_and_goes_out_as_an_answer(
    api: httpx.Client, rosas: httpx.Client, ask: Ask, name: str
) -> None:
    text = CORPUS[name]
    sent = json.dumps({"assistant_id": "hostile", "input": {"value": text}}).encode()
    thread = api.post("/threads", json={}).json()["thread_id"]
    answer = api.post(f"/threads/{thread}/runs/wait", content=sent)
    if answer.status_code == 422:  # half a pair: said, and nothing ran
        assert name in ("surrogate", "reverse_pair")
        return
    assert answer.status_code == 200
    task = ReviewTask.objects.open().on(thread).get()
    key = issue_key("decides", [Scope.TASKS_DECIDE, Scope.ADMIN])
    body = json.dumps({"kind": "respond", "value": text, "comment": text[:500]}).encode()
    headers = {"x-api-key": key, "Idempotency-Key": f"{task.pk}"}
    decided = api.post(f"/api/tasks/{task.pk}/decide/", content=body, headers=headers)
    assert decided.status_code in (200, 422), decided.text
    assert rosas.get(f"/tasks/{task.pk}/").status_code == 200


def test_names_of_nodes_and_errors(
    api: httpx.Client, rosas: httpx.Client, routed: Any, task_on: Any
) -> None:
    for graph in ("hostile_names", "hostile_error"):
        routed(graph)
    thread = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "hostile_names", "input": {"asks": "script"}}
    api.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
    page = rosas.get(f"/tasks/{task_on(thread).pk}/")
    assert page.status_code == 200
    assert MARKUP["handler"] not in page.text
    drawn = api.get("/assistants/search").status_code
    assert drawn in (405, 422)
    found = api.post("/assistants/search", json={"graph_id": "hostile_names"}).json()[0]
    picture = api.get(f"/assistants/{found['assistant_id']}/graph")
    assert MARKUP["handler"] in {node["id"] for node in picture.json()["nodes"]}
    assert picture.headers["content-type"] == "application/json"
    for name in ("script", "nul", "surrogate", "ansi", "large"):
        failed = api.post(
            "/runs/wait", json={"assistant_id": "hostile_error", "input": {"asks": name}}
        )
        assert failed.status_code == 200
        assert "__error__" in failed.json()


def test_the_export_of_the_audit_is_one_line_an_entry(console: Console, ask: Ask) -> None:
    for name in ("crlf", "ansi", "formula", "surrogate", "nul", "script"):
        ask(asks=name)
    exported = console.manage("export_audit")
    assert exported.returncode == 0, exported.stderr
    assert exported.stdout.isascii()
    entries = [json.loads(line) for line in exported.stdout.splitlines()]
    assert entries
    verified = console.manage("verify_audit")
    assert verified.returncode == 0, verified.stdout + verified.stderr


class Watched:
    """A page and everything it should not do."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.wrongs: list[str] = []
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.on("pageerror", lambda error: self.wrongs.append(f"error: {error}"))
        page.on("popup", lambda popup: self.wrongs.append(f"popup: {popup.url}"))
        page.on("console", self._said)

    async def _dialog(self, dialog: Dialog) -> None:
        self.wrongs.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith(self.url):
            self.wrongs.append(f"request: {request.url[:200]}")

    def _said(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.wrongs.append(message.text)

    async def look(self, path: str) -> None:
        """Open a page, hover and unfold what is there, and see that nothing ran."""
        await self.page.goto(self.url + path, wait_until="load")
        await self.page.wait_for_selector("[data-live=on]")
        await self.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        await self.page.mouse.move(400, 300)
        await self.page.mouse.move(700, 400)
        assert await self.page.evaluate("window.__pwned === undefined")
        assert await self.page.evaluate("({}).polluted === undefined")
        assert await self.page.evaluate("document.querySelector('#page, main') !== null")
        strange = "#task :is(script, iframe, img, video, form[action^='http'], [onerror], [onload])"
        assert await self.page.locator(strange).count() == 0
        links = await self.page.eval_on_selector_all(
            "#task a[href]", "found => found.map(a => [a.protocol, a.rel, a.origin])"
        )
        for protocol, rel, origin in links:
            assert protocol in ("http:", "https:", "mailto:")
            assert origin == self.url or "noopener noreferrer nofollow ugc" in rel


@pytest.fixture
async def watched(browser: Browser, console: Console, rosa: User) -> AsyncIterator[Watched]:  # noqa: F811
    session = await sync_to_async(session_of)(rosa)
    context = await browser.new_context()
    await context.add_cookies([{"name": "sessionid", "value": session, "url": console.url}])
    watched = Watched(await context.new_page(), console.url)
    yield watched
    assert watched.wrongs == []


@pytest.mark.browser
async def test_nothing_executes_in_a_browser(watched: Watched, ask: Ask, queue: Group) -> None:
    for name in SMALL:
        task = await sync_to_async(ask)(asks=name)
        await watched.look(f"/tasks/{task.pk}/")
        assert watched.wrongs == [], name
    await watched.look(f"/inbox/?task={task.pk}")


@pytest.mark.browser
@pytest.mark.parametrize("name", LARGE)
async def test_a_browser_shows_ten_megabytes_at_once(watched: Watched, ask: Ask, name: str) -> None:
    task = await sync_to_async(ask)(asks=name)
    began = time.monotonic()
    await watched.look(f"/tasks/{task.pk}/")
    assert time.monotonic() - began < PATIENCE
