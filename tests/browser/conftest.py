"""A real Chromium in front of the session's console."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.async_api import Browser, Page, Playwright, async_playwright, expect

from tests.conftest import PASSWORD
from tests.console import Console

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = (Path(__file__).resolve().parents[1] / "vendor" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

SignIn = Callable[..., Awaitable[Page]]

expect.set_options(timeout=20_000)  # ms; only what fails takes that long


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser found on this machine."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        why = "no Chromium or Chrome here: install one, as in `apt install chromium`"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    playwright: Playwright
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def sign_in(browser: Browser, console: Console) -> AsyncIterator[SignIn]:
    """Sign a person in; the test fails if any page of theirs has an error to report."""
    complaints: list[str] = []

    async def open_for(user: User, *, theme: str = "light", **options: object) -> Page:
        context = await browser.new_context(base_url=console.url, **options)
        await context.add_cookies([{"name": "theme", "value": theme, "url": console.url}])
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text) if "Content Security Policy" in said.text else None
            ),
        )
        await page.goto("/login/")
        await page.fill("#id_username", user.username)
        await page.fill("#id_password", PASSWORD)
        await page.click("button[class~=primary]")
        await page.wait_for_url("**/inbox/**")
        await page.wait_for_selector("[data-live=on]")
        return page

    yield open_for
    assert complaints == []


async def axe(page: Page) -> list[str]:
    """What axe-core holds against a page."""
    session = await page.context.new_cdp_session(page)  # past the page's own script policy
    await session.send("Runtime.evaluate", {"expression": AXE})
    found = await page.evaluate(
        "rules => axe.run(document, {runOnly: rules}).then(r => r.violations)", RULES
    )
    return [f"{item['id']}: {item['nodes'][0]['html'][:200]}" for item in found]
