"""Stuck behind an answer: found, shown, and put right by a retry or by asking again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.console import Console, wait_for

pytestmark = pytest.mark.usefixtures("ledger_kept")

COMPLAINT = {"messages": [{"role": "user", "content": "Order A-1042 broke, I want 89.90 back"}]}
APPROVED = {"decisions": [{"type": "approve"}, {"type": "approve"}]}
Row = dict[str, Any]


@pytest.fixture
def client(compatible: Console) -> Iterator[httpx.Client]:
    """A client of a console that lets wrong answers through to the graph."""
    with compatible.client() as client:
        yield client


@pytest.fixture
def place(client: httpx.Client) -> str:
    return f"/threads/{client.post('/threads', json={}).json()['thread_id']}"


def run(client: httpx.Client, place: str, graph: str, **body: Any) -> Any:
    answer = client.post(f"{place}/runs/wait", json={"assistant_id": graph} | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def tasks(client: httpx.Client, place: str) -> list[Row]:
    """The tasks of a thread, the newest first, each with its decisions."""
    rows = client.get(f"/api/tasks/?thread_id={place.rpartition('/')[2]}").json()["results"]
    return [client.get(f"/api/tasks/{row['id']}/").json() for row in rows]


def repair(client: httpx.Client, task: Row, kind: str) -> httpx.Response:
    return client.post(f"/api/tasks/{task['id']}/repair/", json={"kind": kind})


def settled(client: httpx.Client, place: str) -> Row:
    found: Row = wait_for(
        lambda: (at := client.get(place).json())["status"] != "busy" and at, what=place
    )
    return found


def deliveries(task: Row) -> list[tuple[str, str]]:
    return sorted((one["kind"], one["delivery"]) for one in task["decisions"])


def stuck(client: httpx.Client, place: str, tmp_path: Path) -> Row:
    """The task of a thread whose node failed once after its answer."""
    (die := tmp_path / "die").touch()
    state = {"log": str(tmp_path / "log"), "die": str(die)}
    run(client, place, "fails_once", input=state)
    assert "__error__" in run(client, place, "fails_once", command={"resume": "yes"})
    [task] = tasks(client, place)
    assert (task["status"], deliveries(task)) == ("failed", [("respond", "failed")])
    assert client.get(place).json()["status"] == "error"
    return task


def log(tmp_path: Path) -> list[str]:
    return (tmp_path / "log").read_text().splitlines()


def test_too_few_decisions_are_asked_again(client: httpx.Client, place: str) -> None:
    run(client, place, "approve_tool", input=COMPLAINT)
    wrong = {"decisions": [{"type": "approve"}]}
    answer = run(client, place, "approve_tool", command={"resume": wrong})
    assert answer["__error__"]["error"] == "ValueError"
    [failed] = tasks(client, place)
    assert failed["status"] == "failed"
    assert client.get(place).json()["status"] == "error"
    again = run(client, place, "approve_tool", command={"resume": APPROVED})
    assert again["__error__"]["error"] == "ValueError"  # LangGraph replays the first answer

    assert repair(client, failed, "ask_again").status_code == 200
    assert settled(client, place)["status"] == "interrupted"

    new, old = tasks(client, place)
    assert (new["status"], old["status"]) == ("open", "superseded")
    assert new["interrupt_id"] != old["interrupt_id"]
    assert old["superseded_by"] == new["id"]
    assert deliveries(old) == [("ask_again", "consumed"), ("respond", "repaired")]
    done = run(client, place, "approve_tool", command={"resume": APPROVED})
    assert "Refunded 89.90" in str(done["messages"][-1]["content"])
    assert client.get(place).json()["status"] == "idle"


def test_a_retry_gives_the_node_its_answer_again(
    client: httpx.Client, place: str, tmp_path: Path
) -> None:
    task = stuck(client, place, tmp_path)

    decision = repair(client, task, "retry")

    assert (decision.status_code, decision.json()["kind"]) == (200, "retry")
    assert settled(client, place)["status"] == "idle"
    [task] = tasks(client, place)
    assert task["status"] == "decided"
    assert deliveries(task) == [("respond", "repaired"), ("retry", "consumed")]
    assert log(tmp_path) == ["took yes", "took yes", "acted"]
    late = repair(client, task, "retry")
    assert (late.status_code, late.json()["status"]) == (409, "decided")


def test_a_retry_that_fails_again_is_stuck_again(
    client: httpx.Client, place: str, tmp_path: Path
) -> None:
    task = stuck(client, place, tmp_path)
    (tmp_path / "die").touch()

    repair(client, task, "retry")

    assert settled(client, place)["status"] == "error"
    [task] = tasks(client, place)
    assert task["status"] == "failed"
    assert deliveries(task) == [("respond", "repaired"), ("retry", "failed")]
    repair(client, task, "retry")
    assert settled(client, place)["status"] == "idle"
    assert log(tmp_path)[-1] == "acted"


def test_an_open_task_is_not_repaired(client: httpx.Client, place: str) -> None:
    run(client, place, "approve_once", input={})
    [task] = tasks(client, place)

    assert repair(client, task, "retry").status_code == 409
    assert repair(client, task, "approve").status_code in (400, 422)


def test_a_clients_empty_input_counts_as_a_retry(
    client: httpx.Client, place: str, tmp_path: Path
) -> None:
    stuck(client, place, tmp_path)

    run(client, place, "fails_once", input=None)

    [task] = tasks(client, place)
    assert (task["status"], deliveries(task)) == ("decided", [("respond", "consumed")])
    assert log(tmp_path) == ["took yes", "took yes", "acted"]


def test_an_answer_refused_inside_the_graph_leaves_the_same_question(
    client: httpx.Client, place: str
) -> None:
    run(client, place, "typed_interrupt", input={})
    [asked] = tasks(client, place)
    answer = run(client, place, "typed_interrupt", command={"resume": {"action": "maybe"}})
    assert "__error__" in answer

    [task] = tasks(client, place)
    assert (task["id"], task["status"]) == (asked["id"], "open")
    assert [delivery for _, delivery in deliveries(task)] == ["refused"]
    run(client, place, "typed_interrupt", command={"resume": {"action": "approve"}})
    assert tasks(client, place)[1]["status"] == "decided"


def test_in_strict_mode_another_answer_is_told_of_the_first(
    console: Console, api: httpx.Client, tmp_path: Path
) -> None:
    place = f"/threads/{api.post('/threads', json={}).json()['thread_id']}"
    (die := tmp_path / "die").touch()
    run(api, place, "fails_once", input={"log": str(tmp_path / "log"), "die": str(die)})
    run(api, place, "fails_once", command={"resume": "yes"})
    body = {"assistant_id": "fails_once", "command": {"resume": "no"}}

    late = api.post(f"{place}/runs/wait", json=body)

    assert late.status_code == 409
    assert "failed after it had taken an answer" in late.json()["detail"]
    assert log(tmp_path) == ["took yes"]
