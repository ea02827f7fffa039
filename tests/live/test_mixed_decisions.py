"""Many clients decide the same tasks in every way there is: one wins, all others are told so.

`make soak` runs it long: 500 threads with two gates each, 50 clients, 10,000 decisions.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.console import Console, wait_for
from tests.live.crowd import (
    GRAPH,
    Attempt,
    Board,
    Client,
    Crowd,
    paid_by,
    payments,
    together,
)

pytestmark = [pytest.mark.live, pytest.mark.soak]


class Size(NamedTuple):
    threads: int
    programs: int
    people: int
    decisions: int
    seconds: float  # no longer, however many were sent


SEED = int(os.environ.get("SOAK_SEED", "20261121"))
SECONDS = float(os.environ.get("SOAK_SECONDS", "0"))
LONG = Size(threads=500, programs=38, people=12, decisions=10_000, seconds=SECONDS)
SHORT = Size(threads=30, programs=7, people=3, decisions=500, seconds=60)
SIZE = LONG if SECONDS else SHORT

LEDGER = """
    SELECT task.id AS task, task.status, decision.id, reviewer.username AS reviewer, decision.via,
        decision.value, delivery.state, delivery.run_id::text AS run_id
    FROM reviews_reviewtask task
    LEFT JOIN reviews_decision decision ON decision.task_id = task.id
    LEFT JOIN reviews_delivery delivery ON delivery.decision_id = decision.id
    LEFT JOIN auth_user reviewer ON reviewer.id = decision.reviewer_id
    WHERE task.thread_id = ANY(%s::uuid[]) ORDER BY task.id, decision.id
"""
ACTIVE = "SELECT id FROM runs_run WHERE status IN ('pending', 'running')"


@pytest.fixture
def crowd(arena: Console) -> Iterator[Crowd]:
    arena.staff(2)
    crowd = Crowd(arena, programs=SIZE.programs, people=SIZE.people)
    yield crowd
    crowd.close()


def ask(client: httpx.Client, log: Path, count: int) -> list[str]:
    """As many threads, each on its way to its first gate."""
    threads = []
    for _ in range(count):
        threads.append(client.post("/threads", json={}).json()["thread_id"])
        body = {"assistant_id": GRAPH, "input": {"log": str(log)}}
        client.post(f"/threads/{threads[-1]}/runs", json=body).raise_for_status()
    return threads


class Rush:
    """All clients at work until enough was sent and every gate is decided."""

    def __init__(self, board: Board, clients: list[Client]) -> None:
        self.board, self.clients = board, clients
        self.ends_at = time.monotonic() + SIZE.seconds
        self.is_over = threading.Event()

    @property
    def sent(self) -> int:
        return sum(len(client.attempts) for client in self.clients)

    def run(self) -> float:
        """The seconds it took."""
        began = time.monotonic()
        together([self.watch, *(lambda c=client: self.work(c) for client in self.clients)])
        return time.monotonic() - began

    def work(self, client: Client) -> None:
        try:
            client.work(lambda: not self.is_over.is_set())
        finally:
            self.is_over.set()  # one that breaks ends it for all

    def watch(self) -> None:
        while not self.is_over.wait(0.1):
            self.board.read()
            is_enough = self.board.is_done and self.sent >= SIZE.decisions
            if is_enough or time.monotonic() > self.ends_at:
                self.is_over.set()


def test_of_all_who_decide_a_task_one_wins_and_the_others_are_told(
    arena: Console, client: httpx.Client, crowd: Crowd, tmp_path: Path
) -> None:
    log = tmp_path / "payments.log"
    threads = ask(client, log, SIZE.threads)
    board = Board(arena, threads)
    wait_for(lambda: board.read() or board.open, what="the first gate")  # type: ignore[func-returns-value]

    rush = Rush(board, crowd.clients(board, SEED))
    seconds = rush.run()
    wait_for(lambda: not arena.rows(ACTIVE), seconds=60, what="all runs are over")

    attempts = [attempt for each in rush.clients for attempt in each.attempts]
    decisions = arena.rows(LEDGER, threads)
    wrongs = violations(attempts, decisions, payments(log), len(threads))
    sys.stdout.write(report(attempts, wrongs, seconds))
    assert wrongs == []
    audited = arena.manage("verify_audit")
    assert audited.returncode == 0, audited.stderr


# -- what must hold ------------------------------------------------------------------------------


def violations(
    attempts: list[Attempt], rows: list[dict[str, Any]], paid: list[dict[str, Any]], threads: int
) -> list[str]:
    """Everything that is not as it was promised, a sentence each."""
    found = [
        f"task {row['task']}: {row['status']}, its decision is {row['state']}"
        for row in rows
        if (row["status"], row["state"]) != ("decided", "consumed")
    ]
    by_task = {row["task"]: row for row in rows}
    if not len(rows) == len(by_task) == 2 * threads:
        found.append(f"{len(rows)} decisions on {len(by_task)} tasks of {threads} threads")
    told = {decision_won(attempt, by_task) for attempt in attempts if attempt.is_won}
    found += [f"decision {row['id']}: nobody was told" for row in rows if row["id"] not in told]
    found += [f"somebody was told of decision {name}" for name in told - {r["id"] for r in rows}]
    found += [f"{sentence(attempt)}" for attempt in attempts if not is_fair(attempt, by_task)]
    return found + unpaid(attempts, by_task, paid)


def decision_won(attempt: Attempt, by_task: dict[int, dict[str, Any]]) -> Any:
    """The decision a winner was told of: by its id, by its run, or by its page."""
    if attempt.how.startswith("resume"):
        run_id = attempt.answer.json()["run_id"]
        mine = [row["id"] for row in by_task.values() if row["run_id"] == run_id]
        return mine[0] if mine else f"by run {run_id}"
    if attempt.how.startswith("page"):
        row = by_task[attempt.task["id"]]
        is_mine = (row["reviewer"], row["via"]) == (attempt.who, "page")
        return row["id"] if is_mine else f"by {attempt.who} on task {attempt.task['id']}"
    return attempt.answer.json()["id"]


def is_fair(attempt: Attempt, by_task: dict[int, dict[str, Any]]) -> bool:
    """Whether an answer is one of those the question allows, and names who was faster."""
    status, text = attempt.answer.status_code, attempt.answer.text
    winner = by_task[attempt.task["id"]]["reviewer"]
    if attempt.is_won:
        return not attempt.is_wrong and is_winner(attempt, by_task)
    if attempt.is_wrong:
        return status in (409, 422)
    if attempt.how == "resume, a value":  # which question it was meant for, nobody can tell
        return status in (409, 422)
    is_mine = attempt.who == winner and "You decided this" in text
    return status == 409 and (winner in text or is_mine)


def is_winner(attempt: Attempt, by_task: dict[int, dict[str, Any]]) -> bool:
    """The decision that stands is this client's, on the very task it was looking at."""
    row = by_task[attempt.task["id"]]
    return bool(row["reviewer"] == attempt.who and row["id"] == decision_won(attempt, by_task))


