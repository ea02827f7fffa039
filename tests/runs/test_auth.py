"""Keys: how they come in, what they open, and what is said without one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now

from runs.models import ApiKey, Scope
from tests.conftest import issue_key
from tests.console import Console

NO_KEY = {"detail": "Invalid or missing API key."}


@pytest.fixture
def with_key(console: Console) -> Callable[..., httpx.Client]:
    """A client whose key has these scopes."""

    def client(*scopes: str) -> httpx.Client:
        headers = {"x-api-key": issue_key("scoped", list(scopes))}
        return httpx.Client(base_url=console.url, headers=headers, trust_env=False, timeout=30)

    return client


@pytest.fixture
def keyless(console: Console) -> httpx.Client:
    return httpx.Client(base_url=console.url, trust_env=False, timeout=30)


@pytest.fixture
def open_door(settings) -> Client:
    """A browser or program on a console that asks for no keys."""
    settings.API_AUTH = "none"
    return Client()


def paused_thread(api: httpx.Client) -> str:
    thread_id = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "human_in_the_loop", "input": {"some_text": "x"}}
    assert "__interrupt__" in api.post(f"/threads/{thread_id}/runs/wait", json=body).json()
    return thread_id


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "hitl_00000000_wrong"},
        {"authorization": "Bearer hitl_00000000_wrong"},
        {"authorization": "Basic cm9zYTpyb3Nh"},
    ],
)
def test_every_way_of_having_no_key_gets_the_same_401(keyless, headers):
    answer = keyless.post("/threads", json={}, headers=headers)
    assert (answer.status_code, answer.json()) == (401, NO_KEY)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_comes_in_by_either_header(console, keyless):
    for headers in (
        {"x-api-key": console.api_key},
        {"authorization": f"Bearer {console.api_key}"},
    ):
        assert keyless.post("/threads", json={}, headers=headers).status_code == 200


def test_revoked_expired_and_orphaned_keys_open_nothing(keyless):
    for fields in ({"revoked_at": now()}, {"expires_at": now() - timedelta(seconds=1)}):
        text = issue_key("dead", [Scope.RUNS])
        ApiKey.objects.filter(digest=ApiKey.digest_of(text)).update(**fields)
        assert keyless.post("/threads", json={}, headers={"x-api-key": text}).status_code == 401
    user = User.objects.create(username=f"left-{uuid4().hex[:8]}", is_active=False)
    text = issue_key("left", [Scope.RUNS], user)
    assert keyless.post("/threads", json={}, headers={"x-api-key": text}).status_code == 401


def test_health_and_version_need_no_key(keyless):
    assert keyless.get("/ok").json() == {"ok": True, "services": {}}
    assert keyless.get("/ok?check_db=1").status_code == 200
    assert keyless.get("/info").json()["flags"]["assistants"] is True


def test_a_session_opens_pages_and_not_the_api(ada):
    browser = Client()
    browser.force_login(ada)
    assert browser.post("/threads", "{}", content_type="application/json").status_code == 401


def test_the_use_of_a_key_is_noted_once_a_minute(keyless):
    text = issue_key("noted", [Scope.RUNS])
    key = ApiKey.objects.get(digest=ApiKey.digest_of(text))
    keyless.post("/threads", json={}, headers={"x-api-key": text})
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    keyless.post("/threads", json={}, headers={"x-api-key": text})
    key.refresh_from_db()
    assert key.last_used_at == first


def test_a_key_without_the_scope_is_told_which_one_it_lacks(with_key):
    answer = with_key(Scope.TASKS_READ).post("/threads", json={})
    assert answer.status_code == 403
    assert "'runs'" in answer.json()["detail"]


def test_answering_needs_the_resume_scope_and_so_does_going_around_the_question(api, with_key):
    thread_id = paused_thread(api)
    runner = with_key(Scope.RUNS)
    run = {"assistant_id": "human_in_the_loop"}
    for body in (
        run | {"command": {"resume": "y"}},
        run | {"command": {"goto": "human_node"}},
        run | {"command": {"update": {"some_text": "y"}}},
        run | {"input": None},
        run,
    ):
        answer = runner.post(f"/threads/{thread_id}/runs/wait", json=body)
        assert (answer.status_code, "'resume'" in answer.json()["detail"]) == (403, True), body
    state = {"values": {"some_text": "y"}, "as_node": "human_node"}
    assert runner.post(f"/threads/{thread_id}/state", json=state).status_code == 403
    assert api.get(f"/threads/{thread_id}").json()["status"] == "interrupted"

    allowed = with_key(Scope.RUNS, Scope.RESUME)
    body = run | {"command": {"resume": "y"}}
    answer = allowed.post(f"/threads/{thread_id}/runs/wait", json=body)
    assert answer.json()["some_text"] == "y"


def test_only_an_admin_key_deletes_a_thread_a_person_is_asked_on(api, with_key):
    thread_id = paused_thread(api)
    assert api.delete(f"/threads/{thread_id}").status_code == 409
    assert api.delete(f"/threads/{thread_id}?force=true").status_code == 403
    assert with_key(Scope.ADMIN).delete(f"/threads/{thread_id}?force=true").status_code == 204
    assert api.get(f"/threads/{thread_id}").status_code == 404


def test_without_keys_everybody_here_is_one_named_user(open_door):
    answer = open_door.post("/threads", "{}", content_type="application/json")
    assert answer.status_code == 200
    assert User.objects.filter(username="key:anonymous").exists()


def test_without_keys_pages_of_other_sites_are_kept_out(open_door):
    for origin in ("https://evil.example", "null"):
        answer = open_door.post(
            "/threads", "{}", content_type="text/plain", headers={"origin": origin}
        )
        assert answer.status_code == 401
    rebound = open_door.post("/threads", "{}", "application/json", headers={"host": "evil.example"})
    assert rebound.status_code == 400


def test_keys_stay_out_of_the_log(keyless, caplog):
    caplog.set_level(logging.DEBUG)
    text = issue_key("secret", [Scope.RUNS])
    Client().post("/threads", "{}", "application/json", headers={"x-api-key": text})
    Client().post("/threads", "{}", "application/json", headers={"x-api-key": text + "x"})
    assert text not in caplog.text
