"""A console to be mistreated, on a Postgres of its own; and one call for all that tests look at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from hitl_console.embedded_postgres import EmbeddedPostgres
from runs.models import Scope
from tests.console import ROOT, Console, Process, wait_for

LEASE = 2  # seconds


@pytest.fixture(scope="package")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server nobody else needs."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("live"))
    with server.using():
        yield server
    shutil.rmtree(server.home)
    shutil.rmtree(server.socket_folder, ignore_errors=True)


@pytest.fixture(scope="package")
def arena(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    """A console whose processes and database may be killed, stopped and restarted."""
    console = Console(
        tmp_path_factory.mktemp("arena"),
        postgres.url,
        RUN_LEASE=str(LEASE),
        HITL_STOP_GRACE="1",
        LANGGRAPH_CONFIG=str(ROOT / "tests" / "live" / "langgraph.json"),
        PYTHONPATH=os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    )
    migrated = console.manage("migrate", "--verbosity", "0")
    assert migrated.returncode == 0, migrated.stderr
    scopes = [f"--scope={scope}" for scope in Scope.values]
    console.api_key = console.manage("create_api_key", "test", *scopes).stdout.strip()
    try:
        yield console.start(workers=2)
    finally:
        console.stop()


@pytest.fixture
def client(arena: Console) -> Iterator[httpx.Client]:
    with arena.client() as client:
        yield client


@pytest.fixture(autouse=True)
def _clean_ledger(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever was killed, the ledger keeps its promises."""
    if "arena" not in request.fixturenames:
        request.getfixturevalue("ledger_kept")  # other tests' rows are there too
        yield
        return
    yield
    request.getfixturevalue("arena").check_ledger()


class Watched:
    """A run of the arena, its rows read past every layer of ours."""

    def __init__(self, console: Console, thread_id: str, run_id: str, log: Path) -> None:
        self.console, self.thread_id, self.run_id, self.log = console, thread_id, run_id, log

    @property
    def row(self) -> dict[str, Any]:
        return self.console.rows("SELECT * FROM runs_run WHERE id = %s", self.run_id)[0]

    @property
    def lines(self) -> list[str]:
        """The side effects, each time they happened."""
        return self.log.read_text().split() if self.log.exists() else []

    @property
    def settlements(self) -> int:
        query = "SELECT count(*) FROM runs_runevent WHERE run_id = %s AND event = 'end'"
        return int(self.console.rows(query, self.run_id)[0]["count"])

    @property
    def checkpoints(self) -> int:
        query = "SELECT count(*) FROM checkpoints WHERE thread_id = %s"
        return int(self.console.rows(query, self.thread_id)[0]["count"])

    def is_over(self) -> bool:
        return self.row["status"] not in ("pending", "running")

    def wait(self, seconds: float = 30) -> dict[str, Any]:
        """Its row once it is over."""
        wait_for(self.is_over, seconds=seconds, what=f"end of run: {self.row}")
        return self.row


class Starter:
    """Starts runs over HTTP and watches them in the database."""

    def __init__(self, console: Console, client: httpx.Client, folder: Path) -> None:
        self.console, self.client, self.folder = console, client, folder

    def __call__(self, graph: str, **state: Any) -> Watched:
        thread_id = self.client.post("/threads", json={}).json()["thread_id"]
        log = self.folder / f"{thread_id}.log"
        return self.on(thread_id, log, graph, input={"log": str(log), **state})

    def on(self, thread_id: str, log: Path, graph: str, **body: Any) -> Watched:
        body |= {"assistant_id": graph, "stream_mode": ["values"]}
        answer = self.client.post(f"/threads/{thread_id}/runs", json=body)
        assert answer.status_code == 200, answer.text
        return Watched(self.console, thread_id, answer.json()["run_id"], log)


@pytest.fixture
def start(arena: Console, client: httpx.Client, tmp_path: Path) -> Starter:
    return Starter(arena, client, tmp_path)


class Held:
    """A thread's row in our hands, so that whoever settles its run has to wait."""

    def __init__(self, url: str, thread_id: str) -> None:
        self.url, self.thread_id = url, thread_id

    def __enter__(self) -> Held:
        self.connection = psycopg.connect(self.url)
        query = "SELECT FROM runs_thread WHERE id = %s FOR NO KEY UPDATE"
        self.connection.execute(query, [self.thread_id])
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def is_awaited(self) -> bool:
        query = """SELECT count(*) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND query LIKE '%%runs_thread%%'"""
        with psycopg.connect(self.url) as other:
            return bool(other.execute(query).fetchone()[0])  # type: ignore[index]


def is_naming(worker: Process, *words: str) -> bool:
    """Whether a worker's log has a line with all these words."""
    return any(all(word in line for word in words) for line in worker.output().splitlines())
