"""The official Python SDK: every call this server answers, once."""

from __future__ import annotations

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.errors import AuthenticationError, NotFoundError

GRAPH = "human_in_the_loop"
INPUT = {"some_text": "original text"}


async def test_the_documented_dynamic_interrupt(sdk):
    thread = await sdk.threads.create()
    result = await sdk.runs.wait(thread["thread_id"], GRAPH, input=INPUT)
    assert result["__interrupt__"][0]["value"] == {"text_to_revise": "original text"}
    result = await sdk.runs.wait(thread["thread_id"], GRAPH, command={"resume": "Edited text"})
    assert result["some_text"] == "Edited text"


async def test_the_documented_static_interrupts(sdk):
    thread = await sdk.threads.create()
    result = await sdk.runs.wait(
        thread["thread_id"],
        "static_steps",
        input={"some_text": "x"},
        interrupt_before=["step_2"],
        interrupt_after=["step_2"],
    )
    assert result["visited"] == ["step_1"]
    result = await sdk.runs.wait(
        thread["thread_id"], "static_steps", input=None, interrupt_after=["step_2"]
    )
    assert result["visited"] == ["step_1", "step_2"]
    result = await sdk.runs.wait(thread["thread_id"], "static_steps", input=None)
    assert result["visited"] == ["step_1", "step_2", "step_3"]


async def test_stopping_at_every_node(sdk):
    thread = await sdk.threads.create()
    for steps in range(1, 4):
        await sdk.runs.wait(
            thread["thread_id"],
            "static_steps",
            input={} if steps == 1 else None,
            interrupt_after="*",
        )
        state = await sdk.threads.get_state(thread["thread_id"])
        assert len(state["values"]["visited"]) == steps


async def test_streaming_to_a_pause_and_on(sdk):
    thread = await sdk.threads.create()
    seen: list[dict] = []
    parts = [
        part
        async for part in sdk.runs.stream(
            thread["thread_id"],
            GRAPH,
            input=INPUT,
            stream_mode="updates",
            on_run_created=seen.append,
        )
    ]
    assert [part.event for part in parts] == ["metadata", "updates"]
    assert "__interrupt__" in parts[1].data
    assert seen == [{"run_id": parts[0].data["run_id"], "thread_id": thread["thread_id"]}]
    parts = [
        part
        async for part in sdk.runs.stream(
            thread["thread_id"], GRAPH, command={"resume": "y"}, stream_mode="values"
        )
    ]
    assert parts[-1].data["some_text"] == "y"


async def test_failures_are_raised(sdk):
    thread = await sdk.threads.create()
    with pytest.raises(Exception, match=r"ValueError|boom"):
        await sdk.runs.wait(thread["thread_id"], "failing", input={})
    with pytest.raises(NotFoundError):
        await sdk.threads.get("00000000-0000-4000-8000-000000000000")
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        await sdk.runs.wait(thread["thread_id"], GRAPH, command={"resume": "y"})


async def test_background_runs(sdk):
    thread = await sdk.threads.create()
    thread_id = thread["thread_id"]
    run = await sdk.runs.create(thread_id, "static_steps", input={}, stream_resumable=True)
    assert (await sdk.runs.join(thread_id, run["run_id"]))["visited"][-1] == "step_3"
    assert (await sdk.runs.get(thread_id, run["run_id"]))["status"] == "success"
    assert [one["run_id"] for one in await sdk.runs.list(thread_id)] == [run["run_id"]]
    parts = [
        part async for part in sdk.runs.join_stream(thread_id, run["run_id"], last_event_id="-1")
    ]
    assert [part.event for part in parts] == ["metadata"] + ["values"] * 3
    await sdk.runs.delete(thread_id, run["run_id"])
    assert await sdk.runs.list(thread_id) == []

    run = await sdk.runs.create(thread_id, "slow", input={"seconds": 30})
    await sdk.runs.cancel(thread_id, run["run_id"], wait=True)
    assert (await sdk.runs.get(thread_id, run["run_id"]))["status"] == "interrupted"


