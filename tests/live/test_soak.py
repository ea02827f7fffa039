"""Agents pause and people decide while everything beneath them is killed, frozen and cut.

`make soak` runs it for SOAK_SECONDS (600).
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import psycopg
import pytest

from hitl_console.embedded_postgres import EmbeddedPostgres
from reviews.ledger import INVARIANTS
from tests.console import Console, wait_for
from tests.live.conftest import LEASE, Starter
from tests.live.crowd import GRAPH, paid_by, payments, together

pytestmark = [pytest.mark.live, pytest.mark.soak]

SECONDS = float(os.environ.get("SOAK_SECONDS", "0"))
SEED = int(os.environ.get("SOAK_SEED", "20261121"))
BREATH = 1.0 if not SECONDS else 4.0  # seconds between two faults, on average
WAITING = 12  # threads under way at a time
ASKERS, DECIDERS = 2, 4
AGAIN = (502, 503, 504, 500)  # nothing is known of what was sent: send it again

OPEN = f"/api/tasks/?status=open&graph_id={GRAPH}&page_size=20"
TASKS = """
    SELECT task.id, task.thread_id::text AS thread_id, task.status,
        (task.value #>> '{action_requests,0,args,gate}')::int AS gate, decision.id AS decision,
        decision.value, delivery.state, run.id::text AS run_id, run.attempt
    FROM reviews_reviewtask task
    LEFT JOIN reviews_delivery delivery ON delivery.task_id = task.id
        AND delivery.state NOT IN ('undone', 'refused', 'repaired')
    LEFT JOIN reviews_decision decision ON decision.id = delivery.decision_id
    LEFT JOIN runs_run run ON run.id = delivery.run_id
    WHERE task.thread_id = ANY(%s::uuid[]) ORDER BY task.id
"""
UNFINISHED = """
    SELECT thread.id::text, thread.status, run.id::text AS run, run.status AS is, run.attempt,
        run.job_id, job.status::text AS job, task.id AS task, task.status AS task_is, delivery.state
    FROM runs_thread thread
    LEFT JOIN LATERAL (SELECT * FROM runs_run WHERE thread_id = thread.id
        ORDER BY id DESC LIMIT 1) run ON true
    LEFT JOIN procrastinate_jobs job ON job.id = run.job_id
    LEFT JOIN LATERAL (SELECT * FROM reviews_reviewtask WHERE thread_id = thread.id
        ORDER BY id DESC LIMIT 1) task ON true
    LEFT JOIN reviews_delivery delivery ON delivery.task_id = task.id
    WHERE thread.id = ANY(%s::uuid[]) AND thread.status <> 'idle'
"""
ORPHANED = """
    SELECT task.id FROM reviews_reviewtask task
    LEFT JOIN runs_thread thread ON thread.id = task.thread_id
    WHERE task.status = 'open' AND thread.status IS DISTINCT FROM 'interrupted'
        AND thread.status IS DISTINCT FROM 'busy'
"""
LISTENERS = """
    SELECT count(pg_terminate_backend(pid)) AS cut FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND query ILIKE 'listen%%'
"""


@dataclass
class Log:
    """What the clients did and were told, and what was done to them."""

    threads: list[str] = field(default_factory=list)
    accepted: dict[int, int] = field(default_factory=dict)  # decision id -> task id
    refused: Counter[int] = field(default_factory=Counter)  # by status code
    unknown: int = 0  # answers that never came, asked for again
    faults: Counter[str] = field(default_factory=Counter)
    looks: int = 0  # at the invariants, while all this went on
    broken: list[str] = field(default_factory=list)
    is_asking: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)


def insist(log: Log, send: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer to a request that may be sent again, however often the server goes away."""
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = send()
        except httpx.TransportError as error:
            log.unknown += 1
            reason: Any = error
        else:
            if answer.status_code not in AGAIN:
                return answer
            log.unknown += 1
            reason = answer.text
        assert time.monotonic() < deadline, f"no answer for a minute: {reason}"
        time.sleep(0.1)


def test_a_job_that_its_worker_forgot_is_queued_again(arena: Console, start: Starter) -> None:
    workers = arena.staff(2)
    for worker in workers:
        worker.send(signal.SIGSTOP)
    run = start("slow", seconds=0)
    taken = """UPDATE procrastinate_jobs SET status = 'doing',
        worker_id = (SELECT max(id) FROM procrastinate_workers) WHERE id = %s RETURNING id"""
    assert arena.rows(taken, run.row["job_id"])

    for worker in workers:
        worker.send(signal.SIGCONT)

    assert run.wait(LEASE + 4)["status"] == "success"


class Asker:
    """Starts threads, and now and then waits for a question as a client of the SDK does."""

    def __init__(self, console: Console, log: Log, effects: Path, seed: str) -> None:
        self.console, self.log, self.effects = console, log, effects
        self.chance = random.Random(seed)

    def work(self) -> None:
        with self.console.client(timeout=10) as client:
            while self.log.is_asking.is_set():
                if len(self.log.threads) - len(self.log.accepted) / 2 < WAITING:
                    self.ask(client)
                else:
                    self.log.is_over.wait(0.05)

    def ask(self, client: httpx.Client) -> None:
        thread_id = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        made = {"thread_id": thread_id, "if_exists": "do_nothing"}
        insist(self.log, lambda: client.post("/threads", json=made)).raise_for_status()
        body = {"assistant_id": GRAPH, "input": {"log": str(self.effects)}}
        path = f"/threads/{thread_id}/runs"

        def once() -> httpx.Response:
            """A run has no key of its own: look whether the first try has made it."""
            known = client.get(path)
            return (
                known if known.status_code != 200 or known.json() else client.post(path, json=body)
            )

        insist(self.log, once).raise_for_status()
        self.log.threads.append(thread_id)
        if self.chance.random() < 0.3:
            run_id = insist(self.log, lambda: client.get(path)).json()[-1]["run_id"]
            insist(self.log, lambda: client.get(f"{path}/{run_id}/join"))


class Decider:
    """Decides whatever is open, each request with a key of its own."""

    def __init__(self, console: Console, log: Log, seed: str) -> None:
        self.console, self.log = console, log
        self.chance = random.Random(seed)

    def work(self) -> None:
        with self.console.client(timeout=10) as client:
            while not self.log.is_over.is_set():
                tasks = insist(self.log, lambda: client.get(OPEN)).json()["results"]
                if tasks:
                    self.decide(client, self.chance.choice(tasks)["id"])
                else:
                    self.log.is_over.wait(0.05)

    def decide(self, client: httpx.Client, task_id: int) -> None:
        url = f"/api/tasks/{task_id}/"
        gate = insist(self.log, lambda: client.get(url)).json()["value"]["action_requests"][0]
        args = gate["args"] | {"amount": self.chance.randrange(10**3, 10**15)}
        edit, approve = {"kind": "edit", "args": args}, {"kind": "approve"}
        verdict = {"actions": [self.chance.choice([approve, edit, edit, {"kind": "reject"}])]}
        headers = {"Idempotency-Key": f"{self.chance.getrandbits(128):032x}"}
        answer = insist(
            self.log, lambda: client.post(f"{url}decide/", json=verdict, headers=headers)
        )
        if answer.status_code == 200:
            self.log.accepted[answer.json()["id"]] = task_id
        else:
            self.log.refused[answer.status_code] += 1


class Nemesis:
    """Does the worst at random moments, and everything of it equally often."""

    def __init__(self, console: Console, postgres: EmbeddedPostgres, log: Log, seed: str) -> None:
        self.console, self.postgres, self.log = console, postgres, log
        self.chance = random.Random(seed)

    def work(self) -> None:
        faults: list[Callable[[], None]] = [
            self.kill_a_worker,
            self.freeze_a_worker,
            lambda: self.restart_postgres("fast"),
            lambda: self.restart_postgres("immediate"),
            self.kill_web,
            self.cut_the_listeners,
        ]
        ends_at = time.monotonic() + SECONDS
        try:
            while True:
                self.chance.shuffle(faults)
                for fault in faults:
                    self.log.is_over.wait(self.chance.uniform(0.2, 2 * BREATH))
                    fault()
                if time.monotonic() > ends_at or self.log.is_over.is_set():
                    return
        finally:
            self.log.is_asking.clear()

    def kill_a_worker(self) -> None:
        worker = self.chance.choice(self.console.workers)
        worker.kill()
        self.log.faults["worker killed"] += 1
        worker.start()

    def freeze_a_worker(self) -> None:
        worker = self.chance.choice(self.console.workers)
        worker.send(signal.SIGSTOP)
        self.log.is_over.wait(LEASE * self.chance.uniform(1.2, 2))
        worker.send(signal.SIGCONT)
        self.log.faults["worker frozen"] += 1

    def restart_postgres(self, mode: Literal["fast", "immediate"]) -> None:
        self.postgres.restart(mode)
        self.log.faults[f"Postgres restarted, {mode}"] += 1

    def kill_web(self) -> None:
        self.console.web.kill()
        self.log.faults["web killed"] += 1
        self.console.web.start()
        wait_for(self.console.is_up, seconds=40)

    def cut_the_listeners(self) -> None:
        cut = self.console.rows(LISTENERS)[0]["cut"]
        self.log.faults["listeners cut"] += bool(cut)


class Watcher:
    """Looks at every invariant all the while: they hold at any instant, not only at the end."""

    def __init__(self, console: Console, log: Log) -> None:
        self.console, self.log = console, log

    def work(self) -> None:
        while not self.log.is_over.wait(0.5):
            try:
                with psycopg.connect(self.console.database_url, autocommit=True) as conn:
                    self.look(conn)
            except psycopg.Error:
                continue  # restarting

    def look(self, conn: psycopg.Connection[Any]) -> None:
        for invariant in INVARIANTS:
            rows = conn.execute(invariant.query.encode()).fetchall()
            self.log.broken += [f"{invariant.name} at work: {row[0]}" for row in rows]
        self.log.looks += 1


def test_whatever_dies_no_decision_is_lost_and_no_action_is_doubled(
    arena: Console, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    arena.staff(2)
    log, effects = Log(), tmp_path / "payments.log"
    log.is_asking.set()
    began = time.monotonic()
    nemesis = Nemesis(arena, postgres, log, f"{SEED} nemesis")
    askers = [Asker(arena, log, effects, f"{SEED} asker {n}") for n in range(ASKERS)]
    deciders = [Decider(arena, log, f"{SEED} decider {n}") for n in range(DECIDERS)]

    def quiesce() -> None:
        """No more faults, no more threads; every question there is gets its answer."""
        try:
            together([nemesis.work, *(asker.work for asker in askers)])
            wait_until_quiet(arena, log)
        finally:
            log.is_over.set()

    together([quiesce, Watcher(arena, log).work, *(decider.work for decider in deciders)])

    rows = arena.rows(TASKS, log.threads)
    repeated, wrongs = judged(rows, payments(effects), log)
    wrongs += [f"task {row['id']} is open, nobody waits" for row in arena.rows(ORPHANED)]
    sys.stdout.write(report(log, rows, repeated, wrongs, time.monotonic() - began))
    assert wrongs == []
    audited = arena.manage("verify_audit")
    assert audited.returncode == 0, audited.stderr


def wait_until_quiet(arena: Console, log: Log) -> None:
    """Every thread has come to its end; or a failure that shows those that have not."""
    deadline = time.monotonic() + 60
    while rest := arena.rows(UNFINISHED, log.threads):
        assert time.monotonic() < deadline, rest
        log.is_over.wait(0.1)


def judged(
    rows: list[dict[str, Any]], paid: list[dict[str, Any]], log: Log
) -> tuple[int, list[str]]:
    """How often a payment was made again by a run that changed hands; and all that is wrong."""
    found = list(log.broken)
    by_decision = {row["decision"]: row for row in rows}
    for decision_id, task_id in log.accepted.items():
        row = by_decision.get(decision_id)
        if row is None or (row["id"], row["state"]) != (task_id, "consumed"):
            found.append(f"decision {decision_id} on task {task_id} was accepted, and is {row}")
    gates = Counter(row["thread_id"] for row in rows if row["status"] == "decided")
    found += [f"thread {name}: {gates[name]} gates" for name in log.threads if gates[name] != 2]
    found += [f"task {row['id']}: {row['status']}" for row in rows if row["status"] != "decided"]
    repeated = 0
    done = Counter((p["thread_id"], p["passed"], p["run_id"], p["amount"]) for p in paid)
    for row in rows:
        amount = paid_by(row["value"]) if row["value"] else None
        if amount is None:
            continue
        times = done.pop((row["thread_id"], row["gate"], row["run_id"], amount), 0)
        if times == 0 or times > max(row["attempt"], 1):
            found.append(f"task {row['id']}: paid {times} times in {row['attempt']} attempts")
        repeated += max(times - 1, 0)
    return repeated, found + [f"paid without a decision: {one}" for one in done]


def report(
    log: Log, rows: list[dict[str, Any]], repeated: int, wrongs: list[str], seconds: float
) -> str:
    """What was done to the console, and what came of it."""
    moved = sum((row["attempt"] or 0) > 1 for row in rows)
    lines = [f"{count:>6}  {name}" for name, count in sorted(log.faults.items())]
    lines += [
        f"{log.faults.total():>6}  faults in {seconds:.0f} s (seed {SEED})",
        f"{len(log.threads):>6}  threads, {len(rows)} tasks",
        f"{len(log.accepted):>6}  decisions accepted; refused: {dict(log.refused)}",
        f"{log.unknown:>6}  requests without an answer, sent again",
        f"{moved:>6}  resume runs that changed hands; {repeated} payments repeated by them",
        f"{log.looks:>6}  looks at the invariants meanwhile",
        f"{len(wrongs):>6}  violations",
    ]
    return "\n".join(["", *lines, *wrongs[:20], ""])
