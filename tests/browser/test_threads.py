"""Threads and runs in a real browser: by keys, live, on a phone, and without complaint of axe."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from langgraph_sdk.client import LangGraphClient
from playwright.async_api import expect

from reviews.models import ReviewTask
from runs.models import Assistant, Run
from tests.browser.conftest import SignIn, axe

pytestmark = pytest.mark.browser

Routed = Callable[[str], None]
PHONE = {"viewport": {"width": 320, "height": 720}}


async def test_a_timeline_is_walked_compared_and_forked_by_keys(
    sdk: LangGraphClient, ada: User, sign_in: SignIn
) -> None:
    thread = (await sdk.threads.create())["thread_id"]
    await sdk.runs.wait(thread, "static_steps", input={"some_text": "one"})
    page = await sign_in(ada)
    await page.goto(f"/agents/threads/{thread}/")
    names = page.locator("[data-state]")
    await expect(names).to_have_count(5)

    await page.keyboard.press("ArrowLeft")
    await expect(names.nth(0)).to_be_focused()
    await page.keyboard.press("ArrowLeft")
    await expect(names.nth(1)).to_be_focused()
    await page.keyboard.press("Shift+ArrowLeft")
    await expect(page.locator("#range")).to_contain_text("Step 1 and step 2")
    assert await axe(page) == []
    await page.click("#range a")
    await expect(page.locator("#changes")).to_contain_text("/visited/1")
    assert await axe(page) == []

    await page.keyboard.press("ArrowLeft")
    await expect(page.locator("h1")).to_have_text("step_1")
    await page.keyboard.press("f")
    await expect(page.locator("h1")).to_have_text("Run from step 1")
    await page.get_by_label("some_text").fill('"two"')
    await page.fill("#branch", "second try")
    await page.click("text=Run from here")
    await expect(page.locator("[role=alert]")).to_contain_text(
        "Confirm that this may happen again."
    )
    assert await axe(page) == []
    await page.check("[name=confirmed]")
    await page.click("button:has-text('Run from here')")

    await expect(page.locator("#run .chip").first).to_have_text("Finished")
    assert (await sdk.threads.get_state(thread))["values"]["some_text"] == "two"
    await page.click("#run .bar a:has-text('Thread')")
    await expect(page.locator(".step.is-aside")).to_have_count(2)
    await expect(page.locator(".step.is-now")).to_contain_text("step_3")


async def test_a_run_is_started_on_a_phone_and_watched_until_it_asks(
    ada: User, rosa: User, routed: Routed, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("refund")
    assistant = await Assistant.objects.aget(graph_id="refund", metadata__created_by="system")
    page = await sign_in(ada, theme="dark", **PHONE)
    await page.goto(f"/agents/assistants/{assistant.pk}/start/")
    await page.get_by_label("Order").fill("A-1")
    await page.get_by_label("Amount").fill("249.90")
    assert await axe(page) == []
    await page.click("text=Start the run")

    await expect(page.locator("#run")).to_contain_text("Waits for a person")
    await expect(page.locator(".asked")).to_contain_text("Open")
    run = await Run.objects.aget(pk=page.url.rstrip("/").rpartition("/")[2])
    for place in (
        page.url,
        f"/agents/threads/{run.thread_id}/",
        "/agents/threads/",
        "/agents/runs/",
    ):
        await page.goto(place)
        assert await axe(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await ReviewTask.objects.open().filter(thread_id=run.thread_id).acount() == 1


async def test_a_running_run_is_cancelled_where_it_is_watched(
    sdk: LangGraphClient, ada: User, sign_in: SignIn
) -> None:
    thread = (await sdk.threads.create())["thread_id"]
    run = await sdk.runs.create(thread, "slow", input={"seconds": 60})
    page = await sign_in(ada)
    await page.goto(f"/agents/runs/{run['run_id']}/")
    await expect(page.locator(".is-coming")).to_contain_text("nap")

    await page.click("text=Cancel")
    await page.click("text=Cancel the run")

    await expect(page.locator("#run .chip").first).to_have_text("Cancelled")
    await expect(page.locator("#run")).to_contain_text("Cancelled by")
    await expect(page.locator(".is-coming")).to_have_count(0)