async def test_stateless_runs(sdk):
    result = await sdk.runs.wait(None, "static_steps", input={})
    assert result["visited"][-1] == "step_3"
    parts = [part async for part in sdk.runs.stream(None, "static_steps", input={})]
    assert parts[-1].data["visited"][-1] == "step_3"


async def test_threads(sdk):
    thread = await sdk.threads.create(metadata={"made": "by sdk"}, graph_id="static_steps")
    thread_id = thread["thread_id"]
    assert (await sdk.threads.get(thread_id))["metadata"]["made"] == "by sdk"
    updated = await sdk.threads.update(thread_id, metadata={"more": 1})
    assert updated["metadata"] == {"made": "by sdk", "more": 1, "graph_id": "static_steps"}
    found = await sdk.threads.search(ids=[thread_id], extract={"n": "metadata.more"})
    assert found[0]["extracted"] == {"n": 1}
    assert await sdk.threads.count(metadata={"more": 1, "made": "by sdk"}) >= 1

    await sdk.threads.update_state(thread_id, {"some_text": "x"}, as_node="step_1")
    state = await sdk.threads.get_state(thread_id)
    assert state["next"] == ["step_2"]
    at = await sdk.threads.get_state(thread_id, checkpoint=state["checkpoint"])
    assert at["values"] == state["values"]
    at = await sdk.threads.get_state(thread_id, checkpoint_id=state["checkpoint"]["checkpoint_id"])
    assert at["values"] == state["values"]
    assert len(await sdk.threads.get_history(thread_id)) == 1
    copy = await sdk.threads.copy(thread_id)
    assert (await sdk.threads.get_state(copy["thread_id"]))["next"] == ["step_2"]
    await sdk.threads.delete(thread_id)
    with pytest.raises(NotFoundError):
        await sdk.threads.get(thread_id)


async def test_a_thread_can_begin_with_a_past(sdk):
    thread = await sdk.threads.create(
        graph_id="static_steps",
        supersteps=[
            {"updates": [{"values": {"some_text": "x"}, "as_node": "__start__"}]},
            {"updates": [{"values": {"visited": ["told"]}, "as_node": "step_1"}]},
        ],
    )
    state = await sdk.threads.get_state(thread["thread_id"])
    assert (state["next"], state["values"]["visited"]) == (["step_2"], ["told"])
    result = await sdk.runs.wait(thread["thread_id"], "static_steps", input=None)
    assert result["visited"] == ["told", "step_2", "step_3"]


async def test_assistants(sdk):
    assistant = await sdk.assistants.create(
        "echo_config", context={"tone": "loud"}, name="Mine", metadata={"by": "sdk"}
    )
    assistant_id = assistant["assistant_id"]
    assert (await sdk.assistants.get(assistant_id))["name"] == "Mine"
    assert (await sdk.assistants.update(assistant_id, name="Ours"))["version"] == 2
    assert len(await sdk.assistants.get_versions(assistant_id)) == 2
    assert (await sdk.assistants.set_latest(assistant_id, 1))["name"] == "Mine"
    found = await sdk.assistants.search(metadata={"by": "sdk"}, graph_id="echo_config", limit=100)
    assert assistant_id in [one["assistant_id"] for one in found]
    assert await sdk.assistants.count(graph_id="echo_config") >= 2
    assert (await sdk.assistants.get_graph(assistant_id))["nodes"]
    assert (await sdk.assistants.get_schemas(assistant_id))["graph_id"] == "echo_config"
    assert await sdk.assistants.get_subgraphs(assistant_id) == {}
    await sdk.assistants.delete(assistant_id)
    with pytest.raises(NotFoundError):
        await sdk.assistants.get(assistant_id)


async def test_a_key_is_needed(console):
    with pytest.raises(AuthenticationError):
        await get_client(url=console.url, api_key="wrong").threads.create()
