"""A whole console as its operators run it: Daphne and workers as processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
from psycopg.rows import dict_row

ROOT = Path(__file__).resolve().parent.parent
DAPHNE = (sys.executable, "-m", "daphne")
T = TypeVar("T")


def wait_for(condition: Callable[[], T], *, seconds: float = 20, what: str = "") -> T:
    """The first true answer of a condition; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition.__name__}")
        time.sleep(0.02)
    return answer


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def token(client: httpx.Client) -> dict[str, str]:
    """What proves that a form was posted from a page of ours."""
    return {"csrfmiddlewaretoken": client.cookies["csrftoken"]}


class Process:
    """One process of a console, its output kept in a file."""

    def __init__(self, argv: list[str], env: dict[str, str], log: Path) -> None:
        self.argv, self.env, self.log = argv, env, log
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                self.argv, cwd=ROOT, env=self.env, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def is_alive(self) -> bool:
        return self.popen.poll() is None

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        """As a power cut would: no goodbye."""
        self.popen.kill()
        self.popen.wait()

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.terminate()
            try:
                self.popen.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.kill()

    def output(self) -> str:
        return self.log.read_text(errors="replace")


class Console:
    """`web` and `workers` on a database; `url` and `api_key` let clients in."""

    def __init__(self, folder: Path, database_url: str, **environment: str) -> None:
        self.folder = folder
        self.database_url = database_url
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {
            **os.environ,
            "DATABASE_URL": database_url,
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        self.workers: list[Process] = []
        self.hired = 0
        self.api_key = ""

    @property
    def database_name(self) -> str:
        return self.database_url.partition("?")[0].rsplit("/", 1)[1]

    def start(self, *, workers: int = 1) -> Console:
        self.web = self.process(
            "web",
            [*DAPHNE, "-b", "127.0.0.1", "-p", str(self.port), "hitl_console.asgi:application"],
        )
        for _ in range(workers):
            self.add_worker()
        self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        wait_for(self.is_up, seconds=60, what=f"web\n{self.web.output()[-2000:]}")
        for worker in self.workers:
            wait_for(
                lambda w=worker: "worker ready" in w.output(),
                seconds=60,
                what=worker.output()[-2000:],
            )

    def is_up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ok", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def add_worker(self) -> Process:
        worker = self.process(f"worker{self.hired}", [sys.executable, "manage.py", "worker"])
        self.hired += 1
        self.workers.append(worker)
        return worker

    def staff(self, count: int) -> list[Process]:
        """As many living workers as asked for, new ones in the place of the dead."""
        living = [worker for worker in self.workers if worker.is_alive()]
        for worker in living[count:]:
            worker.stop()
        self.workers = living[:count]
        for _ in range(count - len(self.workers)):
            self.add_worker()
        self.wait_until_ready()
        return list(self.workers)

    def process(self, name: str, argv: list[str]) -> Process:
        return Process(argv, self.env, self.folder / f"{name}.log")

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """What the tables say, read past every layer of ours."""
        with psycopg.connect(self.database_url, row_factory=dict_row, autocommit=True) as conn:
            return conn.execute(sql, parameters).fetchall()

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"x-api-key": self.api_key},
            timeout=options.pop("timeout", 60),
            trust_env=False,
            **options,
        )

    def sign_in(self, username: str, password: str) -> httpx.Client:
        """A client with a person's session; posts need `token` beside their form."""
        client = self.client()
        del client.headers["x-api-key"]
        client.get("/login/")
        login = {"username": username, "password": password}
        answer = client.post("/login/", data=login | token(client))
        assert answer.status_code == 302, answer.text
        return client

    def check_ledger(self) -> None:
        """Every invariant holds, by the command operators have."""
        checked = self.manage("check_ledger")
        assert checked.returncode == 0, checked.stdout + checked.stderr

    def stop(self) -> None:
        for process in [*self.workers, self.web]:
            process.stop()


@contextmanager
def running(console: Console, *, workers: int = 1) -> Iterator[Console]:
    try:
        yield console.start(workers=workers)
    finally:
        console.stop()
