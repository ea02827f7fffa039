"""The list under a reviewer's hands: it keeps still, finds, remembers, and is run by keys alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from langgraph_sdk.client import LangGraphClient
from playwright.async_api import Page, expect

from reviews import services
from reviews.inbox.sorts import NEWEST
from reviews.models import ReviewTask, SavedView, TaskMark
from tests.browser.conftest import SignIn, axe
from tests.conftest import make_user

pytestmark = pytest.mark.browser

Routed = Callable[[str], None]


@pytest.fixture
def rosa(queue: Group) -> User:
    """Reviews this test's queue and no other: what others left open is not on her list."""
    return make_user("rosa", queue)


def row(page: Page, task: ReviewTask) -> Any:
    return page.locator(f"#row-{task.pk}")


async def asked(sdk: LangGraphClient, graph: str, given: dict[str, Any]) -> list[ReviewTask]:
    """The tasks of a run that waits for people, in the order of the list."""
    thread = (await sdk.threads.create())["thread_id"]
    await sdk.runs.wait(thread, graph, input=given)
    return [task async for task in ReviewTask.objects.open().on(thread).order_by(*NEWEST.keys)]


async def test_the_list_keeps_still_under_the_pointer_and_goes_on_where_it_ends(
    sdk: LangGraphClient, routed: Routed, rosa: User, queue: Group, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("fanout")
    olga = await sync_to_async(make_user)("olga", queue)
    tasks = await asked(sdk, "fanout", {"items": [f"item {number}" for number in range(70)]})
    page = await sign_in(rosa)
    await expect(row(page, tasks[49])).to_be_attached()
    await expect(row(page, tasks[50])).to_have_count(0)

    await row(page, tasks[0]).hover()
    (first,) = await asked(sdk, "fanout", {"items": ["came while a hand was on the list"]})
    verdict = {"kind": "edit", "value": {"item": "another"}}
    await sync_to_async(services.decide)(task=tasks[1], reviewer=olga, verdict=verdict)

    await expect(page.locator("#newbar")).to_have_text("1 new task")
    await expect(row(page, first)).to_have_count(0)
    await expect(page.locator(f"#row-{tasks[1].pk}.gone")).to_contain_text("Decided")
    await expect(row(page, tasks[1])).to_have_count(0)
    await page.click("#newbar")
    await expect(row(page, first)).to_be_visible()
    await expect(page.locator("#newbar")).to_be_hidden()

    await page.mouse.move(1200, 500)
    (second,) = await asked(sdk, "fanout", {"items": ["came while nobody looked"]})
    await expect(row(page, second)).to_be_visible()

    await page.evaluate("document.querySelector('#list .rows').scrollTop = 1e6")
    await expect(row(page, tasks[69])).to_be_attached()
    assert await page.locator("#list h2.group").count() == 1
    async with page.expect_response(re.compile(r"rows=7\d")):  # fetched again, as long as it was
        await sync_to_async(services.claim_task)(task=tasks[3], reviewer=olga)
    await expect(row(page, tasks[69])).to_be_attached()


async def test_filters_marks_and_lists_by_keys_alone(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn
) -> None:
    for graph in ("human_in_the_loop", "fanout"):
        await sync_to_async(routed)(graph)
    (lamp,) = await asked(sdk, "human_in_the_loop", {"some_text": "The lamp is broken."})
    (vase,) = await asked(sdk, "fanout", {"items": ["vase"]})
    page = await sign_in(rosa)

    await page.keyboard.press("/")
    await page.keyboard.type("node:hum")
    await expect(page.locator("#suggestions [role=option]")).to_have_text(["node:human_node "])
    assert await axe(page) == []
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator("#search")).to_have_value("node:human_node ")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**q=node%3Ahuman_node**")
    await page.wait_for_selector("[data-live=on]")
    await expect(row(page, vase)).to_have_count(0)

    await page.locator("summary[aria-label='Save this list']").press("Enter")
    await page.get_by_label("Name", exact=True).fill("To publish")
    assert await axe(page) == []
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[data-live=on]")
    await expect(page.locator("h1").first).to_have_text("To publish")
    await expect(page.locator(".nav [aria-current=page]")).to_contain_text("To publish")

    await page.keyboard.press("g")
    await page.keyboard.press("i")
    await page.wait_for_url("**/inbox/")
    await page.wait_for_selector("[data-live=on]")
    await expect(page.locator("#list .row.unread")).to_have_count(2)
    await page.keyboard.press("j")
    await expect(page.locator(f"#task[data-task='{vase.pk}']")).to_be_visible()
    await expect(page.locator("#list .row.unread")).to_have_count(1)
    await page.keyboard.press("w")
    await expect(page.locator("#count-watching")).to_have_text("1")
    await page.keyboard.press("u")
    await expect(page.locator("#list .row.unread")).to_have_count(2)
    await page.keyboard.press("h")
    await expect(page.locator("#marks .panel")).to_be_visible()
    await page.keyboard.press("Enter")  # in an hour
    await expect(row(page, vase)).to_have_count(0)
    await expect(page.locator("#count-snoozed")).to_have_text("1")
    await expect(row(page, lamp)).to_be_visible()

    mark = await TaskMark.objects.aget(task=vase, person=rosa)
    assert (mark.is_watched, mark.seen_version) == (True, 0)
    assert mark.snoozed_until is not None
    assert (await SavedView.objects.aget(owner=rosa)).q == "node:human_node"


async def test_what_a_reader_does_counts_at_once_and_without_the_line(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("fanout")
    task, _ = await asked(sdk, "fanout", {"items": ["lamp", "vase"]})
    page = await sign_in(rosa)
    await page.route_web_socket("**/ws/live/", lambda line: None)  # nothing is ever said on it
    await page.goto("/inbox/")

    await row(page, task).locator(".row").click()
    await page.click("[data-key=claim]")
    await expect(page.locator("#pill-mine")).to_have_text("Mine 1")
    await expect(page.locator("#pill-unclaimed")).to_have_text("Unclaimed 1")
    await expect(row(page, task)).to_contain_text("claimed by Rosa")

    await page.goto(f"/tasks/{task.pk}/")
    await expect(page.locator("#count-mine")).to_have_text("1")
    await page.get_by_role("button", name="Release").click()
    await expect(page.locator("#count-mine")).to_have_text("0")


@pytest.mark.parametrize("width", [390, 320])
async def test_a_phone_has_every_list_within_reach_and_no_sideways_scroll(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn, width: int
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    await asked(sdk, "human_in_the_loop", {"some_text": "A title of two lines " * 5})
    page = await sign_in(rosa, viewport={"width": width, "height": 700}, has_touch=True)

    assert await axe(page) == []
    for menu in await page.locator(".list-head summary:visible").all():
        await menu.click()
        await expect(page.locator(".list-head details[open] .panel")).to_be_in_viewport()
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    await page.locator("summary[aria-label='Lists']").click()
    await page.locator(".panel").get_by_text("Watching").click()
    await expect(page.locator("h1").first).to_have_text("Watching")
