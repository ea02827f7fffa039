"""The thread-centric protocol: by the SDK, by HTTP and on a socket, to an interrupt and on."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group
from django.utils.timezone import now
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import LangGraphClient
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from reviews.models import Decision, ReviewPolicy
from runs import tasks
from runs.models import ApiKey, Run, RunEvent, Scope
from tests.conftest import delete_policy, issue_key
from tests.console import Console

ASK = {"assistant_id": "human_in_the_loop", "input": {"some_text": "x"}}
ENDS = ("interrupted", "completed", "failed")
ALL = {"channels": ["values", "updates", "tasks", "custom", "lifecycle", "input"]}
SIGNS = {"channels": ["lifecycle", "input"]}


class Session:
    """One thread, commands to it, and what it says."""

    def __init__(self, api: httpx.Client, thread_id: str = "") -> None:
        self.api = api
        self.thread_id = thread_id or str(uuid.uuid4())
        self.ids = itertools.count(1)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        body = {"id": next(self.ids), "method": method, "params": params}
        answer = self.api.post(f"/threads/{self.thread_id}/commands", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["id"] == body["id"]
        return dict(answer.json())

    @contextmanager
    def stream(self, **wanted: Any) -> Iterator[Iterator[dict[str, Any]]]:
        path = f"/threads/{self.thread_id}/stream/events"
        with self.api.stream("POST", path, json=ALL | wanted) as response:
            assert response.status_code == 200
            yield parsed(response.iter_lines())

    def until(self, ends: int = 1, **wanted: Any) -> list[dict[str, Any]]:
        """All events there are, up to the end of some run."""
        with self.stream(**wanted) as events:
            return up_to(events, ends)

    def pause(self, **run: Any) -> str:
        """Start a run that asks; returns the id of its question."""
        assert self.send("run.start", **(ASK | run))["type"] == "success"
        return str(requested(self.until())[0]["interrupt_id"])


def parsed(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    frame: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if not line and frame:
            event = json.loads(frame["data"])
            assert (frame["event"], frame["id"]) == (event["method"], str(event["seq"]))
            yield event
            frame = {}
        elif name:
            frame[name] = value


def up_to(events: Iterator[dict[str, Any]], ends: int) -> list[dict[str, Any]]:
    found = []
    for event in events:
        found.append(event)
        ends -= is_end(event)
        if not ends:
            break
    return found


def is_end(event: dict[str, Any]) -> bool:
    return event["method"] == "lifecycle" and event["params"]["data"]["event"] in ENDS


def phases(events: list[dict[str, Any]]) -> list[str]:
    return [e["params"]["data"]["event"] for e in events if e["method"] == "lifecycle"]


def requested(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [e["params"]["data"] for e in events if e["method"] == "input.requested"]


@pytest.fixture
def session(api: httpx.Client) -> Session:
    return Session(api)


# -- a conversation --------------------------------------------------------------------------


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
        seen = [values async for values in thread.values]
        assert thread.interrupted
        assert thread.interrupts[0]["value"] == {"text_to_revise": "x"}
        await thread.run.respond("answered")
        assert (await thread.output)["some_text"] == "answered"
    assert {"some_text": "x"} in seen


def test_the_sdk_without_async_finds_the_subgraph_that_asks(console: Console) -> None:
    client = get_sync_client(url=console.url, api_key=console.api_key)
    with client.threads.stream(assistant_id="subgraph_interrupt") as thread:
        thread.run.start(input={"some_text": "x"})
        assert [graph.graph_name for graph in thread.subgraphs] == ["child"]
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


# -- the guarded door ------------------------------------------------------------------------


def test_an_answer_is_a_decision_and_is_taken_once(session: Session) -> None:
    key = session.pause(config={"configurable": {"tone": "dry"}, "tags": ["first"]})
    answer = {"interrupt_id": key, "response": "once", "config": {"tags": ["second"]}}

    first = session.send("input.respond", **answer, update={"some_text": "by the way"})
    again = session.send("input.respond", **answer)

    assert first["type"] == "success"
    assert (again["error"], key in again["message"]) == ("no_such_interrupt", True)
    session.until(2)
    decision = Decision.objects.get(task__interrupt__key=key)
    assert decision.reviewer.username.startswith("key:session")
    resumed = Run.objects.on(uuid.UUID(session.thread_id)).order_by("pk").last()
    assert resumed is not None
    assert resumed.kwargs["command"]["resume"] == {key: "once"}
    assert resumed.kwargs["config"]["configurable"]["tone"] == "dry"
    assert resumed.kwargs["config"]["tags"] == ["second"]


def test_neither_a_lesser_key_nor_a_policy_is_walked_around(
    console: Console, session: Session, queue: Group
) -> None:
    key = session.pause()
    lesser = {"x-api-key": issue_key("lesser", [Scope.RUNS])}
    with httpx.Client(base_url=console.url, headers=lesser, timeout=60) as client:
        refused = Session(client, session.thread_id)
        for method, params in (
            ("input.respond", {"interrupt_id": key, "response": "no"}),
            ("run.start", {"assistant_id": "human_in_the_loop"}),
        ):
            assert refused.send(method, **params)["error"] == "permission_denied"

    policy = ReviewPolicy.objects.create(
        graph_id="two_interrupts", queue=queue, reviewers_only=True, order=1
    )
    guarded = Session(session.api)
    try:
        key = guarded.pause(assistant_id="two_interrupts")
        for more in ({}, {"goto": "__end__"}, {"update": {"some_text": "mine"}}):
            answer = guarded.send("input.respond", interrupt_id=key, response="mine", **more)
            assert answer["error"] == "permission_denied"
    finally:
        delete_policy(policy)


def test_mistakes_are_answered_in_the_words_of_the_protocol(session: Session) -> None:
    nobody = "0" * 32
    mistakes: list[tuple[str, dict[str, Any], str, str]] = [
        ("bogus.method", {}, "unknown_command", "Unknown protocol command: bogus.method"),
        ("state.get", {}, "unknown_command", "Unknown protocol command: state.get"),
        ("run.start", {}, "invalid_argument", "run.start requires an assistant_id."),
        ("run.start", {"assistant_id": "nope"}, "unknown_error", "422: Invalid assistant: 'nope'"),
        ("run.start", ASK | {"metadata": None}, "invalid_argument", "metadata"),
        ("input.respond", {}, "invalid_argument", "input.respond requires"),
        ("input.respond", {"responses": []}, "invalid_argument", "input.respond requires"),
        ("input.respond", {"interrupt_id": nobody, "response": 1}, "no_such_interrupt", nobody),
        ("subscription.subscribe", {}, "invalid_argument", "channels is required"),
        ("subscription.unsubscribe", {}, "invalid_argument", "requires a subscription_id"),
        ("agent.getTree", {}, "no_such_run", "No active run is bound to this thread."),
    ]
    for method, params, code, message in mistakes:
        answer = session.send(method, **params)
        assert (answer["type"], answer["error"]) == ("error", code), answer
        assert message in answer["message"]
    subscribed = session.send("subscription.subscribe", **ALL)["result"]
    assert subscribed["replayed_events"] == 0
    assert session.send("subscription.unsubscribe", **subscribed)["result"] == {}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("commands", "{bad"),
        ("commands", "[]"),
        ("commands", '{"method": "run.start"}'),
        ("commands", '{"id": true, "method": "run.start"}'),
        ("commands", '{"id": -1, "method": "run.start"}'),
        ("stream/events", "{}"),
        ("stream/events", '{"channels": []}'),
        ("stream/events", '{"channels": ["bogus"]}'),
        ("stream/events", '{"channels": ["custom:"]}'),
        ("stream/events", '{"channels": [["values"]]}'),
        ("stream/events", '{"channels": ["values"], "namespaces": ["child"]}'),
        ("stream/events", '{"channels": ["values"], "since": -1}'),
    ],
)
def test_bodies_of_another_shape_are_refused(session: Session, path: str, body: str) -> None:
    answer = session.api.post(f"/threads/{session.thread_id}/{path}", content=body)
    assert answer.status_code == 400


# -- what a thread says ----------------------------------------------------------------------


def test_runs_started_elsewhere_breakpoints_and_failures_are_told_too(session: Session) -> None:
    path = f"/threads/{session.thread_id}"
    create = {"if_not_exists": "create"}
    session.api.post(f"{path}/runs/wait", json=ASK | create)
    (asked,) = requested(session.until())
    session.send("input.respond", interrupt_id=asked["interrupt_id"], response="elsewhere")
    steps = {"assistant_id": "static_steps", "input": {}, "interrupt_before": ["step_2"]}
    session.api.post(f"{path}/runs/wait", json=steps)
    assert session.send("run.start", assistant_id="static_steps", input=None)["type"] == "success"
    session.send("run.start", assistant_id="failing", input={"some_text": "x"})

    events = session.until(5)

    assert phases(events) == [
        *("running", "interrupted"),
        *("running", "completed"),
        *("running", "interrupted"),  # at a breakpoint
        *("running", "completed"),
        *("running", "failed"),
    ]
    assert "ValueError" in events[-1]["params"]["data"]["error"]
    seqs = [e["seq"] for e in events]
    assert seqs == sorted(set(seqs))


def test_events_keep_their_numbers_when_older_ones_are_forgotten(session: Session) -> None:
    key = session.pause()
    before = session.until(1, **SIGNS)
    ours = RunEvent.objects.filter(run__thread_id=session.thread_id)
    ours.update(created_at=now() - timedelta(days=2))

    asyncio.run(tasks.prune_events.func(0))

    assert not ours.exists()
    assert session.until() == before
    session.send("input.respond", interrupt_id=key, response="late")
    assert phases(session.until(since=before[-1]["seq"])) == ["running", "completed"]


def test_what_graphs_say_in_their_own_words_is_chosen_by_name(session: Session) -> None:
    session.pause()
    run = Run.objects.get(thread_id=session.thread_id)
    run.events.all().delete()
    progress, other = ({"name": name, "payload": name} for name in ("progress", "other"))
    said = [("custom", progress), ("custom|child:1", other), ("custom", "plain")]
    updates = [("updates", {"node": None}), ("updates", {"a": 1, "b": 2}), ("checkpoints", {})]
    RunEvent.objects.bulk_create(
        RunEvent(run=run, event=name, data=data) for name, data in [*said, *updates]
    )

    def heard(*channels: str) -> list[Any]:
        events = session.until(1, channels=[*channels, "lifecycle"])
        return [e["params"]["data"] for e in events if e["method"] != "lifecycle"]

    assert heard("custom:progress") == [progress]
    assert heard("custom") == [progress, other, {"payload": "plain"}]
    assert heard("updates") == [{"node": "node", "values": {}}, {"values": {"a": 1, "b": 2}}]
    assert heard("messages", "tools") == []


# -- on a socket -----------------------------------------------------------------------------


@asynccontextmanager
async def socket_of(
    console: Console, thread_id: str, **headers: str
) -> AsyncIterator[ClientConnection]:
    address = f"{console.url.replace('http', 'ws')}/threads/{thread_id}/stream/events"
    async with connect(address, additional_headers=headers, proxy=None) as socket:
        yield socket


async def said(socket: ClientConnection, **message: Any) -> dict[str, Any]:
    """The answer to a command, whatever events come before."""
    await socket.send(json.dumps(message))
    return await heard(socket, lambda one: one["type"] != "event")


async def heard(socket: ClientConnection, fits: Any) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while not fits(found := json.loads(await socket.recv())):
            pass
    return dict(found)


async def test_a_socket_takes_commands_and_brings_events(console: Console) -> None:
    key = {"X-Api-Key": console.api_key}
    async with socket_of(console, str(uuid.uuid4()), **key) as socket:
        subscribed = await said(socket, id=1, method="subscription.subscribe", params=SIGNS)
        assert subscribed["result"]["replayed_events"] == 0
        assert (await said(socket, id=2, method="run.start", params=ASK))["id"] == 2
        asked = await heard(socket, lambda one: one.get("method") == "input.requested")
        await heard(socket, is_end)
        answer = {"interrupt_id": asked["params"]["data"]["interrupt_id"], "response": "ok"}
        done = await said(socket, id=3, method="input.respond", params=answer)
        assert done["meta"]["applied_through_seq"] >= asked["seq"]
        completed = await heard(socket, is_end)
        assert completed["params"]["data"]["event"] == "completed"

        ended = {"id": 4, "method": "subscription.unsubscribe", "params": subscribed["result"]}
        assert (await said(socket, **ended))["result"] == {}
        assert (await said(socket, **ended))["error"] == "no_such_subscription"
        assert (await said(socket, id=5, method="bogus"))["error"] == "unknown_command"
        assert (await said(socket, nope=True))["id"] is None
        for junk in ("not json", r'{"id": 6, "method": "\ud800"}', b"\xff\xfe"):
            await socket.send(junk)
            assert json.loads(await socket.recv())["error"] == "invalid_argument"


@pytest.fixture
def reader_key() -> str:
    return issue_key("reader", [Scope.TASKS_READ])


@pytest.fixture
def short_key() -> str:
    return issue_key("short", [Scope.RUNS])


async def test_a_socket_wants_a_key_and_no_foreign_page(console: Console, reader_key: str) -> None:
    key = {"X-Api-Key": console.api_key}
    thread_id = str(uuid.uuid4())
    for headers in (
        {},
        {"X-Api-Key": "hitl_nothing"},
        {"X-Api-Key": reader_key},
        key | {"Origin": "https://evil.example"},
        key | {"Origin": "null"},
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with socket_of(console, thread_id, **headers):
                pass
        assert refused.value.response.status_code == 403
    async with socket_of(console, thread_id, **key, Origin=console.url):
        pass
    with pytest.raises(InvalidStatus):
        async with socket_of(console, "no-uuid", **key):
            pass


async def test_a_key_that_is_revoked_does_nothing_more_on_its_socket(
    console: Console, short_key: str
) -> None:
    async with socket_of(console, str(uuid.uuid4()), **{"X-Api-Key": short_key}) as socket:
        assert (await said(socket, id=1, method="bogus"))["error"] == "unknown_command"
        await ApiKey.objects.filter(name="short").aupdate(revoked_at=now())
        refused = await said(socket, id=2, method="run.start", params=ASK)
        assert (refused["id"], refused["error"]) == (2, "permission_denied")
