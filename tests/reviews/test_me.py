"""What people set for themselves: how pages look, passwords, keys and logins."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.utils.timezone import now

from hitl_console.asgi import application
from reviews.models import AuditEntry, Delivery, Login, Preferences, ReviewTask
from reviews.templatetags.people_tags import browser_words
from runs.models import ApiKey, Scope
from tests.conftest import PASSWORD, issue_key
from tests.reviews.pages import browser_of, url, words

NEW_PASSWORD = "a long walk to the harbour"
PROFILE = {"first_name": "Rosa", "density": "comfortable", "undo_seconds": "0", "has_keys": "on"}
UA = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


def test_what_is_set_is_kept_and_every_page_follows(rosa: User, omar: User, shown: Any) -> None:
    client = browser_of(rosa)
    form = PROFILE | {"timezone": "Asia/Kathmandu", "density": "compact", "last_name": "Lind"}
    del form["has_keys"]
    assert client.post("/me/", form).status_code == 302

    page = words(client.get("/inbox/"))
    assert 'data-density="compact"' in page
    assert 'data-keys="off"' in page
    assert "Rosa Lind" in page
    task = shown("Ship it?", created_at=datetime(2026, 1, 2, 12, 0, tzinfo=UTC))
    assert "17:45" in words(client.get(url("task", task)))  # 12:00 UTC
    entry = AuditEntry.objects.get(object=f"user:{rosa.pk}", action="preferences.changed")
    assert entry.details["changes"]["timezone"] == ["", "Asia/Kathmandu"]
    assert "data-density" not in words(browser_of(omar).get("/inbox/"))


@pytest.mark.parametrize(
    "wrong",
    [{"timezone": "Mars/Base"}, {"density": "tiny"}, {"undo_seconds": "61"}, {"first_name": "a\0"}],
)
def test_what_cannot_be_set_is_refused(rosa: User, wrong: dict[str, str]) -> None:
    assert browser_of(rosa).post("/me/", PROFILE | wrong).status_code == 422
    assert not Preferences.objects.filter(user=rosa).exists()


def test_a_timezone_this_machine_no_longer_knows_breaks_no_page(rosa: User) -> None:
    Preferences.objects.create(user=rosa, timezone="Old/Town")
    assert browser_of(rosa).get("/inbox/").status_code == 200


def test_a_decision_is_held_as_long_as_its_reviewer_likes(
    rosa: User, waiting: Callable[..., ReviewTask]
) -> None:
    client = browser_of(rosa)
    client.post("/me/", PROFILE | {"undo_seconds": "60"})
    task = waiting()
    client.post(url("decide", task), {"kind": "respond", "mode": "text", "text": "yes"})
    send_after = Delivery.objects.get(task=task).send_after
    assert send_after is not None
    assert now() + timedelta(seconds=40) < send_after <= now() + timedelta(seconds=60)


def test_a_new_password_ends_the_other_logins_only(rosa: User) -> None:
    here, elsewhere = browser_of(rosa), browser_of(rosa)
    form = {
        "old_password": PASSWORD,
        "new_password1": NEW_PASSWORD,
        "new_password2": NEW_PASSWORD,
    }
    wrong = here.post("/me/password/", form | {"old_password": "not it"})
    assert wrong.status_code == 422
    assert here.post("/me/password/", form).status_code == 302
    assert here.get("/me/").status_code == 200
    assert elsewhere.get("/me/").status_code == 302
    assert Login.objects.of(rosa).count() == 1
    rosa.refresh_from_db()
    assert rosa.check_password(NEW_PASSWORD)
    said = AuditEntry.objects.filter(object=f"user:{rosa.pk}").order_by("seq")
    assert [entry.action for entry in said][-2:] == ["member.password_set", "login.ended"]
    assert NEW_PASSWORD not in str([entry.details for entry in said])


def test_logins_are_listed_and_ended_one_by_one_or_all(rosa: User, omar: User) -> None:
    here, phone, desk = browser_of(rosa), browser_of(rosa), browser_of(rosa)
    browser_of(omar)
    page = words(here.get("/me/"))
    ends = re.findall(r'action="(/me/logins/\d+/end/)"', page)
    assert len(ends) == 2
    assert page.count('chip ok">This browser<') == 1
    for client in (phone, desk):
        assert client.cookies["sessionid"].value not in page
    foreign = Login.objects.of(omar)[0]
    assert here.post(f"/me/logins/{foreign.pk}/end/").status_code == 404
    here.post(ends[0])
    assert sorted(client.get("/me/").status_code for client in (phone, desk)) == [200, 302]
    here.post("/me/logins/end/")
    assert [client.get("/me/").status_code for client in (here, phone, desk)] == [200, 302, 302]
    assert Login.objects.of(omar).count() == 1


async def test_a_login_that_is_ended_hangs_up_its_socket(rosa: User) -> None:
    here, phone = [await sync_to_async(browser_of)(rosa) for _ in range(2)]
    cookie = f"sessionid={phone.cookies['sessionid'].value}".encode()
    socket = WebsocketCommunicator(
        application,
        "/ws/live/",
        headers=[(b"cookie", cookie), (b"origin", b"http://testserver"), (b"host", b"testserver")],
    )
    assert (await socket.connect())[0]
    await sync_to_async(here.post)("/me/logins/end/")
    while (said := await socket.receive_output(timeout=20))["type"] == "websocket.send":
        pass
    assert said["code"] == 4003


def test_ones_own_keys_may_do_no_more_than_oneself(rosa: User, ada: User) -> None:
    client = browser_of(rosa)
    for scope in (Scope.RUNS, Scope.RESUME, Scope.ADMIN):
        given = {"name": "mine", "scopes": [scope.value], "days": "30"}
        assert client.post("/me/keys/", given).status_code == 422
    assert not rosa.api_keys.exists()
    made = client.post("/me/keys/", {"name": "mine", "scopes": ["tasks:decide"], "days": ""})
    (text,) = re.findall(r'value="(hitl_[^"]+)"', words(made))
    key = ApiKey.objects.find(text)
    assert key is not None
    assert key.user == rosa
    assert key.expires_at is None
    theirs = ApiKey.objects.find(issue_key("ada's", [Scope.RUNS], ada))
    assert theirs is not None
    assert client.post(f"/me/keys/{theirs.pk}/revoke/").status_code == 404
    assert client.post(f"/me/keys/{key.pk}/revoke/").status_code == 302
    assert ApiKey.objects.find(text) is None


@pytest.mark.parametrize(
    ("calls_itself", "browser"),
    [
        (UA, "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone) AppleWebKit CriOS/130 Safari/604", "Chrome on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130 Safari/537 Edg/130", "Edge on Windows"),
        ("curl/8", "Some program"),
        ("<script>alert(1)</script>", "Some program"),
        ("", "Some program"),
    ],
)
def test_a_browser_in_words_is_never_its_own(calls_itself: str, browser: str) -> None:
    assert browser_words(calls_itself) == browser
