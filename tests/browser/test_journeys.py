"""A reviewer's work in a real browser, with the agent at the other end of the official SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from langgraph_sdk.client import LangGraphClient
from playwright.async_api import Page, WebSocketRoute, expect

from reviews import services
from reviews.models import Decision, ReviewTask
from runs.models import Interrupt
from tests.browser.conftest import SignIn, axe
from tests.conftest import make_user
from tests.console import wait_for

pytestmark = pytest.mark.browser

Routed = Callable[[str], None]
COMPLAINT = "Order A-1042 arrived broken, I want my 89.90 back"


async def paused(
    sdk: LangGraphClient, graph: str, given: dict[str, Any], **options: Any
) -> tuple[str, ReviewTask]:
    """A run that waits for a person."""
    thread = (await sdk.threads.create())["thread_id"]
    await sdk.runs.wait(thread, graph, input=given, **options)
    return thread, await ReviewTask.objects.open().on(thread).aget()


async def values_of(sdk: LangGraphClient, thread: str) -> dict[str, Any]:
    """The thread's values once its answer has been taken."""
    closed = Interrupt.objects.filter(thread_id=thread, status="closed")
    await sync_to_async(wait_for)(closed.exists)
    return (await sdk.threads.get_state(thread))["values"]


def row(page: Page, task: ReviewTask) -> Any:
    return page.locator(f"#row-{task.pk}")


async def test_a_run_appears_in_an_open_inbox_is_edited_and_goes_on(
    sdk: LangGraphClient, routed: Routed, rosa: User, queue: Group, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    olga = await sync_to_async(make_user)("olga", queue)
    page, other = await sign_in(rosa), await sign_in(olga)

    thread, task = await paused(sdk, "human_in_the_loop", {"some_text": "It is late."})

    await expect(row(page, task)).to_be_visible()
    await expect(row(other, task)).to_be_visible()
    await row(page, task).click()
    await page.fill("textarea[name=text]", "It is late. I am sorry.")
    await expect(page.locator(".mirror ins")).to_have_text(" I am sorry.")
    await expect(page.locator("#receives")).to_have_text('"It is late. I am sorry."')
    await page.click("text=Send your version")

    await expect(page.locator(".toast")).to_have_text("Sent. The run goes on.")
    assert await values_of(sdk, thread) == {"some_text": "It is late. I am sorry."}
    await expect(row(page, task)).to_have_count(0)
    await expect(row(other, task)).to_have_count(0)


async def test_with_the_keyboard_alone(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("approve_tool")
    page = await sign_in(rosa)
    thread, task = await paused(
        sdk, "approve_tool", {"messages": [{"role": "user", "content": COMPLAINT}]}
    )
    await expect(row(page, task)).to_be_visible()

    await page.keyboard.press("j")
    await expect(page.locator(f"#task[data-task='{task.pk}']")).to_be_visible()
    await page.keyboard.press("c")
    await expect(page.locator("#chips")).to_contain_text("Claimed by you")
    for _ in range(await page.locator("#task .act").count()):
        await page.keyboard.press("a")
        await page.evaluate("document.activeElement.blur()")
    await expect(page.locator("#receives")).to_contain_text('"approve"')
    await page.keyboard.press("Control+Enter")

    await expect(page.locator(".toast")).to_be_visible()
    decision = await Decision.objects.aget(task=task)
    assert decision.kind == "approve"
    await sync_to_async(wait_for)(
        Interrupt.objects.filter(thread_id=thread, status="closed").exists
    )


async def test_somebody_faster_leaves_the_draft_in_place(
    sdk: LangGraphClient, routed: Routed, rosa: User, queue: Group, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    olga = await sync_to_async(make_user)("olga", queue)
    _, task = await paused(sdk, "human_in_the_loop", {"some_text": "original"})
    page = await sign_in(rosa)
    await page.goto(f"/tasks/{task.pk}/")
    await page.wait_for_selector("[data-live=on]")
    await page.fill("textarea[name=text]", "what Rosa has typed so far")

    await sync_to_async(services.decide)(
        task=task, reviewer=olga, verdict={"kind": "approve", "value": "original"}
    )

    await expect(page.locator("#standing")).to_contain_text("Olga decided this: approved.")
    await expect(page.locator("[data-unsent] pre")).to_contain_text("what Rosa has typed so far")
    await expect(page.locator("textarea[name=text]")).to_be_disabled()


async def test_a_draft_outlives_a_reload_and_a_lost_line(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    _, first = await paused(sdk, "human_in_the_loop", {"some_text": "one"})
    page = await sign_in(rosa)
    await page.goto(f"/inbox/?view=open&task={first.pk}")
    await page.fill("textarea[name=text]", "half a thou")
    await page.reload()
    await expect(page.locator("textarea[name=text]")).to_have_value("half a thou")

    await page.route("**/decide/", lambda route: route.abort())
    await page.click("[data-primary]")

    await expect(page.locator("#trouble")).to_be_visible()
    await expect(page.locator("textarea[name=text]")).to_have_value("half a thou")


async def test_signals_missed_while_the_line_was_down_are_caught_up(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    page = await sign_in(rosa)
    sockets: list[WebSocketRoute] = []
    is_down = False

    async def line(socket: WebSocketRoute) -> None:
        if is_down:
            await socket.close()
        else:
            socket.connect_to_server()
            sockets.append(socket)

    await page.route_web_socket("**/ws/live/", line)
    await page.reload()
    await page.wait_for_selector("[data-live=on]")

    is_down = True
    await sockets[0].close()
    await expect(page.locator("[data-live=off]")).to_have_count(1)
    _, task = await paused(sdk, "human_in_the_loop", {"some_text": "while you were away"})
    await expect(row(page, task)).to_have_count(0)
    is_down = False

    await expect(row(page, task)).to_be_visible(timeout=15_000)
    await expect(page.locator("[data-live=on]")).to_have_count(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn, theme: str
) -> None:
    asked = {
        "human_in_the_loop": {"some_text": "Hi Marta"},
        "approve_tool": {"messages": [{"role": "user", "content": COMPLAINT}]},
        "typed_form": {},
    }
    page = await sign_in(rosa, theme=theme)
    assert await axe(page) == []
    for graph, given in asked.items():
        await sync_to_async(routed)(graph)
        _, task = await paused(sdk, graph, given)
        for path in (f"/inbox/?task={task.pk}", f"/tasks/{task.pk}/"):
            await page.goto(path)
            assert await axe(page) == []


async def test_a_phone_has_no_sideways_scroll_and_the_decision_on_screen(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    _, task = await paused(sdk, "human_in_the_loop", {"some_text": "Hi " * 400})
    page = await sign_in(rosa, viewport={"width": 320, "height": 640}, has_touch=True)

    await row(page, task).click()

    await expect(page.locator("[data-primary]")).to_be_in_viewport()
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
