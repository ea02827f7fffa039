"""LangGraph's `useStream` in a page of another site: it asks, is answered there, and goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from shutil import copy
from urllib.parse import urlencode

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.console import Console, running
from tests.node import FOLDER, bundle, installed

SAID = ["My lamp is broken.", "I will ask.", "A-1042 approved", "All done: A-1042 approved."]
STRANGER = "https://evil.example"

pytestmark = pytest.mark.browser


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a site with the page on it."""
    folder = tmp_path_factory.mktemp("site")
    copy(FOLDER / "chat_page.html", folder / "index.html")
    bundle(installed(), "chat_page.jsx", folder / "chat_page.js")
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def open_door(
    console: Console, site: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    """A second door to the session's console, which lets pages of the site in."""
    door = Console(tmp_path_factory.mktemp("door"), console.database_url, HITL_CORS_ORIGINS=site)
    door.api_key = console.api_key
    with running(door, workers=0):
        yield door


async def test_a_page_of_another_site_chats_asks_and_goes_on(
    browser: Browser, open_door: Console, site: str
) -> None:
    page = await browser.new_page()
    await page.goto(f"{site}/?{urlencode({'api': open_door.url, 'key': open_door.api_key})}")
    await page.get_by_label("Message").fill(SAID[0])
    await page.get_by_role("button", name="Send").click()
    question = page.get_by_text("Refund A-1042?")
    await expect(question).to_be_visible()
    await expect(page.get_by_role("listitem")).to_have_text(SAID[:2])

    await page.reload()  # the page knows its thread, the console what it waits for
    await expect(question).to_be_visible()
    await page.get_by_role("button", name="Approve").click()

    await expect(page.get_by_role("listitem")).to_have_text(SAID)
    await expect(question).to_be_hidden()
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_page_of_a_site_that_is_not_let_in_gets_nothing(
    browser: Browser, console: Console, site: str
) -> None:
    page = await browser.new_page()
    await page.goto(f"{site}/?{urlencode({'api': console.url, 'key': console.api_key})}")
    await page.get_by_label("Message").fill(SAID[0])
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert")).to_contain_text("Failed to fetch")


def preflight(url: str, origin: str, path: str = "/threads") -> httpx.Headers:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key",
    }
    return httpx.options(f"{url}{path}", headers=asked, trust_env=False).headers


def test_only_sites_that_are_named_are_let_in_and_only_to_the_api(
    open_door: Console, console: Console, site: str
) -> None:
    let_in = preflight(open_door.url, site)
    assert let_in["Access-Control-Allow-Origin"] == site
    assert "x-api-key" in let_in["Access-Control-Allow-Headers"]
    assert "PATCH" in let_in["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in let_in

    for url, origin, path in (
        (open_door.url, STRANGER, "/threads"),
        (open_door.url, "null", "/threads"),
        (open_door.url, site, "/inbox/"),
        (open_door.url, site, "/login/"),
        (open_door.url, site, "/api/tasks"),
        (console.url, site, "/threads"),
    ):
        assert "Access-Control-Allow-Origin" not in preflight(url, origin, path)


def test_answers_errors_and_streams_can_be_read_by_the_site(open_door: Console, site: str) -> None:
    with open_door.client() as client:
        client.headers["Origin"] = site
        created = client.post("/threads", json={})
        path = f"/threads/{created.json()['thread_id']}/runs/stream"
        streamed = client.post(path, json={"assistant_id": "static_steps", "input": {}})
        answers = [
            created,
            streamed,
            client.get("/threads/nope"),
            client.get("/threads/nope", headers={"X-Api-Key": "wrong"}),
            client.put("/threads/count", json={}),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 422, 401, 405]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {site}
    exposed = streamed.headers["Access-Control-Expose-Headers"]
    assert {"content-location", "location"} <= set(exposed.split(", "))
