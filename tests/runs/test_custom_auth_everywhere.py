"""No endpoint of the Agent Server API forgets to ask the auth handlers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from runs.api.system import OkView
from runs.api.urls import urlpatterns
from runs.models import Cron, Run, Thread
from tests.security import rules
from tests.security.rules import ASSISTANT, RULES, THREAD

ECHO = {"assistant_id": "echo_config", "input": {}}
DAILY = ECHO | {"schedule": "0 9 1 1 *"}
ITEM = {"namespace": ["label"], "key": "key"}
TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
START = {"id": 1, "method": "run.start", "params": ECHO}

# What an endpoint must be sent to get as far as to its rules.
BODIES: dict[str, Any] = {
    "assistants": {"graph_id": "echo_config"},
    f"{ASSISTANT}/latest": {"version": 1},
    f"{THREAD}/stream/events": {"channels": ["values"]},
    f"{THREAD}/commands": START,
    f"{THREAD}/state/checkpoint": {"checkpoint": {}},
    f"{THREAD}/runs": ECHO,
    f"{THREAD}/runs/stream": ECHO,
    f"{THREAD}/runs/wait": ECHO,
    f"{THREAD}/runs/crons": DAILY,
    "runs": ECHO,
    "runs/stream": ECHO,
    "runs/wait": ECHO,
    "runs/batch": [ECHO],
    "runs/crons": DAILY,
    "store/items": ITEM | {"value": {}},
    "mcp": TOOLS,
    "mcp/": TOOLS,
}
# A protocol without sessions has none to open or to end: that is said to whoever was let in.
ASKS_FOR_NOTHING = {("mcp", "GET"), ("mcp/", "GET"), ("mcp", "DELETE"), ("mcp/", "DELETE")}


@pytest.fixture(scope="module")
def hers(ruled: Any) -> Iterator[dict[str, str]]:
    """Something of everything, and Alice's."""
    alice = httpx.Client(
        base_url=ruled.url,
        headers={"authorization": "Bearer alice"},
        trust_env=False,
        timeout=60,
    )

    def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        return alice.post(path, json=body).raise_for_status().json()

    thread = made("/threads", {})["thread_id"]
    made(f"/threads/{thread}/runs/wait", ECHO)
    (run,) = alice.get(f"/threads/{thread}/runs").json()
    assistant = made("/assistants", {"graph_id": "echo_config"})["assistant_id"]
    cron = made("/runs/crons", DAILY)["cron_id"]
    yield {
        "thread_id": thread,
        "run_id": run["run_id"],
        "assistant_id": assistant,
        "cron_id": cron,
        "checkpoint_id": str(uuid.uuid4()),
        "namespace": "none",
    }
    Cron.objects.filter(pk=cron).delete()


def endpoints() -> Iterator[tuple[str, str]]:
    """Every endpoint that keys for runs open, each with its methods."""
    for route, (rule, methods) in RULES.items():
        if rule is rules.runs:
            yield from ((route, method) for method in methods.split())


def sent(client: httpx.Client, route: str, method: str, ids: dict[str, str]) -> httpx.Response:
    path = route
    for name, value in ids.items():
        path = path.replace(f"<str:{name}>", value)
    body = BODIES.get(route, {})
    if route == "threads/prune":
        body = {"thread_ids": [ids["thread_id"]]}
    if route == "runs/cancel":
        body = {"thread_id": ids["thread_id"], "run_ids": [ids["run_id"]]}
    query = {"key": "key", "assistant_id": ids["assistant_id"]}
    return client.request(method, f"/{path}", json=body, params=query)


def status_of(answer: httpx.Response) -> int:
    """What it was answered with, also where errors are answers."""
    body = answer.json() if answer.content else None
    error = body.get("error") if answer.is_success and isinstance(body, dict) else None
    if error == "permission_denied":
        return 403
    return error["data"]["status"] if error else answer.status_code


def test_only_what_is_the_consoles_own_is_for_keys_alone():
    views = {str(one.pattern): getattr(one.callback, "cls", OkView) for one in urlpatterns}
    kept = {route for route, view in views.items() if not view.is_ruled}
    own = {"breakpoints", "breakpoints/versions", "breakpoints/<str:breakpoint_id>", "metrics"}
    assert kept - {str(urlpatterns[-1].pattern)} == own | {"info", "ok"}
    assert not own & {route for route, _ in endpoints()}


@pytest.mark.parametrize(("route", "method"), sorted(endpoints()))
def test_every_endpoint_asks(route, method, person, hers):
    stranger = httpx.Client(base_url=person("nobody").base_url, trust_env=False, timeout=60)
    assert sent(stranger, route, method, hers).status_code == 401
    answer = sent(person("mallory"), route, method, hers)
    if (route, method) in ASKS_FOR_NOTHING:
        assert answer.status_code in (404, 405)
    else:
        assert (status_of(answer), "Forbidden" in answer.text) == (403, True), answer.text


def test_nothing_was_done_by_who_was_refused(hers, person):
    alice = person("alice")
    assert Thread.objects.filter(pk=hers["thread_id"]).exists()
    assert Run.objects.on(uuid.UUID(hers["thread_id"])).count() == 1
    assert alice.get(f"/assistants/{hers['assistant_id']}").json()["version"] == 1
    assert Cron.objects.filter(pk=hers["cron_id"]).exists()
    assert not Run.objects.filter(created_by__username="auth:mallory").exists()
    assert not Thread.objects.filter(metadata__owner="mallory").exists()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("run.start", ECHO),
        ("input.respond", {"interrupt_id": "0" * 32, "response": "yes"}),
        ("agent.getTree", {}),
    ],
)
def test_every_command_asks(method, params, person, hers):
    command = {"id": 1, "method": method, "params": params}
    answer = person("mallory").post(f"/threads/{hers['thread_id']}/commands", json=command)
    assert (status_of(answer), "Forbidden" in answer.text) == (403, True), answer.text


@pytest.mark.parametrize(
    ("path", "method", "params"),
    [
        ("/mcp", "tools/list", {}),
        ("/mcp", "tools/call", {"name": "echo_config", "arguments": {}}),
        ("/a2a/{assistant_id}", "message/send", {"message": {"parts": []}}),
        ("/a2a/{assistant_id}", "tasks/get", {"id": "{thread_id}:{run_id}"}),
    ],
)
def test_other_agents_are_asked_about_as_well(path, method, params, person, hers):
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = person("mallory").post(path.format(**hers), json=call)
    assert (status_of(answer), "Forbidden" in answer.text) == (403, True), answer.text