def unpaid(
    attempts: list[Attempt], by_task: dict[int, dict[str, Any]], paid: list[dict[str, Any]]
) -> list[str]:
    """Payments that differ from what was decided: missing, doubled, or of another amount."""
    tasks = {attempt.task["id"]: attempt.task for attempt in attempts}
    due = Counter(
        (task["thread_id"], task["gate"], by_task[task["id"]]["run_id"], amount)
        for task in tasks.values()
        if (amount := paid_by(by_task[task["id"]]["value"])) is not None
    )
    done = Counter((p["thread_id"], p["passed"], p["run_id"], p["amount"]) for p in paid)
    return [f"not paid: {one}" for one in due - done] + [f"paid: {one}" for one in done - due]


def sentence(attempt: Attempt) -> str:
    answer = attempt.answer
    return (
        f"{attempt.how} by {attempt.who} on task {attempt.task['id']}: "
        f"{answer.status_code} {answer.text[:200]!r}"
    )


def report(attempts: list[Attempt], wrongs: list[str], seconds: float) -> str:
    """What was sent and what came of it, as a table."""
    lines = [f"{'sent as':<28}{'sent':>7}{'won':>7}{'409':>7}{'422':>7}"]
    for how in sorted({attempt.how for attempt in attempts}):
        codes = Counter(a.answer.status_code for a in attempts if a.how == how)
        won = codes[200] + codes[302]
        lines.append(f"{how:<28}{codes.total():>7}{won:>7}{codes[409]:>7}{codes[422]:>7}")
    rate = len(attempts) / seconds
    won = sum(attempt.is_won for attempt in attempts)
    lines.append(f"{len(attempts)} decisions in {seconds:.1f} s ({rate:.0f}/s), {won} won")
    return "\n".join(["", *lines, f"{len(wrongs)} violations (seed {SEED})", *wrongs[:20], ""])
