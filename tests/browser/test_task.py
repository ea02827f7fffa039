"""One task decided in a real browser: by mouse, by keyboard alone, on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from langgraph_sdk.client import LangGraphClient
from playwright.async_api import Browser, Page, expect

from reviews.models import Decision, ReviewPolicy, ReviewTask
from runs.models import Interrupt
from tests.browser.conftest import SignIn, axe
from tests.conftest import PASSWORD
from tests.console import Console, wait_for

pytestmark = pytest.mark.browser

Ask = Callable[..., Any]
ALL = ["approve", "edit", "reject", "respond"]
REFUND = {"name": "issue_refund", "args": {"order": 48213, "amount": 12.5}}
MAIL = {"name": "send_email", "args": {"to": "ann@example.com", "body": "On its way."}}
BATCH: dict[str, Any] = {
    "action_requests": [REFUND, MAIL, REFUND],
    "review_configs": [
        {"action_name": "issue_refund", "allowed_decisions": ALL},
        {"action_name": "send_email", "allowed_decisions": ALL},
    ],
}
FORM = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer", "maximum": 500},
        "mail": {"type": "string", "format": "email"},
        "urgent": {"type": "boolean", "default": False},
    },
    "required": ["amount", "mail", "urgent"],
}


@pytest.fixture
def ask(sdk: LangGraphClient, queue: Group) -> Ask:
    """Have a graph ask, under a policy of the test's own."""

    async def start(graph: str, policy: dict[str, Any] | None = None, **given: Any) -> ReviewTask:
        fields: dict[str, Any] = {"graph_id": graph, "queue": queue, "order": 0, **(policy or {})}
        made = await ReviewPolicy.objects.acreate(**fields)
        thread = (await sdk.threads.create())["thread_id"]
        await sdk.runs.wait(thread, graph, input=given)
        await made.adelete()
        return await ReviewTask.objects.open().filter(thread_id=thread).aget()

    return start


async def values(sdk: LangGraphClient, task: ReviewTask) -> dict[str, Any]:
    """The thread's values once the answer has been taken."""
    closed = Interrupt.objects.filter(review_task=task, status="closed")
    await sync_to_async(wait_for)(closed.exists)
    found = (await sdk.threads.get_state(str(task.thread_id)))["values"]
    assert isinstance(found, dict)
    return found


async def sent(page: Page) -> None:
    await expect(page.locator(".toast")).to_have_text("Sent. The run goes on.")


async def test_a_batch_of_high_risk_by_mouse(
    sdk: LangGraphClient, ask: Ask, rosa: User, sign_in: SignIn
) -> None:
    task = await ask("recorder", {"high_risk": True}, ask=BATCH)
    page = await sign_in(rosa)
    await page.goto(f"/tasks/{task.pk}/")
    cards = page.locator("#task .act")

    await cards.nth(0).get_by_text("Approve", exact=True).click()
    await cards.nth(1).get_by_text("Edit", exact=True).click()
    await cards.nth(1).get_by_role("textbox", name="To", exact=True).fill("bob@example.com")
    await expect(page.locator("[data-primary]")).to_be_disabled()  # two of three
    await cards.nth(2).get_by_text("Reject", exact=True).click()
    await cards.nth(2).locator("textarea").fill("Twice?")
    await page.locator("[data-primary]").click()

    summary = page.locator("#standing .banner.bad")
    await expect(summary).to_contain_text("say why you decide so")
    assert await axe(page) == []
    await summary.get_by_role("link", name="Reason").click()
    await expect(page.locator("#comment")).to_be_focused()
    await page.locator("#comment").fill("Ann is waiting")
    await page.get_by_label("I checked:").check()
    await page.reload()
    await expect(page.locator("#comment")).to_have_value("Ann is waiting")
    await expect(page.get_by_label("I checked:")).not_to_be_checked()  # it is said anew
    await page.get_by_label("I checked:").check()
    await expect(page.locator("#receives")).to_contain_text("Twice?")
    await page.locator("[data-primary]").click()

    await sent(page)
    edited = {"name": "send_email", "args": {"to": "bob@example.com", "body": "On its way."}}
    assert json.loads((await values(sdk, task))["got"]) == {
        "decisions": [
            {"type": "approve"},
            {"type": "edit", "edited_action": edited},
            {"type": "reject", "message": "Twice?"},
        ]
    }


