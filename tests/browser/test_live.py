"""Pages that hear of changes, and pages that have to look for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from langgraph_sdk.client import LangGraphClient
from playwright.async_api import Page, WebSocketRoute, expect

from tests.browser.conftest import SignIn, axe
from tests.browser.test_journeys import paused
from tests.conftest import make_user

pytestmark = pytest.mark.browser

Routed = Callable[[str], None]


@pytest.fixture
def rosa(queue: Group) -> User:
    """Reviews this test's queue and no other."""
    return make_user("rosa", queue)


async def without_sockets(page: Page) -> None:
    """As behind a proxy that knows no sockets; with a clock that can be turned on."""

    async def hang_up(socket: WebSocketRoute) -> None:
        await socket.close()

    await page.route_web_socket("**/ws/live/", hang_up)
    await page.clock.install()
    await page.reload()


async def test_a_page_without_a_socket_looks_for_itself(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    page = await sign_in(rosa)
    await without_sockets(page)
    lost, rows = page.locator("#lost"), page.locator("#list .row")

    await page.clock.fast_forward(8_000)
    await expect(lost).to_contain_text("Not live")
    await expect(page.locator(".nav .foot")).to_contain_text("Not live")
    assert await axe(page) == []
    await paused(sdk, "human_in_the_loop", {"some_text": "It is late."})
    await page.clock.fast_forward(15_000)
    await expect(rows).to_have_count(1)
    await expect(page.locator("#count-open")).to_have_text("1")

    # with no server at all it says so, and goes on trying
    await page.route("**/ok", lambda route: route.abort())
    await page.clock.fast_forward(15_000)
    await expect(lost).to_contain_text("Reconnecting")
    await page.unroute("**/ok")
    await page.clock.fast_forward(15_000)
    await expect(lost).to_contain_text("Not live")

    # the next page of the tab knows; and once there are sockets again, it is live
    await page.reload()
    await expect(lost).to_be_visible()
    await page.unroute_all()
    other = await page.context.new_page()
    await other.goto("/inbox/")
    await other.wait_for_selector("[data-live=on]")
    await expect(other.locator("#lost")).to_be_hidden()
