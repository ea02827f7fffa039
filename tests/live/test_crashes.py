"""Processes die or freeze at the worst moment: one task, one settlement, nothing lost."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import httpx
import pytest

from hitl_console.embedded_postgres import EmbeddedPostgres
from hitl_console.settings import IDLE_IN_TRANSACTION
from tests.console import Console, Process, wait_for
from tests.live.conftest import LEASE, Held, Starter, Watched, is_naming

pytestmark = pytest.mark.live

RECOVERED = LEASE + 2 + IDLE_IN_TRANSACTION + 20  # seconds; the last are for a busy machine


def taken_by_first(arena: Console, start: Any, *arguments: Any, **fields: Any) -> Any:
    """Two workers and a run, with the run in the hands of the first; and both workers."""
    first, second = arena.staff(2)
    second.send(signal.SIGSTOP)
    try:
        run = start(*arguments, **fields)
        wait_for(lambda: run.row["status"] == "running", what="a worker takes the run")
    finally:
        second.send(signal.SIGCONT)
    return run, first, second


def nap(run: Watched) -> None:
    """Wait until the run is in the node after step_1."""
    wait_for(lambda: run.checkpoints >= 3, what="step_1 is saved")


def test_a_run_whose_worker_is_killed_goes_on_elsewhere(arena: Console, start: Starter) -> None:
    run, first, _ = taken_by_first(arena, start, "slow", seconds=1)
    nap(run)

    first.kill()

    row = run.wait(RECOVERED + 1)
    assert (row["status"], row["attempt"], row["crashes"]) == ("success", 2, 1)
    assert row["output"]["visited"] == ["step_1", "nap", "step_3"]
    assert run.lines == ["step_1", "step_3"]  # what was finished is not done again
    assert run.settlements == 1


def test_a_worker_killed_between_interrupt_and_settlement_loses_no_question(
    arena: Console, client: httpx.Client, start: Starter
) -> None:
    asked = start("two_interrupts")
    asked.wait()
    first, second = arena.staff(2)
    for worker in (first, second):
        worker.send(signal.SIGSTOP)
    run = start.on(asked.thread_id, asked.log, "two_interrupts", command={"resume": "yes"})
    with Held(arena.database_url, run.thread_id) as held:
        first.send(signal.SIGCONT)
        wait_for(held.is_awaited, what="the first worker settles")
        first.kill()
        second.send(signal.SIGCONT)
    row = run.wait(RECOVERED)

    assert (row["status"], row["crashes"]) == ("success", 1)
    assert run.lines == ["first=yes"]  # the node did not run again
    assert run.settlements == 1
    query = "SELECT status, value FROM reviews_reviewtask WHERE thread_id = %s ORDER BY id"
    assert arena.rows(query, run.thread_id) == [
        {"status": "decided", "value": {"n": 1}},
        {"status": "open", "value": {"n": 2, "previous": "yes"}},
    ]


def test_a_worker_frozen_past_its_lease_writes_nothing_when_it_wakes(
    arena: Console, start: Starter
) -> None:
    run, first, _ = taken_by_first(arena, start, "slow", seconds=0.5)
    nap(run)
    first.send(signal.SIGSTOP)
    row = run.wait(RECOVERED)
    written = (run.checkpoints, run.lines, run.settlements)

    first.send(signal.SIGCONT)
    wait_for(lambda: is_naming(first, "run " + run.run_id, "lost") or is_naming(first, "holds it"))
    wait_for(lambda: works(arena, start), what="the woken worker is of use again")

    assert (row["status"], row["attempt"]) == ("success", 2)
    assert (run.checkpoints, run.lines, run.settlements) == written
    assert written[1:] == (["step_1", "step_3"], 1)
    assert run.row["updated_at"] == row["updated_at"]


def test_a_worker_frozen_with_a_lock_in_its_hands_does_not_stop_the_others(
    arena: Console, start: Starter
) -> None:
    run, first, _ = taken_by_first(arena, start, "slow", seconds=0.5)
    with Held(arena.database_url, run.thread_id) as held:
        wait_for(held.is_awaited, what="the first worker settles")
        first.send(signal.SIGSTOP)  # and is given the lock as we let go

    row = run.wait(RECOVERED)

    first.send(signal.SIGCONT)
    assert (row["status"], row["attempt"]) == ("success", 2)
    assert (run.lines, run.settlements) == (["step_1", "step_3"], 1)
    wait_for(lambda: works(arena, start), what="the woken worker is of use again")


def works(arena: Console, start: Starter) -> bool:
    return all(start("slow", seconds=0).wait()["status"] == "success" for _ in range(2))


def test_a_node_that_blocks_the_loop_past_the_lease_is_not_started_twice(
    arena: Console, start: Starter
) -> None:
    arena.staff(2)

    run = start("hog", seconds=LEASE * 2.0)

    row = run.wait(LEASE * 2 + 6)
    assert (row["status"], row["attempt"], row["crashes"]) == ("success", 1, 0)
    assert run.lines == ["step_1", "hog", "step_3"]


def test_a_graph_that_kills_its_worker_fails_after_three_attempts(
    arena: Console, start: Starter, client: httpx.Client
) -> None:
    arena.staff(2)
    run = start("poison")
    wait_for(lambda: not any(worker.is_alive() for worker in arena.workers), what="two deaths")
    arena.staff(2)

    row = run.wait(RECOVERED * 2)

    assert (row["status"], row["error"]["error"]) == ("error", "WorkerDied")
    assert run.lines == ["step_1", "poison", "poison", "poison"]
    assert client.get(f"/threads/{run.thread_id}").json()["status"] == "error"
    assert start("slow", seconds=0).wait()["status"] == "success"


def test_a_worker_told_to_stop_hands_its_run_back(arena: Console, start: Starter) -> None:
    run, first, _ = taken_by_first(arena, start, "slow", seconds=3)
    nap(run)

    first.send(signal.SIGTERM)

    row = run.wait()
    assert (row["status"], row["attempt"], row["crashes"]) == ("success", 2, 0)
    assert run.lines == ["step_1", "step_3"]
    assert run.settlements == 1
    wait_for(lambda: not first.is_alive(), what="the worker ends")
    assert first.popen.returncode == 0, first.output()[-2000:]


def test_killing_web_while_a_client_waits_leaves_the_run_alone(
    arena: Console, client: httpx.Client
) -> None:
    arena.staff(1)
    thread_id = client.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "slow", "input": {"seconds": 2}}
    with ThreadPoolExecutor() as pool, arena.client() as other:
        waiting = pool.submit(other.post, f"/threads/{thread_id}/runs/wait", json=body)
        wait_for(lambda: running_on(arena, thread_id), what="the run is under way")
        arena.web.kill()
        assert isinstance(waiting.exception(), httpx.TransportError)
    run_id = running_on(arena, thread_id)[0]["id"]

    arena.web.start()
    wait_for(arena.is_up)
    joined = client.get(f"/threads/{thread_id}/runs/{run_id}/join")

    assert joined.json()["visited"] == ["step_1", "nap", "step_3"]
    row = Watched(arena, thread_id, run_id, arena.folder).row
    assert (row["status"], row["attempt"]) == ("success", 1)


def running_on(arena: Console, thread_id: str) -> list[dict[str, Any]]:
    query = "SELECT id FROM runs_run WHERE thread_id = %s AND status = 'running'"
    return arena.rows(query, thread_id)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgres_restarts_under_a_run(
    arena: Console, start: Starter, postgres: EmbeddedPostgres, mode: Literal["fast", "immediate"]
) -> None:
    workers = arena.staff(2)
    run = start("slow", seconds=2)
    nap(run)

    postgres.restart(mode)

    row = run.wait()
    assert row["status"] == "success"
    assert run.lines == ["step_1", "step_3"]
    assert run.settlements == 1
    still_woken(arena, workers)


def test_postgres_restarts_while_nothing_runs(arena: Console, postgres: EmbeddedPostgres) -> None:
    workers = arena.staff(2)

    postgres.restart("immediate")

    still_woken(arena, workers)


def still_woken(arena: Console, workers: list[Process]) -> None:
    """The same processes take new runs at once, by NOTIFY: a poll would take a second."""
    with arena.client() as client:
        wait_for(lambda: client.post("/threads", json={}).status_code == 200, what="web is back")
        wait_for(lambda: pause_time(client) < 0.5, seconds=8, what="workers are woken")
        times = sorted(pause_time(client) for _ in range(5))
    assert times[2] < 0.5, times
    assert all(worker.is_alive() for worker in workers)


def pause_time(client: httpx.Client) -> float:
    thread_id = client.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "human_in_the_loop", "input": {"some_text": "a"}}
    began = time.monotonic()
    asked = client.post(f"/threads/{thread_id}/runs/wait", json=body).json()
    assert "__interrupt__" in asked
    return time.monotonic() - began
