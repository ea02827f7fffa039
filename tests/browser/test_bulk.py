"""Several tasks at once in a real browser, by mouse and by keyboard; and one after another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from langgraph_sdk.client import LangGraphClient
from playwright.async_api import Page, expect

from reviews import services
from reviews.models import AuditEntry, Batch, Decision, ReviewTask
from runs.models import Interrupt
from tests.browser.conftest import SignIn, axe
from tests.conftest import make_user
from tests.console import wait_for

pytestmark = pytest.mark.browser

Routed = Callable[[str], None]
PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True}


@pytest.fixture
def rosa(queue: Group) -> User:
    """Reviews this test's queue and no other."""
    return make_user("rosa", queue)


async def asking(sdk: LangGraphClient, queue: Group, count: int, graph: str) -> list[ReviewTask]:
    """Tasks of that many runs, newest first."""
    for number in range(count):
        thread = (await sdk.threads.create())["thread_id"]
        await sdk.runs.create(thread, graph, input={"some_text": f"text {number}"})
    tasks = ReviewTask.objects.open().filter(queue=queue).order_by("-created_at", "-pk")
    await sync_to_async(wait_for)(lambda: tasks.count() >= count, seconds=90, what="the tasks")
    return [task async for task in tasks]


async def is_sideways(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth > innerWidth"))


async def test_fifty_are_approved_together_but_for_the_one_that_changed(
    sdk: LangGraphClient, routed: Routed, rosa: User, queue: Group, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    tasks = await asking(sdk, queue, 50, "human_in_the_loop")
    page = await sign_in(rosa)
    boxes = page.locator("#list .pick input")
    await expect(boxes).to_have_count(50)

    await boxes.first.check()
    await boxes.last.click(modifiers=["Shift"])
    await expect(page.locator("#bulk")).to_contain_text("50 can be approved together")
    assert await axe(page) == []
    await page.click("#bulk [value=approve]")
    await expect(page.locator("h1")).to_have_text("Approve 50 tasks together")
    assert await axe(page) == []
    changed = tasks[20]
    await ReviewTask.objects.filter(pk=changed.pk).aupdate(version=2)
    await page.click("#batch [data-primary]")

    await expect(page.locator("h1")).to_have_text("49 approved", timeout=60_000)
    await expect(page.locator(f"#one-{changed.pk}")).to_contain_text("look again")
    await expect(page.locator(f"#one-{changed.pk} input")).to_be_checked()
    assert await axe(page) == []
    decided = Decision.objects.filter(task__in=tasks)
    assert await decided.acount() == 49
    assert await decided.filter(task=changed).acount() == 0
    batch = await Batch.objects.aget(reviewer=rosa)
    entries = AuditEntry.objects.filter(action="task.decided", actor=rosa)
    assert [entry.details["batch"] async for entry in entries] == [batch.pk] * 49
    closed = Interrupt.objects.filter(review_task__in=tasks, status="closed")
    await sync_to_async(wait_for)(lambda: closed.count() == 49, seconds=60, what="49 answers taken")


async def test_with_the_keyboard_alone(
    sdk: LangGraphClient, routed: Routed, rosa: User, queue: Group, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    newest, _second, third, fourth = await asking(sdk, queue, 4, "human_in_the_loop")
    page = await sign_in(rosa)
    bar = page.locator("#bulk")
    await expect(page.locator("#list .row")).to_have_count(4)
    await expect(bar).to_be_hidden()

    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await page.keyboard.press("Shift+J")
    await page.keyboard.press("Shift+J")
    await expect(bar).to_contain_text("3 selected")
    await page.keyboard.press("Control+a")
    await expect(bar).to_contain_text("4 selected")
    await page.keyboard.press("Escape")
    await expect(bar).to_be_hidden()
    await page.locator(f"#row-{fourth.pk} .row").focus()
    await page.keyboard.press("Shift+K")
    await expect(bar).to_contain_text("2 selected")
    assert await page.locator(f"#row-{third.pk} .pick input").is_checked()
    verdict = {"kind": "approve"}
    await sync_to_async(services.decide)(task=newest, reviewer=rosa, verdict=verdict)
    await expect(page.locator("#list .row")).to_have_count(3)  # fetched again under them
    await expect(bar).to_contain_text("2 selected")
    assert await page.locator(f"#row-{third.pk} .pick input").is_checked()
    await page.locator("#bulk [value=approve]").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Approve 2 tasks together")
    await page.locator(f"#one-{fourth.pk} input").focus()
    await page.keyboard.press("Space")
    await expect(page.locator("[data-kept]")).to_have_text("1")
    await page.keyboard.press("Control+Enter")

    await expect(page.locator("h1")).to_have_text("1 approved")
    decided = Decision.objects.filter(reviewer=rosa).order_by("pk")
    assert [decision.task_id async for decision in decided] == [newest.pk, third.pk]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_walking_and_a_batch_on_a_narrow_phone(
    sdk: LangGraphClient,
    routed: Routed,
    rosa: User,
    queue: Group,
    sign_in: SignIn,
    theme: str,
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    tasks = await asking(sdk, queue, 3, "human_in_the_loop")
    page = await sign_in(rosa, theme=theme, **PHONE)

    await page.get_by_role("button", name="Walk through these tasks").click()
    await expect(page.locator(".walk")).to_contain_text("3 of 3 left")
    assert (await axe(page), await is_sideways(page)) == ([], False)
    await page.get_by_role("link", name="Skip", exact=True).click()
    await expect(page.locator(f"#task[data-task='{tasks[1].pk}']")).to_be_visible()
    await page.click("[data-primary]")
    await expect(page.locator(f"#task[data-task='{tasks[2].pk}']")).to_be_visible()
    await expect(page.locator(".walk")).to_contain_text("2 of 3 left")
    await page.get_by_role("link", name="Skip", exact=True).click()
    await expect(page.locator("h1")).to_have_text("You decided 1 task")
    assert (await axe(page), await is_sideways(page)) == ([], False)

    await page.get_by_role("link", name="Back to the list").click()
    await page.locator("#list .pick input").first.check()
    await expect(page.locator("#bulk")).to_contain_text("1 can be approved together")
    await page.click("#bulk summary:has-text('Snooze')")
    await expect(page.locator("#bulk .panel")).to_be_visible()
    assert (await axe(page), await is_sideways(page)) == ([], False)
    await page.click("#bulk [value=assign]")
    await expect(page.locator("h1")).to_have_text("Assign 1 task")
    assert (await axe(page), await is_sideways(page)) == ([], False)
    await page.get_by_role("link", name="Back to the list").last.click()
    await expect(page.locator("#bulk")).to_contain_text("1 can be approved together")
    await page.locator("#bulk-all").check()
    await expect(page.locator("#bulk")).to_contain_text("2 can be approved together")
    assert (await axe(page), await is_sideways(page)) == ([], False)
    await page.click("#bulk [value=claim]")
    await expect(page.locator(".toast")).to_contain_text("2 claimed.")
    held = ReviewTask.objects.filter(claimed_by=rosa, claimed_until__isnull=False)
    assert {task.pk async for task in held.open()} == {tasks[0].pk, tasks[2].pk}
    await expect(page.locator("#bulk")).to_contain_text("1 can be approved together")  # still
    await page.click("#bulk [value=approve]")
    await expect(page.locator("h1")).to_have_text("Approve 1 task")
    assert (await axe(page), await is_sideways(page)) == ([], False)
