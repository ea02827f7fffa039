"""Takes the pictures of docs/screens: `make screens`, with a Chromium and nothing else.

Starts a console of its own on a new data folder, so every picture shows the same tasks.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from langgraph_sdk import get_sync_client
from playwright.async_api import Browser, Page, async_playwright

from tests.console import ROOT, free_port, wait_for

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FOLDER = ROOT / "docs" / "screens"
SIZE = {"width": 1440, "height": 900}
MAIL = "Dear Ms Keller, the invoice is overdue. Pay within 5 days or we stop the delivery."
ASKED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("static_steps", {}, {"interrupt_before": ["step_2"]}),
    ("parallel_questions", {"contract": "Harbour lease, 2027"}, {}),
    ("typed_form", {}, {}),
    ("human_in_the_loop", {"some_text": MAIL}, {}),
    ("refund", {"order": "A-1042", "amount": 249.9, "reason": "arrived broken"}, {}),
    (
        "approve_tool",
        {"messages": [{"role": "user", "content": "Order A-1042 is broken, I want my 89.90 back"}]},
        {},
    ),
]


def start(data: Path) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """A console on an empty data folder, once it says that it is ready."""
    env = {**os.environ, "HITL_DATA": str(data), "PORT": str(free_port())}
    for name in ("DATABASE_URL", "LANGGRAPH_CONFIG"):
        env.pop(name, None)
    log = (data / "console.log").open("wb")
    up = [sys.executable, str(ROOT / "manage.py"), "up"]
    console = subprocess.Popen(up, cwd=ROOT, env=env, stdout=log, stderr=log)

    def is_ready() -> bool:
        assert console.poll() is None, (data / "console.log").read_text()
        return (data / "up.json").exists()

    wait_for(is_ready, seconds=120)
    return console, json.loads((data / "up.json").read_text())


def ask(up: dict[str, Any]) -> None:
    """Have each example graph ask its question."""
    client = get_sync_client(url=up["url"], api_key=up["api_key"])
    for graph, given, options in ASKED:
        thread = client.threads.create()
        client.runs.wait(thread["thread_id"], graph, input=given, **options)


async def signed_in(browser: Browser, up: dict[str, Any], theme: str) -> Page:
    """A reviewer's inbox."""
    context = await browser.new_context(base_url=up["url"], viewport=SIZE, reduced_motion="reduce")
    await context.add_cookies([{"name": "theme", "value": theme, "url": up["url"]}])
    page = await context.new_page()
    await page.goto("/login/")
    await page.fill("#id_username", up["logins"][0]["username"])
    await page.fill("#id_password", up["logins"][0]["password"])
    await page.click("button[class~=primary]")
    await page.wait_for_selector("[data-live=on]")
    return page


async def take(up: dict[str, Any], chromium: str) -> None:
    """A picture of each kind of task worth showing, and one in the dark."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        light = await signed_in(browser, up, "light")
        await open_task(light, "Text to revise")
        revised = MAIL.replace("is overdue. Pay within 5 days", "is due. Please pay within 14 days")
        await light.locator("main textarea").first.fill(revised)
        await light.locator("#receives").get_by_text("within 14 days").wait_for()
        await save(light, "inbox-light")
        await open_task(light, "Approve refund_order")
        await save(light, "actions-light")
        dark = await signed_in(browser, up, "dark")
        await open_task(dark, "Book the trip")
        await save(dark, "form-dark")
        await browser.close()


async def open_task(page: Page, title: str) -> None:
    """Open a task from the list, and wait for it to be shown."""
    await page.get_by_role("link", name=title).first.click()
    await page.locator("main h1, main h2").get_by_text(title).first.wait_for()


async def save(page: Page, name: str) -> None:
    """A picture of what is in the window."""
    await page.evaluate("document.fonts.ready")
    await page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def stop(console: subprocess.Popen[bytes]) -> None:
    """End the console, as Ctrl-C does."""
    console.send_signal(signal.SIGINT)
    console.wait(timeout=60)


def main() -> None:
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        sys.exit("No Chromium or Chrome here: install one, as in `apt install chromium`.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        console, up = start(Path(data))
        try:
            ask(up)
            asyncio.run(take(up, chromium))
        finally:
            stop(console)


if __name__ == "__main__":
    main()
