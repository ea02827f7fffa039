"""MCP: assistants as tools, by the official client and in raw JSON-RPC, to an interrupt and on."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import httpx2
import pytest
from django.test import Client as Browser
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from reviews.models import Decision
from runs import services
from runs.api import mcp
from runs.models import Assistant, Run, Scope, Thread
from tests.conftest import issue_key
from tests.console import Console, wait_for

MESSAGES = {
    "type": "string",
    "title": "Messages",
    "description": "The user message to send to the agent.",
}
CALL = {"jsonrpc": "2.0", "id": 7}


def by_client(console: Console, talk: Any) -> Any:
    """What comes of a talk with the official client, as its users make it."""

    async def connected() -> Any:
        key = {"x-api-key": console.api_key}
        async with httpx2.AsyncClient(headers=key, timeout=60, trust_env=False) as http:
            transport = streamable_http_client(f"{console.url}/mcp", http_client=http)
            async with Client(transport) as client:
                return await talk(client)

    return asyncio.run(connected())


def say(api: httpx.Client, method: str, **params: Any) -> dict[str, Any]:
    """What comes back of a request in raw JSON-RPC: a result or an error."""
    answer = api.post("/mcp", json=CALL | {"method": method, "params": params})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body.items() >= CALL.items()
    (found,) = body.keys() - CALL.keys()
    return {found: body[found]}


def temporary_threads() -> set[UUID]:
    return set(Thread.objects.filter(is_temporary=True).values_list("pk", flat=True))


def test_the_official_client_finds_tools_and_calls_them(console: Console) -> None:
    mistakes = (
        ("nobody", {}, "Unknown tool: nobody"),
        ("approve_tool", {}, "'messages' is a required property"),
        ("static_steps", {"some_text": 7}, "arguments.some_text: 7 is not of type 'string'"),
    )

    async def talk(client: Client) -> tuple[Any, ...]:
        for name, arguments, about in mistakes:
            with pytest.raises(MCPError, match=about) as refused:
                await client.call_tool(name, arguments)
            assert refused.value.code == -32602
        return (
            (await client.list_tools()).tools,
            await client.call_tool("static_steps", {"some_text": "x"}),
            await client.call_tool("failing", {"some_text": "x"}),
        )

    before = temporary_threads()
    tools, done, failed = by_client(console, talk)

    schemas = {tool.name: tool.input_schema for tool in tools}
    agent = schemas["approve_tool"]
    assert (agent["properties"], agent["required"]) == ({"messages": MESSAGES}, ["messages"])
    assert "$defs" not in agent
    assert not done.is_error
    assert done.structured_content["visited"] == ["step_1", "step_2", "step_3"]
    assert json.loads(done.content[0].text) == done.structured_content
    assert failed.is_error
    assert failed.content[0].text == "ValueError: boom: x"
    wait_for(lambda: temporary_threads() <= before, what="the threads of the tools gone")


def test_a_tool_that_asks_a_person_says_where_and_its_thread_can_be_come_back_to(
    console: Console, api: httpx.Client
) -> None:
    words = {"messages": "Order A-1042 arrived broken, I want my 89.90 back"}
    asked = by_client(console, lambda client: client.call_tool("approve_tool", words))

    assert not asked.is_error
    (interrupt,) = asked.structured_content["__interrupt__"]
    thread_id = asked.meta["thread_id"]
    assert asked.meta["interrupts"] == [interrupt["id"]]
    assert interrupt["id"] in asked.content[1].text
    assert f"GET /threads/{thread_id}/state" in asked.content[1].text

    decisions = [{"type": "approve"} for _ in interrupt["value"]["action_requests"]]
    resume = {"resume": {interrupt["id"]: {"decisions": decisions}}}
    body = {"assistant_id": "approve_tool", "command": resume}
    api.post(f"/threads/{thread_id}/runs/wait", json=body).raise_for_status()
    state = api.get(f"/threads/{thread_id}/state").json()
    assert state["next"] == []
    assert "Refunded 89.90" in str(state["values"])
    assert Decision.objects.filter(task__interrupt__key=interrupt["id"]).count() == 1


def test_a_tool_that_stops_at_a_breakpoint_is_not_finished_either(api: httpx.Client) -> None:
    result = say(api, "tools/call", name="compiled_breakpoints", arguments={})["result"]
    assert result["structuredContent"]["visited"] == ["step_1"]
    assert "to let it through a breakpoint at step_2" in result["content"][1]["text"]
    assert Thread.objects.get(pk=result["_meta"]["thread_id"]).is_temporary is False


def test_runs_that_others_end_are_errors_of_their_tools() -> None:
    thread = Thread.objects.create(is_temporary=True)
    run = Run.objects.create(
        thread=thread, graph_id="slow", kwargs={}, status=Run.Status.INTERRUPTED, output={}
    )
    cancelled = mcp.result_of(run)
    run.delete()
    gone = mcp.result_of(run)
    assert cancelled == {"content": [{"type": "text", "text": mcp.CANCELLED}], "isError": True}
    assert gone == {"content": [{"type": "text", "text": mcp.GONE}], "isError": True}


# -- names -----------------------------------------------------------------------------------


@pytest.fixture
def named() -> Iterator[Any]:
    made: list[UUID] = []

    def make(name: str) -> str:
        assistant = services.create_assistant(graph_id="static_steps", name=name)
        made.append(assistant.pk)
        return str(assistant.pk)

    yield make
    Assistant.objects.filter(pk__in=made).delete()


def tools_of(api: httpx.Client) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    page: dict[str, Any] = {"nextCursor": "0"}
    while cursor := page.get("nextCursor"):
        page = say(api, "tools/list", cursor=cursor)["result"]
        assert not found.keys() & {tool["name"] for tool in page["tools"]}
        found |= {tool["name"]: tool for tool in page["tools"]}
    return found


def test_no_assistant_takes_the_name_of_another(api: httpx.Client, named: Any) -> None:
    alone, twice = f"alone-{uuid.uuid4().hex}", f"twice-{uuid.uuid4().hex}"
    plain, impostor = named(alone), named("human_in_the_loop")
    first, second = named(twice), named(twice)
    strange = named("<b>\u202ebold</b> " + "x" * 400)
    evil = named(f"{twice}-{first}")

    found = tools_of(api)

    assert found[alone]["description"] == f"Tool based on the {alone} assistant"
    assert found["human_in_the_loop"]["inputSchema"]["required"] == ["some_text"]
    assert found.keys() >= {f"human_in_the_loop-{impostor}", f"{twice}-{first}"}
    assert found.keys() >= {f"{twice}-{second}", f"{twice}-{first}"[:80] + f"-{evil}"}
    (told_apart,) = (name for name in found if name.endswith(strange))
    assert found[told_apart]["title"].startswith("<b>\u202ebold</b>")
    assert all(mcp_name(name) for name in found)
    called = say(api, "tools/call", name=f"{twice}-{second}")["result"]
    assert called["structuredContent"]["visited"]
    assert plain not in str(found.keys())


def mcp_name(name: str) -> bool:
    return 0 < len(name) <= 128 and name.replace("-", "").replace(".", "").isidentifier()


# -- the protocol ----------------------------------------------------------------------------


def test_the_handshake_keeps_to_versions_that_are_known(api: httpx.Client) -> None:
    for asked, given in (("2025-03-26", "2025-03-26"), ("1999-01-01", "2025-11-25"), (7, None)):
        result = say(api, "initialize", protocolVersion=asked, capabilities={})["result"]
        assert result["protocolVersion"] == (given or "2025-11-25")
        assert result["capabilities"] == {"tools": {"listChanged": False}}
    assert say(api, "ping") == {"result": {}}
    ping = CALL | {"method": "ping"}
    for version, status in (("2025-06-18", 200), ("2026-07-28", 400), ("\xff", 400)):
        headers = {"MCP-Protocol-Version": version.encode("latin1")}
        answer = api.post("/mcp/", json=ping, headers=headers)
        assert answer.status_code == status
    assert answer.json()["error"]["code"] == -32022
    assert "2025-11-25" in answer.json()["error"]["data"]["supported"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, -32700),
        ("{bad", 400, -32700),
        ('{"id": "\\ud800"}', 400, -32700),
        ("[" * 200 + "]" * 200, 400, -32700),
        ("[]", 400, -32600),
        ('[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', 400, -32600),
        ('{"id": 1, "method": "ping"}', 400, -32600),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', 400, -32600),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', 400, -32600),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', 400, -32600),
        ('{"jsonrpc": "2.0", "id": 1}', 400, -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": 1}', 400, -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "resources/list"}', 200, -32601),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}', 200, -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "tools/call"}', 200, -32602),
        ('{"jsonrpc": "2.0", "method": "notifications/initialized"}', 202, None),
        ('{"jsonrpc": "2.0", "method": "anything"}', 202, None),
    ],
    ids=range(17),
)
def test_what_is_no_request_is_answered_as_json_rpc_says(
    api: httpx.Client, body: str, status: int, code: int | None
) -> None:
    answer = api.post("/mcp", content=body)
    assert answer.status_code == status
    if code is None:
        assert answer.content == b""
    else:
        assert answer.json()["error"]["code"] == code


def test_there_are_no_sessions_and_no_foreign_pages(console: Console, api: httpx.Client) -> None:
    for path in ("/mcp", "/mcp/"):
        assert (api.get(path).status_code, api.delete(path).status_code) == (405, 404)
    ping = CALL | {"method": "ping"}
    for origin, status in ((console.url, 200), ("https://evil.example", 403), ("null", 403)):
        answer = api.post("/mcp", json=ping, headers={"Origin": origin})
        assert answer.status_code == status
    assert httpx.post(f"{console.url}/mcp", json=ping, trust_env=False).status_code == 401


def test_pages_of_sites_that_are_let_in_may_ask(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://chat.example.org"]
    program = Browser(headers={"x-api-key": issue_key("page", [Scope.RUNS])})
    ping = json.dumps(CALL | {"method": "ping"})
    for origin, status in (("https://chat.example.org", 200), ("https://evil.example", 403)):
        headers = {"Origin": origin}
        answer = program.post("/mcp", ping, content_type="application/json", headers=headers)
        assert answer.status_code == status


def test_a_key_is_asked_for_what_it_may(console: Console) -> None:
    reader = {"x-api-key": issue_key("reads tasks", [Scope.TASKS_READ])}
    body = CALL | {"method": "tools/list"}
    answer = httpx.post(f"{console.url}/mcp", json=body, headers=reader, trust_env=False)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("initialize", ["protocolVersion", "clientInfo"]),
        ("tools/list", ["cursor"]),
        ("tools/call", ["name", "arguments", "_meta"]),
    ],
)
def test_no_request_is_answered_with_a_fault_of_the_server(method: str, names: list[str]) -> None:
    program = Browser(headers={"x-api-key": issue_key("hostile", [Scope.RUNS])})
    junk = ["\x00", "\u202e", "9" * 30, -1, 1e308, 2**70, True, None, [], {}, [[None]], {"": {}}]
    for value in junk:
        for given in ({name: value} for name in names):
            tool = {"name": "static_steps"} if method == "tools/call" else {}
            body = json.dumps(CALL | {"method": method, "params": tool | given})
            answer = program.post("/mcp", body, content_type="application/json")
            answer.close()  # of a tool that runs: nobody waits for it
            assert answer.status_code == 200, body
