"""Guessing a password: five tries, then a quarter of an hour, whoever is guessed at."""

from __future__ import annotations

import re
import uuid

import httpx
import pytest
from django.contrib.auth.models import User

from tests.conftest import PASSWORD
from tests.console import Console, token

LIMIT = 5
PATHS = ["/login/", "/admin/login/"]


def attempt(console: Console, path: str, name: str, password: str) -> httpx.Response:
    with httpx.Client(base_url=console.url, trust_env=False) as client:
        client.get(path)
        login = {"username": name, "password": password, "next": "/inbox/"}
        return client.post(path, data=login | token(client))


def shown(answer: httpx.Response, name: str) -> str:
    """The page without what differs by design: the token, and the name that was typed."""
    return re.sub(r'value="[^"]{64}"', "", answer.text).replace(name, "")


@pytest.mark.parametrize("path", PATHS)
def test_five_wrong_passwords_lock_and_say_so_whoever_it_is(
    console: Console, ada: User, omar: User, path: str
) -> None:
    nobody = f"nobody-{uuid.uuid4().hex[:8]}"
    for count in range(1, LIMIT + 3):
        real = attempt(console, path, ada.username, "wrong")
        made_up = attempt(console, path, nobody, "wrong")
        assert real.status_code == made_up.status_code == (200 if count < LIMIT else 429)
        assert shown(real, ada.username) == shown(made_up, nobody)
        assert "access-control-allow-origin" not in real.headers
    assert "Wait 15 minutes" in real.text
    assert attempt(console, path, ada.username, PASSWORD).status_code == 429
    assert attempt(console, "/login/", omar.username, PASSWORD).status_code == 302


def test_a_script_is_told_no_more_than_a_page(console: Console, omar: User) -> None:
    for _ in range(LIMIT):
        attempt(console, "/login/", omar.username, "wrong")
    with httpx.Client(base_url=console.url, trust_env=False) as client:
        client.get("/login/")
        login = {"username": omar.username, "password": "wrong"} | token(client)
        answer = client.post("/login/", data=login, headers={"X-Requested-With": "XMLHttpRequest"})
    assert answer.status_code == 429
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["content-type"].startswith("text/html")


def test_getting_in_forgets_the_wrong_ones(console: Console, omar: User) -> None:
    for _ in range(3):
        for _ in range(LIMIT - 1):
            assert attempt(console, "/login/", omar.username, "wrong").status_code == 200
        assert attempt(console, "/login/", omar.username, PASSWORD).status_code == 302


def test_keys_go_on_while_logins_are_locked(console: Console, api: httpx.Client) -> None:
    for _ in range(LIMIT + 1):
        locked = attempt(console, "/login/", "somebody", "wrong")
    assert locked.status_code == 429
    assert api.post("/threads", json={}).status_code == 200
    for _ in range(LIMIT + 1):
        headers = {"x-api-key": "hitl_00000000_wrong"}
        wrong = httpx.post(f"{console.url}/threads", headers=headers, json={}, trust_env=False)
        assert wrong.status_code == 401
    assert api.post("/threads", json={}).status_code == 200


def test_signing_in_starts_a_new_session(console: Console, omar: User) -> None:
    with httpx.Client(base_url=console.url, trust_env=False) as client:
        client.get("/login/")
        client.cookies.set("sessionid", "chosenbysomebodyelse0123456789ab", domain="127.0.0.1")
        login = {"username": omar.username, "password": PASSWORD} | token(client)
        answer = client.post("/login/", data=login)
    made = answer.cookies["sessionid"]
    assert made != "chosenbysomebodyelse0123456789ab"
