"""Messages, tools, subgraphs and checkpoints by the thread-centric protocol, and by its SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
from langgraph_sdk.client import LangGraphClient

from reviews import services
from reviews.models import ReviewTask
from tests.conftest import make_user
from tests.console import Console
from tests.runs.chat import CALL
from tests.runs.protocol import Session, is_end, phases, requested, up_to

HELLO = {"messages": [{"role": "user", "content": "My lamp is broken."}]}
CHAT = {"assistant_id": "chat", "input": HELLO}
REFUND = {"order": "A-1042"}


async def test_a_chat_is_heard_word_by_word_through_the_question_of_its_tool(
    sdk: LangGraphClient, console: Console
) -> None:
    stream = sdk.threads.stream(assistant_id="chat", headers={"x-api-key": console.api_key})
    async with asyncio.timeout(60), stream as thread, asyncio.TaskGroup() as listening:
        await thread.run.start(input=HELLO)
        asked = [listening.create_task(heard(one)) async for one in thread.messages]
        assert await asyncio.gather(*asked) == [
            (["I will ", "ask."], [("refund", REFUND)], "model")
        ]
        assert thread.interrupts[0]["value"] == {"question": "Refund A-1042?"}

        calls, said = [], []
        await thread.run.respond("approved")
        async for channel, item in thread.interleave_projections(["messages", "tool_calls"]):
            if channel == "tool_calls":
                calls.append(item)
            else:
                said.append(listening.create_task(heard(item)))
        words = (["All done: ", "A-1042 approved", "."], [], "model")
        assert await asyncio.gather(*said) == [words]
        (call,) = calls
        assert (call.tool_call_id, call.name, call.input) == (CALL, "refund", REFUND)
        assert (await call.output)["content"] == "A-1042 approved"
        whole = [message["content"] for message in (await thread.output)["messages"]]
        assert whole[1:] == ["I will ask.", "A-1042 approved", "All done: A-1042 approved."]


async def heard(message: Any) -> tuple[list[str], list[tuple[str, Any]], str]:
    """The pieces of a message's text, the calls in it, and the node that says it."""
    pieces = [piece async for piece in message.text]
    calls = [(call["name"], call["args"]) for call in await message.tool_calls]
    return pieces, calls, message.node


async def test_the_sdk_hears_all_channels_at_once(sdk: LangGraphClient, console: Console) -> None:
    stream = sdk.threads.stream(
        assistant_id="subgraph_interrupt", headers={"x-api-key": console.api_key}
    )
    events = []
    async with asyncio.timeout(60), stream as thread:
        await thread.run.start(input={"some_text": "x"})
        async for event in thread.events:
            events.append(event)
            if is_end(event):
                break
    told = [e["params"] for e in events if e["method"] == "lifecycle" and e["params"]["namespace"]]
    assert [params["data"]["event"] for params in told] == ["started", "interrupted"]
    assert told[0]["namespace"] == requested_at(events)
    assert told[0]["data"]["graph_name"] == "child"
    first, *others = (
        e["params"]["data"]
        for e in events
        if e["method"] == "checkpoints" and not e["params"]["namespace"]
    )
    assert (first["source"], first["step"], "parent_id" in first) == ("input", -1, False)
    assert others[0]["parent_id"] == first["id"]


def requested_at(events: list[dict[str, Any]]) -> list[str]:
    (place,) = (e["params"]["namespace"] for e in events if e["method"] == "input.requested")
    return list(place)


def test_who_watches_hears_the_chat_go_on_when_a_person_answers(api: httpx.Client) -> None:
    session = Session(api)
    wanted = {"channels": ["messages", "tools", "lifecycle", "input"]}
    with session.stream(**wanted) as events:
        assert session.send("run.start", **CHAT)["type"] == "success"
        asked = up_to(events, 1)
        task = ReviewTask.objects.open().get(thread_id=session.thread_id)
        services.decide(
            task=task,
            reviewer=make_user("ada", is_staff=True, is_superuser=True),
            verdict={"kind": "respond", "value": "approved"},
        )
        answered = up_to(events, 1)

    assert len(requested(asked)) == 1
    assert phases(asked + answered) == ["running", "interrupted", "running", "completed"]
    tools = [e["params"]["data"]["event"] for e in answered if e["method"] == "tools"]
    assert tools == ["tool-started", "tool-finished"]
    said = [e["params"]["data"] for e in answered if e["method"] == "messages"]
    assert [data["delta"]["text"] for data in said if "delta" in data] == [
        *("All done: ", "A-1042 approved", ".")
    ]


def test_streams_of_another_kind_do_not_hear_what_only_this_protocol_tells(
    console: Console, api: httpx.Client
) -> None:
    session = Session(api, api.post("/threads", json={}).json()["thread_id"])
    path = f"/threads/{session.thread_id}/stream"
    with console.client() as other, other.stream("GET", path) as response:
        session.send("run.start", **CHAT)
        lines = list(until_done(response.iter_lines()))
    named = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert set(named) == {"metadata", "values", "updates", "tasks"}


def until_done(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if '"run_done"' in line:
            return