async def test_a_batch_by_keyboard_alone(
    sdk: LangGraphClient, ask: Ask, rosa: User, sign_in: SignIn
) -> None:
    task = await ask("recorder", ask=BATCH)
    page = await sign_in(rosa)
    await page.goto(f"/tasks/{task.pk}/")
    press = page.keyboard.press
    await expect(page.locator("[data-all=approve]")).to_be_visible()

    await press("c")
    await expect(page.locator("#chips")).to_contain_text("Claimed by you")
    await press("Shift+A")
    await press("2")
    await press("r")
    for _ in range(9):  # on to the reason, wherever the card has put it
        if await page.evaluate("document.activeElement.matches('textarea')"):
            break
        await press("Tab")
    await page.keyboard.type("Wrong person")
    await expect(page.locator("#receives")).to_contain_text("Wrong person")
    await press("Control+Enter")

    await sent(page)
    assert json.loads((await values(sdk, task))["got"]) == {
        "decisions": [
            {"type": "approve"},
            {"type": "reject", "message": "Wrong person"},
            {"type": "approve"},
        ]
    }


async def test_a_typed_form_on_a_phone_says_what_is_wrong_and_is_sent(
    sdk: LangGraphClient, ask: Ask, rosa: User, sign_in: SignIn
) -> None:
    task = await ask("recorder", ask={"question": "How much?"}, schema=FORM)
    page = await sign_in(rosa, viewport={"width": 390, "height": 844}, has_touch=True)
    await page.goto(f"/tasks/{task.pk}/")

    await page.get_by_label("Amount").fill("900")
    await expect(page.locator(".field-notes", has_text="at most 500")).to_be_visible()
    await page.locator("[data-primary]").tap()
    summary = page.locator("#standing .banner.bad")
    await expect(summary.get_by_role("link", name="Mail")).to_be_visible()
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    await summary.get_by_role("link", name="Amount").tap()
    await page.get_by_label("Amount").fill("500")
    await page.get_by_label("Mail").fill("ann@example.com")
    await page.get_by_label("Urgent").check()
    await expect(page.locator("#receives")).to_contain_text("ann@example.com")
    await page.locator("label:has([name=mode][value=json])").tap()
    await expect(page.locator("#json")).to_have_value(re.compile("ann@example.com"))
    whole = {"amount": 500, "mail": "ann@example.com", "urgent": True}
    assert json.loads(await page.locator("#json").input_value()) == whole
    await page.fill("#json", json.dumps(whole | {"amount": 499}))
    await expect(page.locator("#receives")).to_contain_text("499")
    assert await axe(page) == []
    await page.locator("[data-primary]").tap()

    await sent(page)
    assert json.loads((await values(sdk, task))["got"]) == whole | {"amount": 499}


async def test_a_state_is_edited_by_channel_and_the_run_goes_on_with_it(
    sdk: LangGraphClient, ask: Ask, rosa: User, sign_in: SignIn
) -> None:
    task = await ask("order", amount=5, note="for Ann")
    page = await sign_in(rosa)
    await page.goto(f"/tasks/{task.pk}/")

    await page.keyboard.press("s")
    await page.locator("[name='field:/amount']").fill("7")
    await page.locator("[name='append:/visited']").fill("by hand")
    await expect(page.locator("#receives .changed")).to_contain_text("by hand")
    await expect(page.locator("[data-primary]")).to_contain_text("Edit state and continue")
    assert await axe(page) == []
    await page.keyboard.press("Control+Enter")

    await sent(page)
    after = await values(sdk, task)
    assert after["visited"] == ["draft", "by hand", "publish"]
    assert json.loads(after["seen"])["amount"] == 7
    decision = await Decision.objects.aget(task=task)
    assert (decision.kind, decision.value) == ("edit", {"amount": 7, "visited": ["by hand"]})
    await page.goto(f"/tasks/{task.pk}/")
    await expect(page.locator(".sent [name='field:/amount']")).to_have_value("7")
    await expect(page.locator(".sent [name='field:/amount']")).to_be_disabled()


