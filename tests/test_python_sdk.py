"""The flows LangGraph documents, by its official Python SDK and as cURL sends them."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError

from reviews.models import Decision, ReviewTask
from runs.models import ApiKey
from tests.console import Console

STEPS = ["step_1", "step_2", "step_3"]


@pytest.fixture
async def thread(sdk: LangGraphClient) -> str:
    return str((await sdk.threads.create())["thread_id"])


def ids(answer: Any) -> list[str]:
    return [interrupt["id"] for interrupt in answer["__interrupt__"]]


# -- as documented ---------------------------------------------------------------------------


async def test_a_dynamic_interrupt_is_answered_by_a_command(
    sdk: LangGraphClient, thread: str
) -> None:
    asked: Any = await sdk.runs.wait(
        thread, "human_in_the_loop", input={"some_text": "original text"}
    )
    assert asked["some_text"] == "original text"
    assert asked["__interrupt__"] == [
        {"value": {"text_to_revise": "original text"}, "id": ids(asked)[0], "response_schema": None}
    ]
    waiting = await sdk.threads.get(thread)
    assert waiting["status"] == "interrupted"
    assert [shown for task in waiting["interrupts"].values() for shown in task] == [
        {"id": ids(asked)[0], "value": {"text_to_revise": "original text"}}
    ]
    state = await sdk.threads.get_state(thread)
    assert state["tasks"][0]["interrupts"][0]["id"] == ids(asked)[0]

    resumed = await sdk.runs.wait(thread, "human_in_the_loop", command={"resume": "Edited text"})

    assert resumed == {"some_text": "Edited text"}
    assert (await sdk.threads.get(thread))["status"] == "idle"


@pytest.mark.parametrize(
    ("breakpoints", "stops"),
    [
        ({"interrupt_before": ["step_2"]}, [1]),
        ({"interrupt_after": ["step_1"]}, [1]),
        ({"interrupt_before": ["step_2"], "interrupt_after": ["step_2"]}, [1, 2]),
        ({"interrupt_before": "*"}, [0, 1, 2]),
        ({"interrupt_after": "*"}, [1, 2]),
    ],
)
async def test_a_static_interrupt_is_passed_with_null_input(
    sdk: LangGraphClient, thread: str, breakpoints: dict[str, Any], stops: list[int]
) -> None:
    given: dict[str, Any] | None = {"some_text": "a"}
    for stop in stops:
        paused: Any = await sdk.runs.wait(thread, "static_steps", input=given, **breakpoints)
        assert paused.get("visited", []) == STEPS[:stop]
        assert "__interrupt__" not in paused
        assert (await sdk.threads.get(thread))["status"] == "interrupted"
        assert await ReviewTask.objects.open().on(thread).acount() == 1  # type: ignore[arg-type]
        given = None

    ended: Any = await sdk.runs.wait(thread, "static_steps", input=None, **breakpoints)

    assert ended["visited"] == STEPS
    assert (await sdk.threads.get(thread))["status"] == "idle"


async def test_compiled_breakpoints_stop_a_run_that_names_none(
    sdk: LangGraphClient, thread: str
) -> None:
    paused: Any = await sdk.runs.wait(thread, "compiled_breakpoints", input={})
    assert paused["visited"] == ["step_1"]

    ended: Any = await sdk.runs.wait(thread, "compiled_breakpoints", input=None)

    assert ended["visited"] == STEPS


def test_the_documented_flow_as_curl_sends_it(api: httpx.Client) -> None:
    thread = api.post("/threads", json={}).json()["thread_id"]
    wait = f"/threads/{thread}/runs/wait"

    asked = api.post(
        wait, json={"assistant_id": "human_in_the_loop", "input": {"some_text": "original text"}}
    )
    assert asked.status_code == 200
    assert re.fullmatch(
        r'{"some_text":"original text","__interrupt__":\[{"value":{"text_to_revise":'
        r'"original text"},"id":"[0-9a-f]{32}","response_schema":null}]}',
        asked.text.strip(),
    )
    assert re.fullmatch(f"/threads/{thread}/runs/[0-9a-f-]{{36}}/join", asked.headers["location"])

    resumed = api.post(
        wait, json={"assistant_id": "human_in_the_loop", "command": {"resume": "Edited text"}}
    )
    assert resumed.text.strip() == '{"some_text":"Edited text"}'


def test_breakpoints_as_curl_sends_them(api: httpx.Client) -> None:
    thread = api.post("/threads", json={}).json()["thread_id"]
    wait = f"/threads/{thread}/runs/wait"
    body = {"assistant_id": "static_steps", "interrupt_before": ["step_2"]}

    paused = api.post(wait, json={**body, "input": {"some_text": "a"}})
    ended = api.post(wait, json={"assistant_id": "static_steps", "input": None})

    assert paused.text.strip() == '{"some_text":"a","visited":["step_1"],"answers":[]}'
    assert ended.text.strip() == (
        '{"some_text":"a","visited":["step_1","step_2","step_3"],"answers":[]}'
    )


async def test_an_interrupt_inside_a_subgraph_is_answered_like_any_other(
    sdk: LangGraphClient, thread: str
) -> None:
    asked: Any = await sdk.runs.wait(thread, "subgraph_interrupt", input={"some_text": "a"})
    task = await ReviewTask.objects.open().on(thread).aget()  # type: ignore[arg-type]
    assert task.node == "inner_ask"
    assert task.namespace.startswith("child:")

    resumed: Any = await sdk.runs.wait(
        thread, "subgraph_interrupt", command={"resume": {ids(asked)[0]: "b"}}
    )

    assert resumed["some_text"] == "b"


async def test_parallel_interrupts_are_answered_by_a_map(sdk: LangGraphClient, thread: str) -> None:
    asked: Any = await sdk.runs.wait(thread, "parallel_interrupts", input={})
    assert list(asked) == ["__interrupt__"]
    left, right = ids(asked)

    resumed: Any = await sdk.runs.wait(
        thread, "parallel_interrupts", command={"resume": {right: "r", left: "l"}}
    )

    assert resumed["answers"] == ["left=l", "right=r", "joined"]


# -- strict ----------------------------------------------------------------------------------


async def refused(sdk: LangGraphClient, thread: str, graph: str, status: int, **body: Any) -> str:
    """Why a run was refused; nothing ran."""
    before = await sdk.runs.list(thread)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        await sdk.runs.wait(thread, graph, **body)
    assert caught.value.response.status_code == status, caught.value.response.text
    assert await sdk.runs.list(thread) == before
    assert set(caught.value.response.json()) == {"detail"}
    return str(caught.value.response.json()["detail"])


async def test_an_answer_where_nothing_is_asked_is_refused(
    sdk: LangGraphClient, thread: str
) -> None:
    assert await refused(sdk, thread, "human_in_the_loop", 409, command={"resume": "a"})


async def test_a_second_answer_is_refused_and_says_who_answered(
    sdk: LangGraphClient, thread: str, console: Console
) -> None:
    asked: Any = await sdk.runs.wait(thread, "human_in_the_loop", input={"some_text": "a"})
    answer = {"resume": {ids(asked)[0]: "b"}}
    await sdk.runs.wait(thread, "human_in_the_loop", command=answer)

    said = await refused(sdk, thread, "human_in_the_loop", 409, command=answer)

    assert ids(asked)[0] in said
    assert (await key_user(console)) in said


async def key_user(console: Console) -> str:
    key = await sync_to_async(ApiKey.objects.find)(console.api_key)
    assert key is not None
    return str(key.user.get_username())


async def test_a_map_that_is_not_what_is_pending_is_refused(
    sdk: LangGraphClient, thread: str
) -> None:
    asked: Any = await sdk.runs.wait(thread, "parallel_interrupts", input={})
    left, right = ids(asked)
    graph, strange = "parallel_interrupts", "f" * 32

    partial = await refused(sdk, thread, graph, 409, command={"resume": {left: "l"}})
    unknown = await refused(
        sdk, thread, graph, 409, command={"resume": {left: "l", right: "r", strange: "x"}}
    )
    await refused(sdk, thread, graph, 422, command={"resume": "for both"})
    await refused(sdk, thread, graph, 409, command={"resume": {}})

    assert right in partial
    assert strange in unknown
    resumed: Any = await sdk.runs.wait(thread, graph, command={"resume": {left: "l", right: "r"}})
    assert resumed["answers"] == ["left=l", "right=r", "joined"]


async def test_an_old_answer_does_not_meet_a_new_question(
    sdk: LangGraphClient, thread: str
) -> None:
    first: Any = await sdk.runs.wait(thread, "two_interrupts", input={})
    again: Any = await sdk.runs.wait(thread, "two_interrupts", input=None)
    assert ids(again) == ids(first)  # before any answer, the same question is raised again
    second: Any = await sdk.runs.wait(thread, "two_interrupts", command={"resume": "yes"})
    assert second["__interrupt__"][0]["value"] == {"n": 2, "previous": "yes"}

    said = await refused(sdk, thread, "two_interrupts", 409, input=None)
    stale = await refused(
        sdk, thread, "two_interrupts", 409, command={"resume": {ids(first)[0]: "yes"}}
    )

    assert ids(second)[0] in said
    assert ids(first)[0] in stale
    done: Any = await sdk.runs.wait(
        thread, "two_interrupts", command={"resume": {ids(second)[0]: "no"}}
    )
    assert done["answers"] == ["yes", "no"]


async def test_a_bad_answer_to_a_form_is_refused_and_the_question_stays(
    sdk: LangGraphClient, thread: str
) -> None:
    await sdk.runs.wait(thread, "typed_form", input={"destination": "Porto"})

    said = await refused(sdk, thread, "typed_form", 422, command={"resume": {"approved": "?"}})

    assert "/" in said
    assert await ReviewTask.objects.open().on(thread).acount() == 1  # type: ignore[arg-type]
    good = {
        "approved": True,
        "by": "train",
        "budget": 100,
        "leaving": "2027-01-01",
        "travellers": ["Ann"],
    }
    booked: Any = await sdk.runs.wait(thread, "typed_form", command={"resume": good})
    assert booked["result"] == "booked by train"


async def test_a_busy_thread_refuses_a_second_run_where_the_client_says_so(
    sdk: LangGraphClient, thread: str
) -> None:
    run = await sdk.runs.create(thread, "slow", input={"seconds": 0.5})
    with pytest.raises(ConflictError):
        await sdk.runs.create(thread, "slow", input={}, multitask_strategy="reject")
    joined: Any = await sdk.runs.join(thread, run["run_id"])
    assert joined["visited"] == ["step_1", "nap", "step_3"]


# -- the ledger ------------------------------------------------------------------------------


async def test_a_resume_closes_the_task_in_the_name_of_the_key(
    sdk: LangGraphClient, thread: str, console: Console
) -> None:
    await sdk.runs.wait(thread, "human_in_the_loop", input={"some_text": "a"})
    task = await ReviewTask.objects.open().on(thread).aget()  # type: ignore[arg-type]

    await sdk.runs.wait(thread, "human_in_the_loop", command={"resume": "b"})

    await task.arefresh_from_db()
    decision = await Decision.objects.select_related("reviewer", "delivery").aget(task=task)
    assert (task.status, decision.kind, decision.value) == ("decided", "edit", "b")
    assert (decision.via, decision.delivery.state) == ("resume", "consumed")
    assert decision.reviewer.get_username() == await key_user(console)


def test_answers_keep_their_type(api: httpx.Client) -> None:
    for value in ("", 0, False, None, [], {"a": {"b": [1.5, "ü"]}}):
        wait = f"/threads/{api.post('/threads', json={}).json()['thread_id']}/runs/wait"
        api.post(wait, json={"assistant_id": "approve_once", "input": {}})
        answer = {"assistant_id": "approve_once", "command": {"resume": value}}
        assert api.post(wait, json=answer).json()["answers"] == [f"{value}"]
