from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.live

SUPERVISE = """
import json, sys
from hitl_console.supervisor import ChildFailed, ChildSpec, Supervisor

supervisor = Supervisor([ChildSpec(**spec) for spec in json.loads(sys.argv[1])], float(sys.argv[2]))
known = []

def each_round():
    pids = [child.pid for child in supervisor.children]
    if None not in pids and pids != known[-1:]:
        known[:] = [pids]
        print("pids", *pids, flush=True)

try:
    supervisor.run(when_ready=lambda: print("all ready", flush=True), each_round=each_round)
except ChildFailed as error:
    sys.exit(str(error))
"""
SLEEPER = "import time; print('awake', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"


class Output:
    """A process whose output is read line by line."""

    def __init__(self, argv: list[str], env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            argv,
            cwd=REPOSITORY,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []

    def until(self, pattern: str) -> re.Match[str]:
        """The next line with this pattern."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(pattern, line):
                return found
        pytest.fail(f"{pattern!r} never came:\n" + "\n".join(self.lines))

    def pids(self) -> list[psutil.Process]:
        """The children the supervisor tells of next."""
        words = self.until(r"^pids (.*)").group(1).split()
        return [psutil.Process(int(word)) for word in words]

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.exit_code()

    def exit_code(self) -> int:
        rest, _ = self.process.communicate(timeout=60)
        self.lines += rest.splitlines()
        return self.process.returncode


@pytest.fixture
def run_process() -> Iterator[Callable[..., Output]]:
    started: list[Output] = []

    def run(argv: list[str], env: dict[str, str] | None = None) -> Output:
        started.append(Output(argv, env))
        return started[-1]

    yield run
    for output in started:
        if output.process.poll() is None:
            output.end(signal.SIGTERM)


@pytest.fixture
def supervise(run_process: Callable[..., Output]) -> Callable[..., Output]:
    def start(*specs: dict[str, Any], grace: float = 10) -> Output:
        return run_process([sys.executable, "-c", SUPERVISE, json.dumps(specs), str(grace)])

    return start


def child(name: str, code: str, **ready: str) -> dict[str, Any]:
    argv = [sys.executable, "-c", code]
    return {"name": name, "argv": argv, "ready_line": "awake", **ready}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []


def test_children_are_ready_once_all_have_said_so(supervise, tmp_path: Path):
    (tmp_path / "ok").write_text("true")
    port = free_port()
    server = [sys.executable, "-m", "http.server", str(port), "-d", str(tmp_path)]
    output = supervise(
        {"name": "web", "argv": server, "ready_url": f"http://127.0.0.1:{port}/ok"},
        child("work1", "print('one line', flush=True);" + SLEEPER),
    )

    output.until("all ready")

    assert "work1 | one line" in output.lines
    assert httpx.get(f"http://127.0.0.1:{port}/ok").status_code == 200
    children = output.pids()
    assert output.end(signal.SIGTERM) == 0
    assert_gone(children)


def test_a_child_that_dies_starts_again_and_the_others_stay(supervise):
    output = supervise(child("a", SLEEPER), child("b", SLEEPER))
    a, b = output.pids()

    a.kill()

    assert output.until("a was killed by signal 9; it starts again in (.*) s").group(1) == "0.5"
    again, same = output.pids()
    assert (again != a, same == b) == (True, True)
    again.kill()
    assert output.until("it starts again in (.*) s").group(1) == "1"


def test_a_child_that_does_not_start_is_named_and_the_others_end(supervise, tmp_path: Path):
    pid, draft = tmp_path / "pid", tmp_path / "draft"
    write = f"import os; open({str(draft)!r}, 'w').write(str(os.getpid()))"
    rename = f"os.rename({str(draft)!r}, {str(pid)!r})"
    wait = f"import os\nwhile not os.path.exists({str(pid)!r}): pass\nraise SystemExit(3)"
    output = supervise(child("a", f"{write}; {rename}; {SLEEPER}"), child("b", wait))

    assert output.exit_code() == 1

    assert output.lines[-1] == "b ended with exit code 3 while it was starting."
    assert not psutil.pid_exists(int(pid.read_text()))


def test_a_child_that_will_not_stop_is_killed_after_the_grace(supervise):
    output = supervise(child("a", STUBBORN), grace=0.5)
    children = output.pids()

    assert output.end(signal.SIGTERM) == 0

    assert "Not stopped after 0.5 s, killing." in output.lines
    assert_gone(children)


def test_a_second_ctrl_c_does_not_wait(supervise):
    output = supervise(child("a", STUBBORN), grace=600)
    children = output.pids()

    output.process.send_signal(signal.SIGINT)
    output.until("Stopping")

    assert output.end(signal.SIGINT) == 0
    assert_gone(children)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of it")
def test_children_do_not_outlive_a_killed_supervisor(supervise):
    output = supervise(child("a", SLEEPER), child("b", SLEEPER))
    children = output.pids()

    assert output.end(signal.SIGKILL) == -signal.SIGKILL

    assert_gone(children)
