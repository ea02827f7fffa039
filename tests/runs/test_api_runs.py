"""Runs over HTTP: started, waited for, watched, cancelled; with and without a thread."""

from __future__ import annotations

import json
import re
import threading
from uuid import uuid4

import httpx
import pytest

from tests.console import wait_for

RUN = [
    "run_id",
    "thread_id",
    "assistant_id",
    "metadata",
    "status",
    "kwargs",
    "multitask_strategy",
    "created_at",
    "updated_at",
    "langsmith_session_name",
]
KWARGS = [
    "input",
    "command",
    "config",
    "context",
    "stream_mode",
    "interrupt_before",
    "interrupt_after",
    "webhook",
    "feedback_keys",
    "temporary",
    "subgraphs",
    "resumable",
    "checkpoint_during",
    "durability",
]
NOT_FOUND = {"error": "HTTPException", "message": "404: Run not found"}
STEPS = {"visited": ["step_1", "step_2", "step_3"]}


@pytest.fixture
def place(api) -> str:
    """The runs of a fresh thread."""
    return f"/threads/{api.post('/threads', json={}).json()['thread_id']}/runs"


def frames(raw: str, *, ids: bool = False) -> list[tuple]:
    """The events of a stream, which must be framed exactly."""
    found = []
    for block in re.sub(": heartbeat\r\n\r\n", "", raw).split("\r\n\r\n")[:-1]:
        lines = block.split("\r\n")
        assert [line.split(": ")[0] for line in lines] == ["event", "data", "id"][: len(lines)]
        assert len(lines) == (3 if ids else 2)
        event, data, *last = [line.split(": ", 1)[1] for line in lines]
        found.append((event, json.loads(data), *map(int, last)))
    return found


def until_over(api: httpx.Client, place: str) -> dict:
    def over() -> dict | None:
        run = api.get(place).json()
        return run if run["status"] not in ("pending", "running") else None

    return wait_for(over)


def test_a_background_run_is_answered_at_once_and_found_again(api, place):
    body = {
        "assistant_id": "static_steps",
        "input": {"some_text": "x"},
        "metadata": {"m": 1},
        "config": {"tags": ["a"], "recursion_limit": 9, "configurable": {"k": "v"}},
    }
    answer = api.post(place, json=body)
    run = answer.json()
    assert list(run) == RUN
    assert list(run["kwargs"]) == KWARGS
    assert answer.headers["content-location"] == f"{place}/{run['run_id']}"
    assert (run["status"], run["multitask_strategy"]) == ("pending", "enqueue")
    assert run["metadata"]["m"] == 1
    assert run["kwargs"]["context"] == {"k": "v"}
    assert run["kwargs"]["config"]["tags"] == ["a"]

    own = f"{place}/{run['run_id']}"
    assert STEPS.items() <= api.get(f"{own}/join").json().items()
    assert api.get(own).json()["status"] == "success"
    assert [one["run_id"] for one in api.get(place).json()] == [run["run_id"]]
    assert api.get(f"{place}?status=error").json() == []
    assert api.get(f"{place}?limit=0").json() == []
    assert api.get(f"{place}?select=status&select=run_id").json() == [
        {"run_id": run["run_id"], "status": "success"}
    ]
    assert api.delete(own).status_code == 204
    assert api.get(own).status_code == 404


def test_waiting_answers_with_the_output_and_says_where_it_is(api, place):
    answer = api.post(f"{place}/wait", json={"assistant_id": "static_steps", "input": {}})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert "content-length" not in answer.headers
    assert STEPS.items() <= answer.json().items()
    own = answer.headers["content-location"]
    assert re.fullmatch(rf"{place}/[0-9a-f-]{{36}}", own)
    assert answer.headers["location"] == f"{own}/join"


def test_the_documented_flow_byte_for_byte(api, place):
    body = {"assistant_id": "human_in_the_loop", "input": {"some_text": "original text"}}
    paused = api.post(f"{place}/wait", json=body)
    interrupt_id = paused.json()["__interrupt__"][0]["id"]
    assert re.fullmatch("[0-9a-f]{32}", interrupt_id)
    assert (
        '"__interrupt__":[{"value":{"text_to_revise":"original text"},'
        f'"id":"{interrupt_id}","response_schema":null}}]' in paused.text
    )
    again = api.get(f"{paused.headers['content-location']}/join").json()
    assert again == {
        "__interrupt__": [{"id": interrupt_id, "value": {"text_to_revise": "original text"}}]
    }
    body = {"assistant_id": "human_in_the_loop", "command": {"resume": "Edited text"}}
    assert api.post(f"{place}/wait", json=body).json()["some_text"] == "Edited text"


def test_a_graph_that_fails_is_a_200_with_its_error(api, place):
    answer = api.post(f"{place}/wait", json={"assistant_id": "failing", "input": {}})
    assert answer.status_code == 200
    assert list(answer.json()) == ["__error__"]
    assert list(answer.json()["__error__"]) == ["error", "message"]
    assert api.get(f"{answer.headers['content-location']}/join").json() == answer.json()


