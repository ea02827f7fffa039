"""Two people and one task, a login that ends and a server that goes away: nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from playwright.async_api import Browser, Page, expect

from reviews import services
from reviews.models import Decision, Draft, ReviewTask
from tests.browser.conftest import SignIn, axe
from tests.browser.test_journeys import paused, values_of
from tests.conftest import PASSWORD, make_user
from tests.console import Console, wait_for

pytestmark = pytest.mark.browser

Routed = Callable[[str], None]
BOX = "textarea[name=text]"
SAVED = "#saved:has-text('Draft saved')"


async def saved(task: ReviewTask, text: str) -> None:
    """Wait until the server has what was typed."""
    rows = Draft.objects.own().filter(task=task)

    def is_there() -> bool:
        return any(draft.form.get("text") == [text] for draft in rows.all())

    await sync_to_async(wait_for)(is_there, what=f"a draft that says {text!r}")


async def test_two_people_and_one_task(
    sdk: LangGraphClient, routed: Routed, rosa: User, queue: Group, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    olga = await sync_to_async(make_user)("olga", queue)
    thread, task = await paused(sdk, "human_in_the_loop", {"some_text": "It is late."})
    hers, olgas = await sign_in(rosa), await sign_in(olga)
    await hers.goto(f"/tasks/{task.pk}/")
    await olgas.goto(f"/inbox/?task={task.pk}")

    # each sees the other, and what they do
    await expect(hers.locator(".bar .presence")).to_contain_text("Olga is viewing")
    await hers.fill(BOX, "It is late. I am sorry.")
    await expect(olgas.locator(".bar .presence")).to_contain_text("Rosa is editing")
    await expect(olgas.locator(f"#row-{task.pk} .presence")).to_have_attribute(
        "title", "Rosa is editing"
    )
    await expect(hers.locator(SAVED)).to_be_visible()

    # Olga claims what Rosa is writing: Rosa is told, and keeps every word
    await olgas.click("[data-key=claim]")
    await expect(hers.locator("#standing [role=alert]")).to_contain_text(
        "Olga claimed this task while you were editing."
    )
    await expect(hers.locator(BOX)).to_have_value("It is late. I am sorry.")
    await expect(hers.locator("[data-primary]")).to_contain_text("Take over and send")
    assert await axe(hers) == []

    # she gives it away, and Olga puts it into her form; what Olga had lies beside it
    await olgas.fill(BOX, "Late. Sorry!")
    await saved(task, "Late. Sorry!")
    await hers.click("text=Give Olga my draft")
    await expect(olgas.locator(".aside-draft")).to_contain_text("I am sorry.")
    assert await axe(olgas) == []
    await olgas.click("text=Put it into the form")
    await expect(olgas.locator(BOX)).to_have_value("It is late. I am sorry.")
    await expect(olgas.locator(".aside-draft")).to_contain_text("Late. Sorry!")

    # what they say to each other appears beside both
    await olgas.click("summary:has-text('Comments')")
    await olgas.fill("#say-text", "Is the order known?")
    await olgas.click("button:text-is('Comment')")
    await expect(hers.locator("#said")).to_contain_text("Is the order known?")
    await expect(olgas.locator("#say-text")).to_have_value("")

    # Rosa takes it over by sending; Olga's form is closed and her words are kept
    await hers.fill(BOX, "It is late. I am very sorry.")
    await hers.click("[data-primary]")
    assert await values_of(sdk, thread) == {"some_text": "It is late. I am very sorry."}
    await expect(olgas.locator("#standing")).to_contain_text("Rosa decided this: edited.")
    await expect(olgas.locator("[data-unsent] pre")).to_contain_text("It is late. I am sorry.")
    await expect(olgas.locator(BOX)).to_be_disabled()
    await expect(olgas.locator(BOX)).to_have_value("It is late. I am very sorry.")
    assert (await Decision.objects.aget(task=task)).reviewer_id == rosa.pk


async def test_who_is_taken_over_hears_it_and_a_draft_moves_from_desk_to_phone(
    sdk: LangGraphClient, routed: Routed, rosa: User, queue: Group, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    olga = await sync_to_async(make_user)("olga", queue)
    _, task = await paused(sdk, "human_in_the_loop", {"some_text": "It is late."})
    desk = await sign_in(rosa)
    await desk.goto(f"/tasks/{task.pk}/")
    await desk.click("[data-key=claim]")
    await desk.fill(BOX, "begun at the desk")
    await saved(task, "begun at the desk")

    phone = await sign_in(rosa, viewport={"width": 320, "height": 640}, has_touch=True)
    await phone.goto(f"/tasks/{task.pk}/")
    await expect(phone.locator(BOX)).to_have_value("begun at the desk")
    await phone.fill(BOX, "ended on the phone")
    await saved(task, "ended on the phone")
    assert await phone.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    await expect(phone.locator("[data-primary]")).to_be_in_viewport()
    await desk.reload()
    await expect(desk.locator(BOX)).to_have_value("ended on the phone")

    take_over = sync_to_async(services.take_over_task)
    await take_over(task=task, reviewer=olga, holder_id=rosa.pk)

    for page in (desk, phone):
        await expect(page.locator("#standing")).to_contain_text(
            "Olga took this task over from you."
        )
        await expect(page.locator(BOX)).to_have_value("ended on the phone")
    await desk.click("text=Discard")
    await expect(desk.locator(BOX)).to_have_value("It is late.")
    await desk.reload()
    await expect(desk.locator(BOX)).to_have_value("It is late.")


async def test_a_login_that_ends_while_somebody_writes(
    sdk: LangGraphClient, routed: Routed, rosa: User, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    _, task = await paused(sdk, "human_in_the_loop", {"some_text": "It is late."})
    page = await sign_in(rosa)
    await page.goto(f"/tasks/{task.pk}/")
    await page.fill(BOX, "written while signed in")
    await saved(task, "written while signed in")

    await sync_to_async(end_logins)(rosa)
    await page.fill(BOX, "written while signed out")

    await expect(page.locator("#signed-out")).to_be_visible()
    await expect(page).to_have_url(f"{page.url}")
    await page.click("[data-primary]")
    await page.wait_for_url("**/login/**")
    await sign_in_here(page, rosa)
    await page.wait_for_url(f"**/tasks/{task.pk}/")
    await expect(page.locator(BOX)).to_have_value("written while signed out")
    await saved(task, "written while signed out")


async def test_nobody_finds_what_another_typed_in_the_same_tab(
    sdk: LangGraphClient, routed: Routed, rosa: User, queue: Group, sign_in: SignIn
) -> None:
    await sync_to_async(routed)("human_in_the_loop")
    olga = await sync_to_async(make_user)("olga", queue)
    _, task = await paused(sdk, "human_in_the_loop", {"some_text": "It is late."})
    page = await sign_in(rosa)
    await page.goto(f"/tasks/{task.pk}/")
    await page.fill(BOX, "Rosa's own")
    await page.fill("#say-text", "Rosa's aside")
    await sync_to_async(end_logins)(rosa)

    await page.goto(f"/login/?next=/tasks/{task.pk}/")
    await sign_in_here(page, olga)

    await page.wait_for_url(f"**/tasks/{task.pk}/")
    await page.wait_for_selector("[data-live=on]")
    await expect(page.locator(BOX)).to_have_value("It is late.")
    await expect(page.locator("#say-text")).to_have_value("")


async def test_a_server_that_restarts_under_a_form_that_is_being_filled_in(
    browser: Browser, make_console: Callable[..., Console]
) -> None:
    console = await sync_to_async(make_console)()
    await sync_to_async(invite)(console, "rosa")
    sdk = get_client(url=console.url, api_key=console.api_key)
    thread = await ask(sdk, "It is late.")
    page = await (await browser.new_context(base_url=console.url)).new_page()
    await page.goto("/login/?next=/inbox/")
    await sign_in_here(page, User(username="rosa"))
    await page.locator("#list .row").click()
    await page.fill(BOX, "typed before")
    await expect(page.locator(SAVED)).to_be_visible()

    await sync_to_async(console.web.kill)()
    await page.fill(BOX, "typed while the server was away")
    await expect(page.locator("#saved")).to_contain_text("kept in this tab")
    await page.click("[data-primary]")
    await expect(page.locator("#trouble")).to_be_visible()
    await sync_to_async(console.web.start)()
    await sync_to_async(console.wait_until_ready)()

    await expect(page.locator(SAVED)).to_be_visible(timeout=20_000)
    await expect(page.locator("[data-live=on]")).to_have_count(1, timeout=40_000)
    await ask(sdk, "another")  # the list has caught up, and hears again
    await expect(page.locator("#list .row")).to_have_count(2)
    await expect(page.locator(BOX)).to_have_value("typed while the server was away")
    await page.click("[data-primary]")
    await expect(page.locator("#list .row")).to_have_count(1)
    decided = await sync_to_async(console.rows)("SELECT value FROM reviews_decision")
    assert decided == [{"value": "typed while the server was away"}]
    assert (await sdk.threads.get(thread))["status"] in ("busy", "idle")


# -- what the journeys share --------------------------------------------------------------------


def end_logins(user: User) -> None:
    """As if this person's time had run out, and no socket had heard of it."""
    for session in Session.objects.all():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()


async def sign_in_here(page: Page, user: User) -> None:
    await page.fill("#id_username", user.username)
    await page.fill("#id_password", PASSWORD)
    await page.click("button[class~=primary]")


def invite(console: Console, name: str) -> None:
    """A reviewer on a console of its own."""
    made = console.manage(
        "shell",
        "--no-imports",
        "-c",
        "from django.contrib.auth.models import Group, User;"
        f"user = User.objects.create_user('{name}', password='{PASSWORD}');"
        "user.groups.add(Group.objects.get_or_create(name='Reviewers')[0])",
    )
    assert made.returncode == 0, made.stderr


async def ask(sdk: LangGraphClient, text: str) -> str:
    thread: dict[str, Any] = await sdk.threads.create()  # type: ignore[assignment]
    await sdk.runs.wait(thread["thread_id"], "human_in_the_loop", input={"some_text": text})
    return str(thread["thread_id"])
