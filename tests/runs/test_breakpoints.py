"""Stored breakpoints: set by API, applied to every run, never switched off by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from reviews.models import AuditEntry, ReviewTask
from runs import runtime, services
from runs.models import BreakpointVersion, Scope
from tests.conftest import issue_key
from tests.console import Console, wait_for

pytestmark = pytest.mark.usefixtures("ledger_kept")

GRAPH = "static_steps"
Set = Callable[..., dict[str, Any]]


@pytest.fixture
def admin(console: Console) -> Iterator[httpx.Client]:
    with console.client() as client:
        client.headers["x-api-key"] = issue_key("admin", list(Scope.values))
        yield client


@pytest.fixture
def stop(admin: httpx.Client) -> Iterator[Set]:
    """Set a breakpoint until the test is over."""
    made: list[int] = []

    def set_breakpoint(**body: Any) -> dict[str, Any]:
        answer = admin.post("/breakpoints", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        made.append(found["breakpoint_id"])
        return found

    yield set_breakpoint
    for breakpoint_id in made:
        admin.delete(f"/breakpoints/{breakpoint_id}")


def thread(client: httpx.Client, **fields: Any) -> str:
    thread_id: str = client.post("/threads", json=fields).json()["thread_id"]
    return thread_id


def run(client: httpx.Client, thread_id: str, name: str = GRAPH, **body: Any) -> Any:
    return client.post(f"/threads/{thread_id}/runs/wait", json={"assistant_id": name} | body)


def next_of(client: httpx.Client, thread_id: str) -> list[str]:
    found: list[str] = client.get(f"/threads/{thread_id}/state").json()["next"]
    return found


def own_assistant(client: httpx.Client, graph_id: str = GRAPH) -> str:
    made: str = client.post("/assistants", json={"graph_id": graph_id}).json()["assistant_id"]
    return made


# -- set -------------------------------------------------------------------------------------


def test_a_breakpoint_is_set_listed_switched_and_removed(admin: httpx.Client) -> None:
    made = admin.post("/breakpoints", json={"graph_id": GRAPH, "node": "step_3"}).json()
    place = f"/breakpoints/{made['breakpoint_id']}"
    assert (made["graph_id"], made["node"], made["position"]) == (GRAPH, "step_3", "before")
    assert made["is_on"]
    assert made["author"].startswith("key:admin")

    assert made in admin.get("/breakpoints").json()
    assert admin.get(place).json() == made
    assert admin.patch(place, json={"is_on": False}).json()["is_on"] is False
    same = admin.post("/breakpoints", json={"graph_id": GRAPH, "node": "step_3"}).json()
    assert (same["breakpoint_id"], same["is_on"]) == (made["breakpoint_id"], True)
    assert admin.delete(place).status_code == 204
    assert admin.get(place).status_code == 404
    actions = AuditEntry.objects.filter(object=f"breakpoint:{made['breakpoint_id']}")
    assert [entry.action for entry in actions.order_by("pk")] == [
        *["breakpoint.set"] * 3,
        "breakpoint.removed",
    ]


def test_every_change_is_a_version(api: httpx.Client, admin: httpx.Client) -> None:
    mine = own_assistant(api)
    made = admin.post("/breakpoints", json={"assistant_id": mine, "node": "step_1"}).json()
    place = f"/breakpoints/{made['breakpoint_id']}"
    admin.patch(place, json={"is_on": True})  # it is: nothing changes, and that is no version
    admin.patch(place, json={"is_on": False})
    admin.delete(place)

    told = api.get("/breakpoints/versions", params={"limit": 3}).json()
    assert [version["changes"][0]["became"] for version in told] == ["gone", "off", "on"]
    assert [version["changes"][0]["was"] for version in told] == ["off", "on", "gone"]
    assert {version["changes"][0]["assistant_id"] for version in told} == {mine}
    assert {version["author"].split(":")[1] for version in told} == {"admin"}
    numbers = [version["version"] for version in told]
    assert numbers == [numbers[0], numbers[0] - 1, numbers[0] - 2]
    before = {"limit": 1, "before": numbers[0]}
    assert api.get("/breakpoints/versions", params=before).json() == [told[1]]
    assert api.get("/breakpoints/versions", params={"limit": "all"}).status_code == 422


def test_versions_have_no_gaps_and_no_twins_however_many_write_at_once(
    api: httpx.Client, admin: httpx.Client, console: Console
) -> None:
    mine = own_assistant(api)
    places = [(node, at) for node in ("step_1", "step_2", "step_3") for at in ("before", "after")]

    def write(place: tuple[str, str]) -> int:
        with console.client() as client:
            client.headers["x-api-key"] = admin.headers["x-api-key"]
            body = {"assistant_id": mine, "node": place[0], "position": place[1]}
            return client.post("/breakpoints", json=body).status_code

    with ThreadPoolExecutor(len(places)) as pool:
        assert set(pool.map(write, places)) == {200}

    rows = BreakpointVersion.objects.filter(changes__assistant_id=mine).order_by("number")
    numbers = [row.number for row in rows]
    assert numbers == list(range(numbers[0], numbers[0] + len(places)))


def test_a_graph_that_cannot_be_loaded_is_in_nobodys_way() -> None:
    """Every graph is asked whether it has the node; one that is broken has not."""
    with patch.object(runtime.registry, "graph_ids", return_value=["no such graph", GRAPH]):
        assert services.graphs_with("step_1") == [GRAPH]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"graph_id": GRAPH, "node": "step_9"}, 422),
        ({"assistant_id": GRAPH, "node": "step_9"}, 422),
        ({"node": "a node of no graph"}, 422),
        ({"graph_id": GRAPH, "node": "step_1", "position": "beside"}, 422),
        ({"graph_id": GRAPH, "assistant_id": GRAPH, "node": "step_1"}, 422),
        ({"graph_id": GRAPH}, 422),
        ({"graph_id": GRAPH, "node": "step_1", "is_on": "no"}, 422),
        ({"graph_id": "no graph", "node": "step_1"}, 404),
        ({"assistant_id": "not an id", "node": "step_1"}, 422),
    ],
)
def test_what_cannot_stop_a_run_is_not_set(
    admin: httpx.Client, body: dict[str, Any], status: int
) -> None:
    before = admin.get("/breakpoints").json()

    assert admin.post("/breakpoints", json=body).status_code == status
    assert admin.get("/breakpoints").json() == before


def test_only_admins_set_them(api: httpx.Client, stop: Set) -> None:
    made = stop(assistant_id=own_assistant(api), node="step_1")
    place = f"/breakpoints/{made['breakpoint_id']}"

    assert api.get(place).json() == made
    refused = [
        api.post("/breakpoints", json={"graph_id": GRAPH, "node": "step_1"}),
        api.patch(place, json={"is_on": False}),
        api.delete(place),
    ]
    assert [answer.status_code for answer in refused] == [403] * 3


def test_an_assistant_with_breakpoints_is_not_deleted(api: httpx.Client, stop: Set) -> None:
    mine = own_assistant(api)
    stop(assistant_id=mine, node="step_2")

    assert api.delete(f"/assistants/{mine}").status_code == 409


def test_the_schema_has_them(api: httpx.Client) -> None:
    schema = api.get("/api/schema/").text

    assert "\n  /breakpoints:" in schema
    assert "\n  /breakpoints/{breakpoint_id}:" in schema
    assert "\n  /breakpoints/versions:" in schema


# -- applied ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["assistant", "graph", "every graph"])
@pytest.mark.parametrize("position", ["before", "after"])
def test_every_run_stops_there(api: httpx.Client, stop: Set, scope: str, position: str) -> None:
    mine = own_assistant(api)
    where = {"assistant": {"assistant_id": mine}, "graph": {"graph_id": GRAPH}, "every graph": {}}
    stop(**where[scope], node="step_2", position=position)
    thread_id = thread(api)

    run(api, thread_id, mine, input={})

    assert next_of(api, thread_id) == (["step_2"] if position == "before" else ["step_3"])
    task = ReviewTask.objects.open().get(thread_id=thread_id)
    assert (task.is_breakpoint, task.position) == (True, position)
    assert run(api, thread_id, mine, input=None).json()["visited"] == ["step_1", "step_2", "step_3"]
    run(api, thread_id, mine, input={})
    assert next_of(api, thread_id) == (["step_2"] if position == "before" else ["step_3"])


def test_another_assistants_runs_do_not_stop(api: httpx.Client, stop: Set) -> None:
    stop(assistant_id=own_assistant(api), node="step_2")
    thread_id = thread(api)

    assert len(run(api, thread_id, input={}).json()["visited"]) == 3


def test_one_that_is_off_stops_nobody(api: httpx.Client, admin: httpx.Client, stop: Set) -> None:
    mine = own_assistant(api)
    made = stop(assistant_id=mine, node="step_2", is_on=False)
    assert len(run(api, thread(api), mine, input={}).json()["visited"]) == 3

    admin.patch(f"/breakpoints/{made['breakpoint_id']}", json={"is_on": True})
    assert len(run(api, thread(api), mine, input={}).json()["visited"]) == 1


@pytest.mark.parametrize(
    "own",
    [
        {"interrupt_before": []},
        {"interrupt_before": ["step_3"]},
        {"interrupt_after": ["step_3"]},
        {"interrupt_before": [], "interrupt_after": []},
    ],
)
def test_a_runs_own_list_adds_and_takes_nothing_away(
    api: httpx.Client, stop: Set, own: dict[str, Any]
) -> None:
    mine = own_assistant(api)
    stop(assistant_id=mine, node="step_2")
    thread_id = thread(api)

    run(api, thread_id, mine, input={}, **own)
    assert next_of(api, thread_id) == ["step_2"]

    if own.get("interrupt_before"):
        run(api, thread_id, mine, input=None, **own)
        assert next_of(api, thread_id) == ["step_3"]


def test_compiled_ones_stay(api: httpx.Client, stop: Set) -> None:
    mine = own_assistant(api, "compiled_breakpoints")
    stop(assistant_id=mine, node="step_3")
    thread_id = thread(api)

    run(api, thread_id, mine, input={})
    assert next_of(api, thread_id) == ["step_2"]
    run(api, thread_id, mine, input=None, interrupt_before=[])
    assert next_of(api, thread_id) == ["step_3"]


def test_a_resume_stops_there(api: httpx.Client, stop: Set, tmp_path: Path) -> None:
    mine = own_assistant(api, "approve_once")
    thread_id = thread(api)
    run(api, thread_id, mine, input={"log": str(tmp_path / "log")})
    stop(assistant_id=mine, node="act")

    run(api, thread_id, mine, command={"resume": "yes"})

    assert next_of(api, thread_id) == ["act"]
    assert not (tmp_path / "log").exists()


def test_a_run_that_names_an_unknown_node_is_refused(api: httpx.Client) -> None:
    for field in ("interrupt_before", "interrupt_after"):
        answer = run(api, thread(api), input={}, **{field: ["step_9"]})
        assert answer.status_code == 422
        assert "step_9" in answer.json()["detail"]


def test_a_state_written_by_hand_does_not_lead_past_one(api: httpx.Client, stop: Set) -> None:
    mine = own_assistant(api)
    stop(assistant_id=mine, node="step_2")
    thread_id = thread(api, metadata={"graph_id": GRAPH})
    body = {"values": {"visited": ["step_1"]}, "as_node": "step_1"}
    assert api.post(f"/threads/{thread_id}/state", json=body).status_code == 200

    assert run(api, thread_id, mine, input=None).json()["visited"] == ["step_1"]
    assert ReviewTask.objects.open().get(thread_id=thread_id).node == "step_2"
    assert len(run(api, thread_id, mine, input=None).json()["visited"]) == 3


@pytest.mark.parametrize("how", ["an old checkpoint", "a command"])
def test_nor_do_other_beginnings(api: httpx.Client, stop: Set, how: str) -> None:
    mine = own_assistant(api)
    thread_id = thread(api, metadata={"graph_id": GRAPH})
    body = {"values": {"visited": ["step_1"]}, "as_node": "step_1"}
    at = api.post(f"/threads/{thread_id}/state", json=body).json()["checkpoint_id"]
    stop(assistant_id=mine, node="step_2")
    start = {"command": {"update": {"some_text": "x"}}}
    if how == "an old checkpoint":
        start = {"input": None, "checkpoint_id": at}

    answer = run(api, thread_id, mine, **start)

    assert answer.json()["__error__"]["error"] == "BreakpointInTheWay"
    assert next_of(api, thread_id) == ["step_2"]


def test_going_on_queued_before_it_does_not_pass_it(api: httpx.Client, stop: Set) -> None:
    mine = own_assistant(api, "slow_to_ask")
    stop(assistant_id=mine, node="ask")
    thread_id = thread(api)
    api.post(f"/threads/{thread_id}/runs", json={"assistant_id": mine, "input": {"seconds": 0.5}})

    refused = run(api, thread_id, mine, input=None)

    assert refused.json()["__error__"]["error"] == "WrongInterrupts"
    wait_for(lambda: api.get(f"/threads/{thread_id}").json()["status"] == "interrupted")
    assert ReviewTask.objects.open().get(thread_id=thread_id).is_breakpoint
