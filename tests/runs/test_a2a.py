"""A2A: talking to assistants, by the official client and in raw JSON-RPC, through interrupts."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest
from a2a.client import ClientConfig, ClientFactory
from a2a.types.a2a_pb2 import AgentCard, GetTaskRequest, SendMessageRequest
from django.test import Client as Browser
from google.protobuf.json_format import MessageToDict, ParseDict

from reviews.models import ReviewTask
from runs.api import a2a
from runs.api.a2a_tasks import Task, task_body
from runs.api.a2a_words import NEW
from runs.models import Run, Scope, Thread
from runs.services import system_assistant_id
from tests.conftest import issue_key
from tests.console import Console, wait_for
from tests.runs.a2a_agent import APPROVED, COMPLAINT, Agent, questions, sent, state_of

NOBODY = f"{uuid.UUID(int=0)}:{uuid.UUID(int=0)}"


@pytest.fixture
def agent(api: httpx.Client) -> Agent:
    return Agent(api, "approve_tool")


@pytest.fixture
def asker(api: httpx.Client) -> Agent:
    return Agent(api, "human_in_the_loop")


# -- a conversation --------------------------------------------------------------------------


@pytest.mark.parametrize("is_streaming", [False, True], ids=["sent", "streamed"])
@pytest.mark.parametrize("version", ["0.3", "1.0"])
def test_the_official_client_talks_through_a_question(
    console: Console, version: str, is_streaming: bool
) -> None:
    async def talk() -> list[list[dict[str, Any]]]:
        key = {"x-api-key": console.api_key}
        async with httpx.AsyncClient(headers=key, timeout=60, trust_env=False) as http:
            place = f"{console.url}/.well-known/agent-card.json"
            query = {"assistant_id": str(system_assistant_id("approve_tool"))}
            card = ParseDict(
                (await http.get(place, params=query)).json(),
                AgentCard(),
                ignore_unknown_fields=True,
            )
            (interface,) = (i for i in card.supported_interfaces if i.protocol_version == version)
            del card.supported_interfaces[:]
            card.supported_interfaces.append(interface)
            config = ClientConfig(streaming=is_streaming, httpx_client=http)
            client = ClientFactory(config).create(card)

            async def say(part: Any, **ids: str) -> list[dict[str, Any]]:
                message = {"role": "ROLE_USER", "messageId": str(uuid.uuid4()), "parts": [part]}
                request = ParseDict({"message": message | ids}, SendMessageRequest())
                return [MessageToDict(one) async for one in client.send_message(request)]

            asked = await say({"text": COMPLAINT})
            ids = {"taskId": asked[0]["task"]["id"], "contextId": asked[0]["task"]["contextId"]}
            answered = await say({"data": APPROVED}, **ids)
            request = GetTaskRequest(id=ids["taskId"], history_length=1)
            return [asked, answered, [MessageToDict(await client.get_task(request))]]

    asked, answered, (task,) = asyncio.run(talk())

    (question,) = (artifact for artifact in artifacts(asked) if artifact["name"] == "Interrupt")
    names = [one["name"] for one in question["parts"][0]["data"]["value"]["action_requests"]]
    assert names == ["refund_order", "send_email"]
    assert states(asked)[-1] == "TASK_STATE_INPUT_REQUIRED"
    assert states(answered)[-1] == task["status"]["state"] == "TASK_STATE_COMPLETED"
    (response,) = task["artifacts"]
    assert "Refunded 89.90" in response["parts"][0]["text"]
    assert response in artifacts(answered)
    assert [one["role"] for one in task["history"]] == ["ROLE_AGENT"]
    if is_streaming:
        for events in (asked, answered):
            kinds = [next(iter(one)) for one in events]
            assert kinds == ["task", "artifactUpdate", "statusUpdate"]


def artifacts(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    whole = [artifact for one in events for artifact in one.get("task", {}).get("artifacts", [])]
    return whole + [one["artifactUpdate"]["artifact"] for one in events if "artifactUpdate" in one]


def states(events: list[dict[str, Any]]) -> list[str]:
    found = [one.get("task") or one.get("statusUpdate") for one in events]
    return [one["status"]["state"] for one in found if one]


def test_a_context_goes_on_with_its_question_and_then_with_a_new_task(agent: Agent) -> None:
    first = agent.send("hello", contextId=(context := str(uuid.uuid4())))
    assert (first["contextId"], state_of(first)) == (context, "completed")
    asked = agent.send(COMPLAINT, contextId=context)
    answered = agent.send(APPROVED, contextId=context)
    last = agent.send("hello", {"historyLength": 2}, contextId=context)

    assert asked["id"] == answered["id"]
    assert len({task["id"] for task in (first, asked, last)}) == 3
    assert state_of(answered) == state_of(last) == "completed"
    assert COMPLAINT in [one["parts"][0]["text"] for one in asked["history"]]
    assert [one["role"] for one in last["history"]] == ["user", "agent"]
    assert {one["contextId"] for one in last["history"]} == {context}
    again = agent.do("tasks/get", {"id": first["id"], "historyLength": 0})
    assert (state_of(again), again["history"]) == ("completed", [])


def test_a_task_hears_of_what_a_reviewer_decides(console: Console, asker: Agent) -> None:
    task = asker.send({"some_text": "draft"})
    (question,) = questions(task)
    assert question["value"] == {"text_to_revise": "draft"}
    review = ReviewTask.objects.open().get(interrupt__key=question["id"])
    reviewer = {"x-api-key": issue_key("reviewer", list(Scope.values))}
    decide = f"{console.url}/api/tasks/{review.pk}/decide/"
    httpx.post(decide, json={"kind": "approve"}, headers=reviewer, trust_env=False)

    def is_over() -> bool:
        return state_of(asker.do("tasks/get", {"id": task["id"]})) == "completed"

    wait_for(is_over)
    (response,) = asker.do("tasks/get", {"id": task["id"]})["artifacts"]
    assert response["parts"] == [{"kind": "data", "data": {"some_text": "draft"}}]
    late = asker.refused("message/send", sent("late", taskId=task["id"]))
    assert late["data"] == {"status": 409, "code": "already_answered"}
    assert "key:reviewer" in late["message"]


# -- other ends ------------------------------------------------------------------------------


def test_a_task_is_cancelled_while_it_works_and_not_while_it_waits(
    api: httpx.Client, asker: Agent
) -> None:
    slow = Agent(api, "slow")
    task = slow.send({"seconds": 60}, {"blocking": False})
    assert state_of(task) in ("submitted", "working")
    assert state_of(slow.do("tasks/cancel", {"id": task["id"]})) == "canceled"
    waiting = asker.send({"some_text": "x"})
    for agent, one in ((slow, task), (asker, waiting)):
        assert agent.refused("tasks/cancel", {"id": one["id"]})["code"] == -32002
    assert state_of(asker.do("tasks/get", {"id": waiting["id"]})) == "input-required"


def test_a_failure_and_a_breakpoint_are_told_in_words(api: httpx.Client) -> None:
    failed = Agent(api, "failing").send({"some_text": "x"})
    assert state_of(failed) == "failed"
    assert failed["status"]["message"]["parts"][0]["text"] == "ValueError: boom: x"

    stopped = Agent(api, "compiled_breakpoints")
    task = stopped.send({"some_text": "x"})
    assert state_of(task) == "input-required"
    assert "breakpoint" in task["status"]["message"]["parts"][0]["text"]
    assert "artifacts" not in task
    refused = stopped.refused("message/send", sent("go on", taskId=task["id"]))
    assert refused["message"] == a2a.NO_QUESTION


def test_a_task_can_be_followed_from_elsewhere(asker: Agent) -> None:
    task = asker.send({"some_text": "x"})
    body = {"jsonrpc": "2.0", "id": 2, "method": "tasks/resubscribe", "params": {"id": task["id"]}}
    answer = asker.api.post(asker.path, json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    kinds = [one["result"]["kind"] for one in told]
    assert kinds == ["task", "artifact-update", "status-update"]
    assert {one["id"] for one in told} == {2}
    assert told[-1]["result"]["final"] is True
    assert told[-1]["result"]["status"] == task["status"]


def test_only_what_people_and_agents_say_is_history() -> None:
    blocks = [{"type": "text", "text": "Here "}, "it is", {"type": "image", "url": "x"}, 7]
    tool = {"type": "tool", "content": "not said", "id": "t"}
    said = {"type": "ai", "content": blocks, "id": "a"}
    junk: list[Any] = [
        1,
        None,
        {"type": ["human"]},
        {"content": None},
        {"type": "ai", "content": {}},
    ]
    thread = Thread.objects.create(values={"messages": [*junk, tool, said]})
    run = Run.objects.create(thread=thread, graph_id="x", kwargs={"input": {}}, status="success")

    body = task_body(Task(run), NEW)

    assert body["status"]["state"] == "TASK_STATE_COMPLETED"
    assert [one["parts"] for one in body["history"]] == [[{"text": "Here it is"}]]
    assert body["artifacts"][0]["parts"] == [{"text": "Here it is"}]
    thread.values = ["no", "object"]
    thread.save()
    assert task_body(Task(run), NEW)["artifacts"][0]["parts"] == [{"data": {}}]


def test_mistakes_are_answered_in_json_rpc(agent: Agent, asker: Agent) -> None:
    task = asker.send({"some_text": "x"})
    text, file = {"kind": "text", "text": "x"}, {"kind": "file", "file": {"bytes": "eA=="}}
    message = sent("x")["message"]
    push = {"message": message, "configuration": {"pushNotificationConfig": {"url": "http://x"}}}
    mistakes: list[tuple[str, Any, int]] = [
        ("tasks/list", {}, -32601),
        ("message/send", {}, -32602),
        ("message/send", [], -32602),
        ("message/send", {"message": message | {"role": "tool"}}, -32602),
        ("message/send", {"message": message | {"parts": []}}, -32602),
        ("message/send", {"message": message | {"parts": [file]}}, -32005),
        ("message/send", {"message": message | {"parts": [{"kind": "data", "data": [1]}]}}, -32602),
        ("message/send", {"message": message | {"contextId": "mine"}}, -32602),
        ("message/send", {"message": message | {"taskId": "mine"}}, -32001),
        ("message/send", {"message": message | {"taskId": NOBODY}}, -32001),
        ("message/send", {"message": message | {"taskId": task["id"]}}, -32001),  # another's
        ("message/send", push, -32003),
        ("tasks/get", {"id": NOBODY, "historyLength": -1}, -32602),
        ("tasks/get", {"id": NOBODY}, -32001),
        ("tasks/cancel", {"id": task["id"]}, -32001),
    ]
    for method, params, code in mistakes:
        assert agent.refused(method, params)["code"] == code, params
    words = asker.refused("message/send", sent("x"))["message"]
    assert words.endswith("Available input fields: ['some_text']")
    both = sent("x", taskId=task["id"], contextId=str(uuid.uuid4()))
    assert asker.refused("message/send", both)["code"] == -32602
    both = sent("x", taskId=task["id"])
    both["message"]["parts"] = [text, {"kind": "data", "data": {}}]
    assert asker.refused("message/send", both)["code"] == -32602


def test_versions_and_addresses_that_are_not_there(api: httpx.Client, asker: Agent) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": NOBODY}}
    for version, code in (("0.3", -32001), ("1.0.1", -32001), ("2.0", -32009), ("1", -32009)):
        answer = api.post(asker.path, json=body, headers={"A2A-Version": version})
        assert answer.json()["error"]["code"] == code, version
    for nameless in (body | {"id": None}, {k: v for k, v in body.items() if k != "id"}):
        answer = api.post(asker.path, json=nameless)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)
    assert api.post(f"/a2a/{uuid.uuid4()}", json=body).status_code == 404
    assert api.post("/a2a/nobody", json=body).status_code == 422
    assert api.get(asker.path).status_code == 405
    card = "/.well-known/agent-card.json"
    assert [api.get(card, params=q).status_code for q in ({}, {"assistant_id": "x"})] == [400, 422]
    assert api.get("/.well-known/agent.json").json() == {"detail": "Not Found"}


@pytest.mark.parametrize("method", ["message/send", "SendStreamingMessage", "tasks/get"])
def test_no_request_is_answered_with_a_fault_of_the_server(method: str) -> None:
    key = issue_key("hostile", [Scope.RUNS, Scope.RESUME])
    program = Browser(headers={"x-api-key": key})
    junk = ["", "\x00", "\u202e", "9" * 30, -1, 2**70, True, None, [], {}, [[None]], {"": {}}]
    place, good = f"/a2a/{system_assistant_id('approve_tool')}", sent("x")["message"]
    for value in junk:
        whole = [{name: value} for name in ("message", "configuration", "id", "historyLength")]
        parts = [{"parts": [value]}, {"parts": [{"text": value}]}, {"parts": [{"data": value}]}]
        some = [{name: value} for name in ("messageId", "contextId", "taskId", "role")]
        messages = [{"message": good | one} for one in [*parts, *some]]
        for params in [*whole, *messages, {"id": f"{value}:{value}"}]:
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
            answer = program.post(place, body, content_type="application/json")
            answer.close()
            assert answer.status_code == 200, body