def test_waiting_is_kept_alive_by_newlines(api, place):
    body = {"assistant_id": "slow", "input": {"seconds": 5.5}}
    answer = api.post(f"{place}/wait", json=body)
    assert answer.text.startswith("\n{")
    assert answer.json()["seconds"] == 5.5


def test_a_thread_is_made_for_a_run_only_when_asked(api):
    place = f"/threads/{uuid4()}/runs"
    run = {"assistant_id": "static_steps", "input": {}, "metadata": {"rm": 1}}
    for body in (run, run | {"if_not_exists": "reject"}):
        answer = api.post(f"{place}/wait", json=body)
        assert (answer.status_code, answer.json()) == (
            404,
            {"detail": "Thread or assistant not found."},
        )
    assert api.post(f"{place}/wait", json=run | {"if_not_exists": "create"}).status_code == 200
    assert api.get(place.removesuffix("/runs")).json()["metadata"]["rm"] == 1


def test_a_stream_is_framed_as_the_reference_frames_it(api, place):
    body = {"assistant_id": "human_in_the_loop", "input": {"some_text": "x"}}
    answer = api.post(f"{place}/stream", json=body | {"stream_mode": ["values", "updates"]})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    own = answer.headers["content-location"]
    assert answer.headers["location"] == f"{own}/stream"
    events = frames(answer.text)
    assert [event for event, _ in events] == ["metadata", "values", "updates", "values"]
    assert events[0][1] == {"run_id": own.rsplit("/")[-1], "attempt": 1}
    assert list(events[2][1]) == ["__interrupt__"]
    assert list(events[2][1]["__interrupt__"][0]) == ["value", "id", "response_schema"]
    assert api.get(own).json()["status"] == "success"  # committed before the stream closed
    assert api.get(f"{own}/stream").text == ""  # over, and nobody asked for it to be kept


def test_a_failing_stream_ends_with_its_error(api, place):
    answer = api.post(f"{place}/stream", json={"assistant_id": "failing", "input": {}})
    assert frames(answer.text)[-1][0] == "error"


def test_a_resumable_stream_is_read_again_from_where_the_line_broke(api, place):
    body = {"assistant_id": "static_steps", "input": {}, "stream_resumable": True}
    first = api.post(f"{place}/stream", json=body | {"stream_mode": ["values", "updates"]})
    events = frames(first.text, ids=True)
    ids = [event_id for *_, event_id in events]
    assert ids == sorted(ids)
    stream = f"{first.headers['content-location']}/stream"

    def again(last: str | None, query: str = "") -> list[tuple]:
        headers = {} if last is None else {"last-event-id": last}
        return frames(api.get(stream + query, headers=headers).text, ids=True)

    assert again(None) == []
    assert again("garbage") == []
    assert again("-1") == again("0") == events
    assert again(str(ids[2])) == events[3:]
    assert again(str(ids[-1])) == []
    updates = [event for event in events if event[0] == "updates"]
    assert again("-1", "?stream_mode=updates") == updates
    assert len(updates) == 3


def test_a_running_run_can_be_joined_from_its_start_or_from_now(api, place):
    body = {"assistant_id": "slow", "input": {"seconds": 1}, "stream_mode": "updates"}
    for resumable in (True, False):
        run = api.post(place, json=body | {"stream_resumable": resumable}).json()
        own = f"{place}/{run['run_id']}"
        wait_for(lambda own=own: api.get(own).json()["status"] == "running")
        events = frames(api.get(f"{own}/stream").text, ids=resumable)
        assert events[-1][0] == "updates"
        assert api.get(own).json()["status"] == "success"


def test_streams_and_joins_of_runs_that_are_not_there_say_so_in_the_body(api, place):
    own = f"{place}/{uuid4()}"
    assert frames(api.get(f"{own}/stream").text) == [("error", NOT_FOUND)]
    assert api.get(f"{own}/join").json() == {"__error__": NOT_FOUND}
    assert api.get(f"{place}/bad/join").status_code == 422


def test_silence_is_bridged_by_heartbeats(api, place):
    body = {"assistant_id": "slow", "input": {"seconds": 5.5}}
    assert ": heartbeat\r\n\r\n" in api.post(f"{place}/stream", json=body).text


def test_a_cancelled_run_is_interrupted_and_its_clients_hear(api, place):
    run = api.post(place, json={"assistant_id": "slow", "input": {"seconds": 30}}).json()
    own = f"{place}/{run['run_id']}"
    wait_for(lambda: api.get(own).json()["status"] == "running")
    joined: list[httpx.Response] = []
    joining = threading.Thread(target=lambda: joined.append(api.get(f"{own}/join")))
    joining.start()
    answer = api.post(f"{own}/cancel")
    assert (answer.status_code, answer.content) == (202, b"")
    joining.join(timeout=10)
    assert joined[0].status_code == 200
    assert api.get(own).json()["status"] == "interrupted"
    late = api.post(f"{own}/cancel")
    assert late.status_code == 404
    assert late.json()["detail"].startswith("No matching runs to cancel.")
    nobody = api.post(f"{place}/{uuid4()}/cancel")
    assert nobody.json() == {"detail": "No runs found to cancel."}


