"""Administrators' pages and one's own in a real browser."""

from __future__ import annotations

import uuid

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from playwright.async_api import Browser, Page, expect

from reviews import services
from reviews.services.members import Standing
from tests.browser.conftest import SignIn, axe

pytestmark = pytest.mark.browser

NEW_PASSWORD = "a long walk to the harbour"


def pages_of(member: User, queue: Group) -> list[str]:
    return [
        "/settings/members/",
        "/settings/members/invite/",
        f"/settings/members/{member.pk}/",
        "/settings/queues/",
        f"/settings/queues/{queue.pk}/",
        "/settings/keys/",
        "/audit/",
        "/me/",
        "/me/keys/",
        "/me/password/",
        "/password/none/none/",
        "/nowhere/",
    ]


async def unfold(page: Page) -> None:
    """Open what is folded, so that it is looked at too."""
    await page.evaluate("document.querySelectorAll('main details').forEach(d => d.open = true)")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    ada: User, rosa: User, queue: Group, sign_in: SignIn, theme: str
) -> None:
    await sync_to_async(services.create_program_key)(
        actor=ada, name="Nightly import " * 5, scopes=["runs"], days=90, queues=[]
    )
    page = await sign_in(ada, theme=theme)
    for path in pages_of(rosa, queue):
        await page.set_viewport_size({"width": 1280, "height": 800})
        await page.goto(path)
        await unfold(page)
        assert await axe(page) == [], path
        await page.set_viewport_size({"width": 320, "height": 640})
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0, path


async def test_somebody_is_invited_and_signs_in(
    ada: User, queue: Group, sign_in: SignIn, browser: Browser
) -> None:
    name = f"ines-{uuid.uuid4().hex[:8]}"
    page = await sign_in(ada)
    await page.click("nav >> text=Members")
    await page.click("text=Invite")
    await page.fill("#id_username", name)
    await page.get_by_label(queue.name).check()
    await page.click("button >> text=Invite")
    link = await page.input_value("#secret")

    theirs = await (await browser.new_context()).new_page()
    await theirs.goto(link)
    await theirs.fill("#id_new_password1", "short")
    await theirs.fill("#id_new_password2", "short")
    await theirs.click("text=Set the password")
    await expect(theirs.locator("#id_new_password2_error")).to_contain_text("too short")
    assert await axe(theirs) == []
    await theirs.fill("#id_new_password1", NEW_PASSWORD)
    await theirs.fill("#id_new_password2", NEW_PASSWORD)
    await theirs.click("text=Set the password")
    await expect(theirs.get_by_text("Your password is set.")).to_be_visible()
    await theirs.fill("#id_username", name)
    await theirs.fill("#id_password", NEW_PASSWORD)
    await theirs.click("button >> text=Sign in")
    await expect(theirs.locator("[data-live=on]")).to_have_count(1)


async def test_a_key_is_copied_and_revoked_after_a_second_thought(
    ada: User, sign_in: SignIn
) -> None:
    name = f"import {uuid.uuid4().hex[:8]}"
    page = await sign_in(ada)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto("/settings/keys/")
    await page.fill("#id_name", name)
    await page.get_by_label("Create and read threads and runs").check()
    await page.click("text=Make the key")
    text = await page.input_value("#secret")
    await page.click("[data-copy]")
    await expect(page.locator("[data-copy]")).to_have_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == text

    row = page.locator("li", has_text=name)
    await expect(row.get_by_text("Revoke it now")).to_be_hidden()
    await row.locator("summary").press("Enter")
    await row.get_by_text("Revoke it now").click()
    await expect(page.locator("li", has_text=name).get_by_text("Revoked")).to_be_visible()


async def test_ones_own_settings_are_felt_everywhere(rosa: User, sign_in: SignIn) -> None:
    page = await sign_in(rosa, timezone_id="Asia/Dubai", viewport={"width": 390, "height": 844})
    await page.click("nav.tabs >> text=More")
    await page.click("text=My settings")
    await page.click("text=Use that")
    await expect(page.locator("#id_timezone")).to_have_value("Asia/Dubai")
    await page.get_by_text("Compact").click()
    await page.get_by_label("Single letters are shortcuts").uncheck()
    await page.click("text=Save")
    await expect(page.locator(".toast")).to_have_text("Saved.")
    await expect(page.locator("[data-zone]")).to_be_hidden()
    await page.locator("main").get_by_role("button", name="Dark").click()
    await expect(page.locator("html[data-theme=dark][data-density=compact]")).to_have_count(1)
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto("/inbox/")
    await page.keyboard.press("Shift+?")
    await page.keyboard.press("/")
    await expect(page.locator("#help")).to_be_hidden()
    await expect(page.locator("#search")).not_to_be_focused()


async def test_an_auditor_narrows_the_log_by_keyboard(
    ada: User, rosa: User, sign_in: SignIn
) -> None:
    standing = await sync_to_async(Standing.of)(rosa)
    changed = Standing(**(vars(standing) | {"last_name": "Lind"}))
    await sync_to_async(services.change_member)(member=rosa, actor=ada, standing=changed)
    page = await sign_in(ada)
    await page.goto("/audit/")
    await page.focus("#object")
    await page.keyboard.type(f"user:{rosa.pk}")
    await page.keyboard.press("Enter")
    entry = page.locator(".log li")
    await expect(entry).to_have_count(1)
    await entry.locator("summary").press("Enter")
    await expect(entry).to_contain_text("– → Lind")
    await page.get_by_text("Verify the whole chain").click()
    await expect(page.get_by_text("as they were written")).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="CSV").click()
    assert (await download.value).suggested_filename.endswith(".csv")
