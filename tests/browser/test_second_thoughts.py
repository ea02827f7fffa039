"""Undo, repair and changed graphs in a real browser: by mouse, by key, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from langgraph_sdk.client import LangGraphClient
from playwright.async_api import Browser, Page, expect

from reviews import services
from reviews.models import Decision, Delivery, ReviewPolicy, ReviewTask
from runs.models import Interrupt
from tests.browser.conftest import SignIn, axe
from tests.browser.test_journeys import paused, row, values_of
from tests.conftest import PASSWORD
from tests.console import Console, wait_for

pytestmark = pytest.mark.browser

Routed = Callable[[str], None]
YES = {"kind": "respond", "value": "yes"}


@pytest.fixture
def held(routed: Routed) -> Callable[[int], None]:
    """Decisions on a text to revise are held that many seconds."""

    def hold(seconds: int) -> None:
        routed("human_in_the_loop")
        ReviewPolicy.objects.filter(graph_id="human_in_the_loop").update(undo_seconds=seconds)

    return hold


async def failed(sdk: LangGraphClient, reviewer: User) -> ReviewTask:
    """A task whose node took the answer and then raised."""
    _, task = await paused(sdk, "failing_after", {})
    await sync_to_async(services.decide)(task=task, reviewer=reviewer, verdict=YES)
    rows = ReviewTask.objects.filter(pk=task.pk, status="failed")
    await sync_to_async(wait_for)(rows.exists)
    return task


async def graph_changed(task: ReviewTask) -> None:
    """As if another version of the graph had asked."""
    await Interrupt.objects.filter(review_task=task).aupdate(fingerprint="0" * 64)


async def test_a_decision_is_undone_with_a_key_and_sent_with_the_next_try(
    sdk: LangGraphClient, held: Any, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(held)(60)
    page = await sign_in(rosa)
    _, task = await paused(sdk, "human_in_the_loop", {"some_text": "It is late."})
    await row(page, task).click()
    await page.fill("textarea[name=text]", "It is late. Sorry.")
    await page.click("[data-primary]")
    await expect(page.locator(".sending .held")).to_contain_text("Undo")
    first = int(await page.locator(".sending [data-seconds]").inner_text())
    await expect(page.locator(".sending [data-seconds]")).not_to_have_text(str(first))

    await page.keyboard.press("z")

    await expect(page.locator("#chips")).to_contain_text("Claimed by you")
    await expect(page.locator("textarea[name=text]")).to_have_value("It is late. Sorry.")
    await expect(page.locator("#receives")).to_have_text('"It is late. Sorry."')
    await expect(page.locator(".sending .held")).to_have_count(0)
    await expect(row(page, task).locator("a")).to_have_attribute("aria-current", "true")


async def test_the_bar_runs_out_and_the_answer_is_sent_with_the_browser_closed(
    sdk: LangGraphClient, held: Any, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(held)(3)
    page, other = await sign_in(rosa), await sign_in(rosa)
    thread, task = await paused(sdk, "human_in_the_loop", {"some_text": "It is late."})
    await page.goto(f"/tasks/{task.pk}/")
    await page.fill("textarea[name=text]", "It is very late.")
    await page.click("[data-primary]")
    await expect(page.locator(".sending .held")).to_be_visible()
    await other.goto(f"/tasks/{task.pk}/")
    await expect(other.locator("#chips")).to_contain_text("Sending")
    await page.close()

    assert await values_of(sdk, thread) == {"some_text": "It is very late."}
    await expect(other.locator("#chips")).to_contain_text("Decided")
    await expect(other.locator("[data-key=undo]")).to_have_count(0)


async def test_the_bar_leaves_when_its_time_is_over(
    sdk: LangGraphClient, held: Any, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(held)(2)
    page = await sign_in(rosa)
    _, task = await paused(sdk, "human_in_the_loop", {"some_text": "It is late."})
    await row(page, task).click()
    await page.click("[data-primary]")

    await expect(page.locator(".sending .held")).to_be_visible()
    await expect(page.locator(".sending .held")).to_have_count(0)


async def test_a_failed_run_shows_up_in_the_open_inbox_and_is_asked_again(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("failing_after")
    page = await sign_in(rosa)
    await expect(page.locator("#pill-failed")).to_have_count(0)

    task = await failed(sdk, rosa)

    await expect(page.locator("#pill-failed")).to_contain_text("1")
    await page.click("#pill-failed")
    await row(page, task).click()
    await expect(page.locator(".failure")).to_contain_text("ValueError: boom: yes")
    await page.click("button:has-text('Ask again')")
    await expect(page.locator("#standing")).to_contain_text("Replaced by Go on?")
    await page.click("#standing a")
    await expect(page.locator("#task .said")).to_contain_text("Go on?")
    await expect(page.locator("textarea[name=text]")).to_be_visible()


async def test_a_change_of_the_graph_is_accepted_without_losing_what_was_typed(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    thread, task = await paused(sdk, "human_in_the_loop", {"some_text": "Hi"})
    await graph_changed(task)
    page = await sign_in(rosa)
    await page.goto(f"/inbox/?task={task.pk}")
    await page.fill("textarea[name=text]", "Hi Marta")
    await page.click("[data-primary]")
    await expect(page.locator("#standing [role=alert]")).to_contain_text(
        "was changed since it asked"
    )

    await page.click("text=Accept the change")

    await expect(page.locator("#standing .banner")).to_have_count(0)
    await expect(page.locator("textarea[name=text]")).to_have_value("Hi Marta")
    await page.click("[data-primary]")
    assert await values_of(sdk, thread) == {"some_text": "Hi Marta"}


async def test_a_request_that_changes_under_edit_says_so_and_takes_no_focus(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    _, task = await paused(sdk, "human_in_the_loop", {"some_text": "Hi"})
    page = await sign_in(rosa)
    await page.goto(f"/tasks/{task.pk}/")
    await page.fill("textarea[name=text]", "Hi Marta")
    value = {"text_to_revise": "Bye"}
    await ReviewTask.objects.filter(pk=task.pk).aupdate(value=value, digest="1" * 64)

    await page.press("textarea[name=text]", "!")
    await expect(page.locator("#standing")).to_contain_text("The request changed, look again.")
    await expect(page.locator("textarea[name=text]")).to_be_focused()
    await page.click("[data-primary]")

    await expect(page.locator("[data-original]")).to_have_text("Bye")
    await expect(page.locator("textarea[name=text]")).to_have_value(re.compile("Hi Marta"))
    assert not await Decision.objects.filter(task=task).aexists()


async def test_all_of_it_works_without_javascript(
    sdk: LangGraphClient, held: Any, routed: Routed, rosa: User, browser: Browser, console: Console
) -> None:
    await sync_to_async(held)(60)
    await sync_to_async(routed)("failing_after")
    broken = await failed(sdk, rosa)
    _, task = await paused(sdk, "human_in_the_loop", {"some_text": "Hi"})
    await graph_changed(task)
    context = await browser.new_context(base_url=console.url, java_script_enabled=False)
    page = await context.new_page()
    await sign_in_by_form(page, rosa)

    await page.goto(f"/tasks/{task.pk}/")
    await page.fill("textarea[name=text]", "Hi Marta")
    await page.click("text=Accept the change")
    await expect(page.locator("textarea[name=text]")).to_have_value("Hi Marta")
    await page.click("[data-primary]")
    await page.click(".sending button")
    await expect(page.locator("textarea[name=text]")).to_have_value("Hi Marta")
    delivery = await Delivery.objects.aget(task=task)
    assert delivery.state == Delivery.State.UNDONE

    await page.goto(f"/tasks/{broken.pk}/")
    await page.click("button:has-text('Retry with this answer')")
    await expect(page.locator("#task")).to_contain_text("retried with this answer")
    assert await Decision.objects.filter(task=broken, kind="retry").aexists()


async def sign_in_by_form(page: Page, user: User) -> None:
    await page.goto("/login/")
    await page.fill("#id_username", user.username)
    await page.fill("#id_password", PASSWORD)
    await page.click("button[class~=primary]")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
async def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    sdk: LangGraphClient,
    held: Any,
    routed: Routed,
    rosa: User,
    sign_in: SignIn,
    theme: str,
    width: int,
) -> None:
    await sync_to_async(held)(60)
    await sync_to_async(routed)("failing_after")
    broken = await failed(sdk, rosa)
    _, changed = await paused(sdk, "human_in_the_loop", {"some_text": "Hi " * 40})
    await graph_changed(changed)
    _, sent = await paused(sdk, "human_in_the_loop", {"some_text": "Sent in a moment, or not"})
    page = await sign_in(rosa, theme=theme, viewport={"width": width, "height": 844})
    await page.goto(f"/tasks/{sent.pk}/")
    await page.click("[data-primary]")
    await expect(page.locator(".sending .held")).to_be_visible()

    for path in (
        page.url,
        "/inbox/?view=failed",
        f"/inbox/?view=failed&task={broken.pk}",
        f"/tasks/{broken.pk}/",
        f"/tasks/{changed.pk}/",
        f"/tasks/{sent.pk}/",
    ):
        await page.goto(path)
        assert await axe(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