def test_cancelling_can_wait_and_roll_back(api, place):
    for query, status in (("wait=true", 200), ("wait=1&action=rollback", 404)):
        run = api.post(place, json={"assistant_id": "slow", "input": {"seconds": 30}}).json()
        own = f"{place}/{run['run_id']}"
        answer = api.post(f"{own}/cancel?{query}")
        assert (answer.status_code, answer.json()) == (200, {})
        assert api.get(own).status_code == status


@pytest.mark.parametrize("kind", ["wait", "stream"])
def test_a_client_that_leaves_can_take_its_run_along(console, api, place, kind):
    body = {"assistant_id": "slow", "input": {"seconds": 30}, "on_disconnect": "cancel"}
    with (
        console.client() as leaving,
        leaving.stream("POST", f"{place}/{kind}", json=body) as answer,
    ):
        own = answer.headers["content-location"]
        wait_for(lambda: api.get(own).json()["status"] == "running")
    assert until_over(api, own)["status"] == "interrupted"


def test_a_client_that_leaves_leaves_its_run_alone(console, api, place):
    body = {"assistant_id": "slow", "input": {"seconds": 1}}
    with (
        console.client() as leaving,
        leaving.stream("POST", f"{place}/wait", json=body) as answer,
    ):
        own = answer.headers["content-location"]
    assert until_over(api, own)["status"] == "success"


def test_a_busy_thread_can_be_left_alone(api, place):
    api.post(place, json={"assistant_id": "slow", "input": {"seconds": 30}})
    body = {"assistant_id": "static_steps", "input": {}, "multitask_strategy": "reject"}
    answer = api.post(f"{place}/wait", json=body)
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("Thread is already running a task.")
    assert len(api.get(place).json()) == 1
    body["multitask_strategy"] = "interrupt"
    visited = api.post(f"{place}/wait", json=body).json()["visited"]
    assert visited[-3:] == STEPS["visited"]


def test_stateless_runs_leave_no_thread_behind(api):
    run = {"assistant_id": "static_steps", "input": {}}
    waited = api.post("/runs/wait", json=run)
    assert STEPS.items() <= waited.json().items()
    thread = waited.headers["content-location"].partition("/runs/")[0]
    assert waited.headers["location"] == f"{waited.headers['content-location']}/join"
    assert api.get(thread).status_code == 404

    streamed = api.post("/runs/stream", json=run | {"stream_mode": "updates"})
    assert len(frames(streamed.text)) == 4
    assert streamed.headers["location"] == f"{streamed.headers['content-location']}/stream"
    assert api.get(streamed.headers["location"]).status_code == 404


def test_a_stateless_run_can_keep_its_thread(api):
    run = {"assistant_id": "human_in_the_loop", "input": {"some_text": "x"}}
    waited = api.post("/runs/wait", json=run | {"on_completion": "keep"})
    thread = waited.headers["content-location"].partition("/runs/")[0]
    assert api.get(thread).json()["status"] == "interrupted"
    assert api.post("/runs/wait", json=run | {"on_completion": "bogus"}).status_code == 422


def test_a_stateless_run_that_asks_a_person_keeps_its_thread_until_it_is_answered(api):
    run = {"assistant_id": "human_in_the_loop", "input": {"some_text": "x"}}
    waited = api.post("/runs/wait", json=run)
    thread = waited.headers["content-location"].partition("/runs/")[0]
    assert api.get(thread).json()["status"] == "interrupted"
    body = {"assistant_id": "human_in_the_loop", "command": {"resume": "y"}}
    assert api.post(f"{thread}/runs/wait", json=body).json()["some_text"] == "y"


def test_a_stateless_background_run_is_answered_at_once(api):
    answer = api.post("/runs", json={"assistant_id": "static_steps", "input": {}})
    assert list(answer.json()) == RUN
    assert answer.headers["content-location"] == f"/runs/{answer.json()['run_id']}"


def test_an_answer_to_nothing_is_refused(api, place):
    body = {"assistant_id": "human_in_the_loop", "command": {"resume": "y"}}
    assert api.post(f"{place}/wait", json=body).status_code == 409
    assert api.post("/runs/wait", json=body).status_code == 409


def test_zero_false_and_the_empty_string_are_answers(api, place):
    for answer in ("", 0, False, []):
        body = {"assistant_id": "human_in_the_loop", "input": {"some_text": "x"}}
        assert "__interrupt__" in api.post(f"{place}/wait", json=body).json()
        body = {"assistant_id": "human_in_the_loop", "command": {"resume": answer}}
        assert api.post(f"{place}/wait", json=body).json()["some_text"] == answer
