"""The thread-centric protocol: by the SDK and by HTTP, to an interrupt and on."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import LangGraphClient

from tests.console import Console, wait_for
from tests.runs.protocol import ASK, Session, phases, requested, up_to


@pytest.fixture
def session(api: httpx.Client) -> Session:
    return Session(api)


def test_a_thread_is_made_paused_answered_and_told_again_from_the_first_event(
    console: Console, session: Session
) -> None:
    with console.client() as other:
        watcher = Session(other, session.thread_id)
        with watcher.stream(channels=["values", "lifecycle", "input"]) as events:  # not there yet
            started = session.send("run.start", **ASK)
            live = up_to(events, 1)
            (asked,) = requested(live)
            answer = {"namespace": [], "response": "edited"}
            done = session.send("input.respond", interrupt_id=asked["interrupt_id"], **answer)
            live += up_to(events, 1)

    assert started["meta"] == {"applied_through_seq": 0}
    assert (done["type"], done["result"]) == ("success", {})
    assert phases(live) == ["running", "interrupted", "running", "completed"]
    assert asked["payload"] == asked["value"] == {"text_to_revise": "x"}
    assert live[0]["seq"] == 1
    assert live[-1]["event_id"].endswith(":lc||completed")
    paused = next(i for i, e in enumerate(live) if phases([e]) == ["interrupted"])
    assert live[paused - 1]["method"] == "input.requested"
    values = [e["params"]["data"] for e in live if e["method"] == "values"]
    assert values[0] == {"some_text": "x"}
    assert values[-1] == {"some_text": "edited"}
    assert not any("__interrupt__" in one for one in values)

    whole = session.until(2)
    assert [e for e in whole if e["seq"] in {one["seq"] for one in live}] == live
    assert {e["method"] for e in whole} >= {"updates", "tasks", "values"}
    later = session.until(1, since=live[paused]["seq"], channels=["lifecycle"])
    assert later == [e for e in live[paused + 1 :] if e["method"] == "lifecycle"]
    assert session.until(2, since=10_000) == whole  # nobody can have read so far


@pytest.mark.parametrize("transport", ["sse", "websocket"])
async def test_the_sdk_streams_a_thread_through_an_interrupt(
    sdk: LangGraphClient, console: Console, transport: Any
) -> None:
    stream = sdk.threads.stream(
        assistant_id="human_in_the_loop",
        transport=transport,
        headers={"x-api-key": console.api_key},
    )
    async with asyncio.timeout(60), stream as thread:
        await thread.run.start(input={"some_text": "x"})
        async for _ in thread.values:
            """To the pause, which may overtake the last of them."""
        assert thread.interrupted
        assert thread.interrupts[0]["value"] == {"text_to_revise": "x"}
        await thread.run.respond("answered")
        assert (await thread.output)["some_text"] == "answered"


def test_the_sdk_without_async_answers_what_a_subgraph_asks(console: Console) -> None:
    client = get_sync_client(url=console.url, api_key=console.api_key)
    with client.threads.stream(assistant_id="subgraph_interrupt") as thread:
        thread.run.start(input={"some_text": "x"})
        # Not by iterating: at a pause it may end before what was said arrives.
        wait_for(lambda: thread.interrupted, what="the run asks")
        (asked,) = thread.interrupts
        assert asked["value"]["ask"] == "inside the subgraph"
        thread.run.respond("deep")
        assert thread.output["some_text"] == "deep"


def test_questions_of_a_subgraph_say_where_they_are_asked(session: Session) -> None:
    key = session.pause(assistant_id="subgraph_interrupt")
    with session.stream(namespaces=[["child"]], depth=0) as events:
        inside = list(itertools.islice(events, 2))
        asked = next(e for e in events if e["method"] == "input.requested")
    (place,) = asked["params"]["namespace"]
    assert place.startswith("child:")
    assert {tuple(e["params"]["namespace"]) for e in inside} == {(place,)}

    answered = session.send("input.respond", interrupt_id=key, namespace=[], response="deep")

    assert answered["type"] == "success"
    assert phases(session.until(2))[-1] == "completed"


def test_questions_asked_together_are_answered_together(session: Session) -> None:
    session.send("run.start", assistant_id="parallel_interrupts", input={"some_text": "x"})
    keys = [one["interrupt_id"] for one in requested(session.until())]
    assert len(keys) == 2

    one = session.send("input.respond", interrupt_id=keys[0], response="L")
    assert one["error"] == "invalid_argument"
    assert keys[1] in one["message"]
    responses = [{"interrupt_id": key, "namespace": [], "response": "yes"} for key in keys]
    assert session.send("input.respond", responses=responses)["type"] == "success"

    assert phases(session.until(2)) == ["running", "interrupted", "running", "completed"]