async def test_a_node_is_skipped_with_one_button(
    sdk: LangGraphClient, ask: Ask, rosa: User, sign_in: SignIn
) -> None:
    task = await ask("order", amount=5)
    page = await sign_in(rosa)
    await page.goto(f"/inbox/?task={task.pk}")

    await page.get_by_role("button", name="Skip publish").click()

    await sent(page)
    assert (await values(sdk, task))["visited"] == ["draft"]


async def test_json_is_judged_while_it_is_typed_and_a_quick_answer_fills_the_box(
    sdk: LangGraphClient, ask: Ask, rosa: User, sign_in: SignIn
) -> None:
    policy = {"quick_answers": ["Not today"]}
    task = await ask("recorder", policy, ask={"question": "What next?"})
    page = await sign_in(rosa)
    await page.goto(f"/tasks/{task.pk}/")

    await page.get_by_text("JSON", exact=True).click()
    await page.locator("#json").fill('{"a": ')
    await expect(page.locator("[data-json-line]").first).to_have_text("Not valid JSON yet")
    await page.locator("#json").fill('{"a": 1.0}')
    await expect(page.locator("[data-json-line]").first).to_have_text("Valid JSON")
    await page.locator("#json").fill("")
    await page.get_by_text("Text", exact=True).click()
    await page.get_by_role("button", name="Not today").click()
    await expect(page.locator("#receives")).to_have_text('"Not today"')
    await page.keyboard.press("Control+Enter")

    await sent(page)
    assert (await values(sdk, task))["got"] == '"Not today"'


async def test_a_request_is_opened_branch_by_branch(ask: Ask, rosa: User, sign_in: SignIn) -> None:
    task = await ask("recorder", ask={"rows": [{"deep": {"leaf": n}} for n in range(120)]})
    page = await sign_in(rosa)
    await page.goto(f"/tasks/{task.pk}/raw/")

    await page.get_by_text("list, 120 items").click()
    rows = page.locator(".tree .inside > ul > li")
    await expect(rows).to_have_count(100)
    await rows.nth(99).locator("summary").click()
    await rows.nth(99).get_by_text("deep").click()
    await expect(rows.nth(99)).to_contain_text("leaf 99")
    await page.get_by_role("link", name="Load more").click()
    await expect(rows).to_have_count(121 - 1 + 2)
    assert await axe(page) == []


async def test_a_task_is_found_read_and_decided_without_javascript(
    sdk: LangGraphClient, ask: Ask, rosa: User, browser: Browser, console: Console
) -> None:
    task = await ask("recorder", ask=BATCH)
    context = await browser.new_context(base_url=console.url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/login/")
    await page.fill("#id_username", rosa.username)
    await page.fill("#id_password", PASSWORD)
    await page.click("button[class~=primary]")

    await page.click(f"#row-{task.pk} .ttl")
    cards = page.locator("#task .act")
    await expect(cards.nth(1)).to_contain_text("ann@example.com")
    await cards.nth(0).get_by_text("Approve", exact=True).click()
    await page.click("[data-primary]")  # one of three
    await expect(page.locator("#standing [role=alert]")).to_be_visible()
    await expect(cards.nth(0).get_by_role("radio", name="Approve")).to_be_checked()
    await cards.nth(1).get_by_text("Approve", exact=True).click()
    await cards.nth(2).get_by_text("Reject", exact=True).click()
    await cards.nth(2).locator("textarea").fill("Twice?")
    await page.click("[data-primary]")

    await sent(page)
    assert json.loads((await values(sdk, task))["got"]) == {
        "decisions": [
            {"type": "approve"},
            {"type": "approve"},
            {"type": "reject", "message": "Twice?"},
        ]
    }
