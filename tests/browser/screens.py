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
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from tests.console import ROOT, free_port, wait_for

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FOLDER = ROOT / "docs" / "screens"
DESK, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
LOOKS = {"light": ("light", DESK), "dark": ("dark", DESK), "phone": ("light", PHONE)}
MAIL = "Dear Ms Keller, the invoice is overdue. Pay within 5 days or we stop the delivery."
REVISED = MAIL.replace("is overdue. Pay within 5 days", "is due. Please pay within 14 days")
TASKS = {  # by the title they have in the list
    "text": "Text to revise",
    "actions": "Approve refund_order",
    "form": "Book the trip",
    "question": "Does legal agree",
    "breakpoint": "Paused before",
}
ADMIN = {
    "assistants": "/agents/assistants/",
    "runs": "/agents/runs/",
    "audit": "/audit/",
    "members": "/settings/members/",
    "queues": "/settings/queues/",
    "keys": "/settings/keys/",
}
ASKED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("static_steps", {}, {"interrupt_before": ["step_2"]}),
    ("parallel_questions", {"contract": "Harbour lease, 2027"}, {}),
    ("typed_form", {}, {}),
    (
        "approve_tool",
        {"messages": [{"role": "user", "content": "Order B-2210 never came, please pay it back"}]},
        {},
    ),
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


async def take(up: dict[str, Any], chromium: str) -> None:
    """Every page: light and dark on a desk, light on a phone."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for look, (theme, size) in LOOKS.items():
            visitor = await visiting(browser, up, theme, size)
            await visitor.goto("/login/")
            await save(visitor, f"login-{look}")
            reviewer = await signed_in(browser, up, "rosa", theme, size)
            await take_tasks(reviewer, look)
            admin = await signed_in(browser, up, "ada", theme, size)
            await take_admin(admin, look)
        await browser.close()


async def take_tasks(page: Page, look: str) -> None:
    """What reviewers work with."""
    await save(page, f"inbox-{look}")
    for name, title in TASKS.items():
        await page.goto("/inbox/")
        await open_task(page, title)
        if name == "text":
            await page.locator("main textarea").first.fill(REVISED)
            await page.locator("#receives").get_by_text("within 14 days").wait_for()
        await save(page, f"task-{name}-{look}")
    await take_several(page, look)
    for name, address in {"walk": "/walk/", "me": "/me/", "threads": "/agents/threads/"}.items():
        await page.goto(address)
        await save(page, f"{name}-{look}")
    await page.locator("#rows .line").first.click()
    await page.locator(".step.is-now").wait_for()
    await save(page, f"thread-{look}")


async def take_several(page: Page, look: str) -> None:
    """Two tasks that ask the same thing: selected, shown together, assigned."""
    for name, kind in {"bulk": "approve", "assign": "assign"}.items():
        await page.goto("/inbox/")
        alike = page.locator("#list li").filter(has_text=TASKS["actions"])
        for at in range(2):
            await alike.nth(at).locator("input").set_checked(True, force=True)
        await page.get_by_text("2 can be approved together").wait_for()
        if kind == "approve":
            await save(page, f"selected-{look}")
        await page.locator(f"#bulk [value={kind}]").click()
        await page.locator("#batch h1").wait_for()
        await save(page, f"{name}-{look}")


async def take_admin(page: Page, look: str) -> None:
    """What administrators and operators work with."""
    await take_history(page, look)
    for name, address in ADMIN.items():
        await page.goto(address)
        await save(page, f"{name}-{look}")
    await page.goto(ADMIN["runs"])
    await page.locator("#rows .line").first.click()
    await page.locator("#run").wait_for()
    await save(page, f"run-{look}")
    for part in ("", "graph/", "start/"):
        await page.goto(ADMIN["assistants"])
        assistant = page.get_by_role("link", name="static_steps").first
        await page.goto(f"{await assistant.get_attribute('href')}{part}")
        if part == "graph/":
            await page.locator("svg [data-id=step_2]").click()
        await save(page, f"assistant-{part.rstrip('/') or 'overview'}-{look}")


async def take_history(page: Page, look: str) -> None:
    """An older checkpoint beside the one before it, and what it takes to go on from there."""
    await page.goto("/agents/threads/")
    await page.locator("#rows .line").first.click()
    await page.locator(".step.is-now").wait_for()
    for name, link in {"checkpoint": "a[href*='?diff=']", "fork": "[data-fork]"}.items():
        timeline = page.url
        await page.locator(f".step {link}").first.click()
        await page.locator("main h1").wait_for()
        await save(page, f"{name}-{look}")
        await page.goto(timeline)


async def visiting(browser: Browser, up: dict[str, Any], theme: str, size: ViewportSize) -> Page:
    """A window of its own."""
    context = await browser.new_context(base_url=up["url"], viewport=size, reduced_motion="reduce")
    await context.add_cookies([{"name": "theme", "value": theme, "url": up["url"]}])
    return await context.new_page()


async def signed_in(
    browser: Browser, up: dict[str, Any], who: str, theme: str, size: ViewportSize
) -> Page:
    """The inbox of a demo person."""
    page = await visiting(browser, up, theme, size)
    login = next(login for login in up["logins"] if login["username"] == who)
    await page.goto("/login/")
    await page.fill("#id_username", login["username"])
    await page.fill("#id_password", login["password"])
    await page.click("button[class~=primary]")
    await page.wait_for_selector("[data-live=on]")
    return page


async def open_task(page: Page, title: str) -> None:
    """Open a task from the list, and wait for it to be shown."""
    await page.get_by_role("link", name=title).first.click()
    await page.locator("main h1, main h2").get_by_text(title).first.wait_for()


async def save(page: Page, name: str) -> None:
    """A picture of what is in the window."""
    await page.wait_for_load_state("networkidle")
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
