"""Breakpoints set in the picture of a graph, and what the agent at the other end does about it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from langgraph_sdk.client import LangGraphClient
from playwright.async_api import Page, expect

from reviews.models import ReviewTask
from runs import services
from runs.models import Assistant, Breakpoint, Interrupt
from tests.browser.conftest import SignIn, axe
from tests.console import wait_for

pytestmark = pytest.mark.browser


async def assistant_of(sdk: LangGraphClient, graph: str) -> str:
    """An assistant of a test's own."""
    made = await sdk.assistants.create(graph, name=f"Ours {uuid.uuid4().hex[:6]}")
    return made["assistant_id"]


async def open_graph(page: Page, assistant: str, view: str = "") -> None:
    await page.goto(f"/agents/assistants/{assistant}/graph/{view}")
    await page.wait_for_selector("[data-live=on]")


def node(page: Page, name: str) -> Any:
    return page.locator(f"a.n[data-id='{name}']")


def switch(page: Page, side: str, scope: str = "assistant") -> Any:
    return page.locator(f".is-chosen [data-side={side}][data-scope={scope}]")


async def test_a_breakpoint_set_in_the_picture_stops_the_next_run(
    sdk: LangGraphClient, ada: User, sign_in: SignIn
) -> None:
    mine = await assistant_of(sdk, "static_steps")
    page = await sign_in(ada)
    await open_graph(page, mine)
    await expect(page.locator("#save")).to_be_disabled()

    await node(page, "step_2").click()
    await switch(page, "before").click()
    await expect(page.locator("#changes")).to_contain_text("Pause before step_2")
    await expect(page.locator("#save")).to_have_text("Save 1 change")
    await page.click("#save")
    await expect(page.locator(".toast")).to_contain_text("is saved")
    await expect(node(page, "step_2")).to_have_attribute("aria-label", "step_2, Pause before")

    thread = (await sdk.threads.create())["thread_id"]
    run = await sdk.runs.wait(thread, mine, input={})
    assert run["visited"] == ["step_1"]

    count = page.locator("a.count")
    await expect(count).to_have_text("1")  # without a reload
    await expect(node(page, "step_2")).to_have_attribute(
        "aria-label", "step_2, Pause before, 1 waiting"
    )
    await count.click()
    task = await ReviewTask.objects.open().aget(thread_id=thread)
    await page.click(f"#row-{task.pk}")
    await page.click("#task [data-primary]")

    closed = Interrupt.objects.filter(thread_id=thread, status="closed")
    await sync_to_async(wait_for)(closed.exists)
    await sdk.runs.join(thread, (await sdk.runs.list(thread))[0]["run_id"])
    assert (await sdk.threads.get_state(thread))["values"]["visited"] == [
        *("step_1", "step_2", "step_3")
    ]


async def test_with_the_keyboard_alone_and_through_a_reload(
    sdk: LangGraphClient, ada: User, sign_in: SignIn
) -> None:
    mine = await assistant_of(sdk, "nested_breakpoint")
    page = await sign_in(ada)
    await open_graph(page, mine)

    await node(page, "before").focus()
    await page.keyboard.press("b")
    await page.keyboard.press("ArrowDown")
    await expect(node(page, "child")).to_be_focused()
    await page.keyboard.press("Shift+B")
    await expect(page.locator("#save")).to_have_text("Save 2 changes")
    await page.get_by_role("button", name="Show what is inside").focus()
    await page.keyboard.press("Enter")
    inner = node(page, "child:act")
    await expect(inner).to_have_attribute("aria-label", "act, Pause before (compiled in)")
    await page.reload()

    await expect(page.locator("#save")).to_have_text("Save 2 changes")  # the draft is kept
    await expect(page.locator("#changes")).to_contain_text("Pause after child")
    await inner.focus()
    await expect(page.locator(".is-chosen")).to_contain_text("This node is inside child")
    await page.keyboard.press("ArrowUp")
    await expect(node(page, "child:inner_first")).to_be_focused()
    await page.locator("#save").focus()
    await page.keyboard.press("Enter")

    await expect(page.locator(".toast")).to_contain_text("is saved")
    await expect(page.locator("#save")).to_have_text("No changes")
    found = Breakpoint.objects.filter(assistant_id=mine)
    assert {str(stop) async for stop in found} == {"before before", "after child"}


async def test_a_second_admin_is_told_and_keeps_the_draft(
    sdk: LangGraphClient, ada: User, sign_in: SignIn
) -> None:
    mine = await assistant_of(sdk, "static_steps")
    page = await sign_in(ada)
    await open_graph(page, mine, "?view=list")
    await page.locator("tr", has_text="step_3").get_by_label("After").first.check()

    assistant = await Assistant.objects.aget(pk=mine)
    await sync_to_async(services.set_breakpoint)(
        node="step_1", position="before", author=ada, assistant=assistant
    )
    await expect(page.locator("#now .strip")).to_contain_text("saved version")
    await page.click("#save")

    await expect(page.locator("[role=alert]")).to_contain_text("Nothing of yours was saved")
    await expect(page.locator("#changes")).to_contain_text("Pause after step_3")
    await page.click("#save")
    await expect(page.locator(".toast")).to_contain_text("is saved")
    found = Breakpoint.objects.filter(assistant_id=mine)
    assert {str(stop) async for stop in found} == {"before step_1", "after step_3"}


async def test_without_a_script_the_same_form_saves(
    sdk: LangGraphClient, ada: User, sign_in: SignIn
) -> None:
    mine = await assistant_of(sdk, "static_steps")
    scripted = await sign_in(ada)
    browser = scripted.context.browser
    assert browser is not None
    context = await browser.new_context(
        java_script_enabled=False, storage_state=await scripted.context.storage_state()
    )
    page = await context.new_page()
    await page.goto(scripted.url.split("/inbox/")[0] + f"/agents/assistants/{mine}/graph/")

    await page.get_by_role("switch", name="step_2, pause before: This assistant").check()
    await page.get_by_role("button", name="Show changes").click()
    await expect(page.locator("#changes")).to_contain_text("Pause before step_2")
    await page.get_by_role("button", name="Save").click()

    await expect(page.locator(".toast")).to_contain_text("is saved")
    assert await Breakpoint.objects.filter(assistant_id=mine, node="step_2").aexists()
    await context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    sdk: LangGraphClient, ada: User, sign_in: SignIn, theme: str
) -> None:
    mine = await assistant_of(sdk, "nested_breakpoint")
    lost = Breakpoint(assistant_id=mine, graph_id="nested_breakpoint", node="gone", author=ada)
    await lost.asave()
    page = await sign_in(ada, theme=theme)
    base = f"/agents/assistants/{mine}/"

    for width in (1440, 390, 320):
        await page.set_viewport_size({"width": width, "height": 844})
        for path in ("../", "", "versions/", "graph/?view=list", "graph/#node-child"):
            await page.goto(base + path)
            if path == "graph/#node-child":
                await page.click("[data-fold]")
                await switch(page, "before").check()
                await expect(page.locator("#changes")).to_contain_text("Pause before child")
            assert width == 320 or await axe(page) == [], path
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
            await page.evaluate("sessionStorage.clear()")
