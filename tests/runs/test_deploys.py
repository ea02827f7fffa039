"""A graph that changes while people are asked: named, refused, and let through when accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.console import Console, wait_for

SOURCE = """
import operator
from pathlib import Path
from typing import Annotated, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt


class State(TypedDict, total=False):
    log: str
    answers: Annotated[list[str], operator.add]


def ask(state: State) -> State:
    return {"answers": [interrupt({"question": "Act?"})]}


def act(state: State) -> State:
    with Path(state["log"]).open("a") as file:
        file.write("acted\\n")
    return {}


builder = StateGraph(State)
builder.add_sequence(NODES)
builder.add_edge(START, NODES[0][0])
graph = builder.compile()
"""
FIRST = [("ask", "ask"), ("act", "act")]
RENAMED = [("question", "ask"), ("act", "act")]
LONGER = [("ask", "ask"), ("think", "lambda state: {}"), ("act", "act")]
ACT_RENAMED = [("ask", "ask"), ("do", "act")]


class Deployment:
    """A folder of graphs that a console serves, and serves anew after each change."""

    def __init__(self, folder: Path, make: Callable[..., Console]) -> None:
        self.folder, self.log = folder, folder / "actions.log"
        folder.mkdir()
        self.write(FIRST)
        self.console = make(LANGGRAPH_CONFIG=str(folder / "langgraph.json"))
        self.client = self.console.client()

    def write(self, nodes: list[tuple[str, str]] | None) -> None:
        """Other code; without nodes the graph is gone."""
        graphs = {"spare": "./spare.py:graph"} | ({"agent": "./agent.py:graph"} if nodes else {})
        named = ", ".join(f'("{name}", {function})' for name, function in nodes or FIRST)
        for name in ("agent", "spare"):
            code = SOURCE.replace("add_sequence(NODES)", f"add_sequence([{named}])")
            first = (nodes or FIRST)[0][0]
            (self.folder / f"{name}.py").write_text(code.replace("NODES[0][0]", f'"{first}"'))
        config = {"dependencies": [], "graphs": graphs}
        (self.folder / "langgraph.json").write_text(json.dumps(config))

    def deploy(self, nodes: list[tuple[str, str]] | None) -> None:
        """The same database under new code."""
        self.console.stop()
        self.write(nodes)
        self.console.workers.clear()
        self.console.start()

    def ask(self) -> str:
        thread_id: str = self.client.post("/threads", json={}).json()["thread_id"]
        asked = self.run(thread_id, input={"log": str(self.log)})
        assert "__interrupt__" in asked.json(), asked.text
        return thread_id

    def run(self, thread_id: str, **body: Any) -> httpx.Response:
        url = f"/threads/{thread_id}/runs/wait"
        return self.client.post(url, json={"assistant_id": "agent"} | body)

    def task(self, thread_id: str) -> dict[str, Any]:
        [row] = self.client.get(f"/api/tasks/?thread_id={thread_id}").json()["results"]
        found: dict[str, Any] = self.client.get(f"/api/tasks/{row['id']}/").json()
        return found

    def decide(self, thread_id: str) -> httpx.Response:
        url = f"/api/tasks/{self.task(thread_id)['id']}/decide/"
        return self.client.post(url, json={"kind": "respond", "value": "yes"})

    @property
    def acted(self) -> bool:
        return self.log.exists()


@pytest.fixture
def deployment(tmp_path: Path, make_console: Callable[..., Console]) -> Deployment:
    return Deployment(tmp_path / "graphs", make_console)


def test_a_renamed_node_is_named_and_its_question_superseded(deployment: Deployment) -> None:
    by_api, by_person = deployment.ask(), deployment.ask()
    fits = deployment.console.manage("check_pending")
    assert (fits.returncode, "fits the graphs as deployed" in fits.stdout) == (0, True)

    deployment.deploy(RENAMED)

    said = deployment.console.manage("check_pending")
    assert said.returncode == 1
    for thread_id in (by_api, by_person):
        assert (
            f"thread {thread_id}, ask: the graph 'agent' no longer has the node 'ask'"
            in said.stdout
        )
    refused = deployment.run(by_api, command={"resume": "yes"})
    assert refused.status_code == 409
    assert "no longer has the node 'ask'" in refused.json()["detail"]
    late = deployment.decide(by_person)
    assert (late.status_code, late.json()["status"]) == (409, "superseded")
    assert not deployment.acted
    deployment.console.check_ledger()


def test_a_graph_that_is_gone_is_named_and_nothing_is_sent(deployment: Deployment) -> None:
    thread_id = deployment.ask()
    queued = {"assistant_id": "agent", "input": None, "after_seconds": 2}
    other: str = deployment.client.post("/threads", json={}).json()["thread_id"]
    waiting = deployment.client.post(f"/threads/{other}/runs", json=queued).json()["run_id"]

    deployment.deploy(None)

    said = deployment.console.manage("check_pending")
    assert said.returncode == 1
    assert f"thread {thread_id}, ask: the graph 'agent' is gone" in said.stdout
    assert deployment.run(thread_id, command={"resume": "yes"}).status_code in (404, 409, 422)
    assert deployment.decide(thread_id).status_code == 409
    place = f"/threads/{other}/runs/{waiting}"
    failed = wait_for(
        lambda: (run := deployment.client.get(place).json())["status"] == "error" and run,
        what="the queued run fails",
    )
    assert failed["run_id"] == waiting
    assert not deployment.acted
    deployment.console.check_ledger()


def test_a_changed_graph_waits_until_the_change_is_accepted(deployment: Deployment) -> None:
    thread_id, other = deployment.ask(), deployment.ask()

    deployment.deploy(LONGER)

    said = deployment.console.manage("check_pending")
    assert said.returncode == 1
    assert f"thread {thread_id}, ask: the graph 'agent' was changed" in said.stdout
    by_api = deployment.run(thread_id, command={"resume": "yes"})
    assert (by_api.status_code, "was changed" in by_api.json()["detail"]) == (409, True)
    by_person = deployment.decide(thread_id)
    assert (by_person.status_code, by_person.json()["status"]) == (409, "open")

    url = f"/api/tasks/{deployment.task(thread_id)['id']}/accept-change/"
    accepted = deployment.client.post(url)
    assert (accepted.status_code, accepted.json()["status"]) == (200, "open")
    assert deployment.decide(thread_id).status_code == 200
    wait_for(
        lambda: deployment.client.get(f"/threads/{thread_id}").json()["status"] == "idle",
        what="it goes on",
    )
    assert deployment.log.read_text() == "acted\n"
    assert deployment.run(other, command={"resume": "yes"}).status_code == 409
    deployment.console.check_ledger()


def test_runs_are_refused_while_a_breakpoint_has_lost_its_node(deployment: Deployment) -> None:
    client = deployment.client
    made = client.post("/breakpoints", json={"graph_id": "agent", "node": "act"}).json()
    thread_id: str = client.post("/threads", json={}).json()["thread_id"]
    start = {"assistant_id": "agent", "input": {"log": str(deployment.log)}, "after_seconds": 2}
    queued = client.post(f"/threads/{thread_id}/runs", json=start).json()["run_id"]

    deployment.deploy(ACT_RENAMED)

    said = deployment.console.manage("check_pending")
    assert said.returncode == 1
    assert "The breakpoint before act of the graph 'agent' names a node" in said.stdout
    fresh: str = client.post("/threads", json={}).json()["thread_id"]
    refused = deployment.run(fresh, input={"log": str(deployment.log)})
    assert refused.status_code == 409
    assert "names a node it no longer has" in refused.json()["detail"]
    place = f"/threads/{thread_id}/runs/{queued}"
    wait_for(lambda: client.get(place).json()["status"] == "error", what="the queued run fails")
    on = client.patch(f"/breakpoints/{made['breakpoint_id']}", json={"is_on": True})
    assert on.status_code == 422

    client.patch(f"/breakpoints/{made['breakpoint_id']}", json={"is_on": False})
    assert "__interrupt__" in deployment.run(fresh, input={"log": str(deployment.log)}).json()
    assert not deployment.acted
    deployment.console.check_ledger()
