from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from hitl_console.embedded_postgres import EmbeddedPostgres

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
            env=env,
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


NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "data")
    yield server
    server.stop("immediate")
    shutil.rmtree(server.home)
    shutil.rmtree(server.socket_folder, ignore_errors=True)


@pytest.fixture
def up(own_server: EmbeddedPostgres, run_process: Callable[..., Output]) -> Callable[..., Output]:
    """Start `manage.py up` as a new user does, on an empty data folder."""
    mine = ("DATABASE_URL", "LANGGRAPH_CONFIG", "SECRET_KEY")
    inherited = {key: value for key, value in os.environ.items() if key not in mine}
    own = {"HITL_DATA": str(own_server.data), "PORT": str(free_port())}

    def start(**env: str) -> Output:
        return run_process([sys.executable, "manage.py", "up"], {**inherited, **own, **env})

    return start


@pytest.fixture
def up_json(own_server: EmbeddedPostgres) -> Path:
    return own_server.data / "up.json"


def running(content: dict[str, Any]) -> list[psutil.Process]:
    pids = content["pids"]
    return [psutil.Process(pid) for pid in (pids["web"], pids["postgres"], *pids["workers"])]


def commands(output: Output, first: str, last: str) -> str:
    """What was printed for pasting, between these lines."""
    lines = output.lines
    start = next(number for number, line in enumerate(lines) if line.startswith(first))
    end = next(number for number, line in enumerate(lines) if line.startswith(last))
    return textwrap.dedent("\n".join(lines[start + 1 : end]))


def test_up_starts_everything_and_ctrl_c_stops_everything(up, up_json: Path):
    output = up(WORKERS="2")
    output.until("Ctrl-C stops everything")

    assert up_json.stat().st_mode & 0o777 == 0o600
    content = json.loads(up_json.read_text())
    assert content.keys() == {"url", "api_key", "logins", "database_url", "pids"}
    assert content["pids"]["supervisor"] == output.process.pid
    assert len(content["pids"]["workers"]) == 2
    assert httpx.get(f"{content['url']}/ok").status_code == 200
    for login in content["logins"]:
        assert any(login["username"] in line for line in output.lines)
    processes = running(content)
    assert output.end(signal.SIGINT) == 0
    assert not up_json.exists()
    assert_gone(processes)

    again = up()
    again.until("Ctrl-C stops everything")
    assert json.loads(up_json.read_text())["database_url"] == content["database_url"]
    assert again.end(signal.SIGTERM) == 0


def test_what_up_prints_starts_runs_that_pause(up):
    output = up()
    output.until("Ctrl-C stops everything")

    curl = commands(output, "Start a run", "or with Python")
    python = commands(output, "or with Python", "and answer")
    for command in (["bash", "-c", curl], [sys.executable, "-c", python]):
        pasted = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert "__interrupt__" in pasted.stdout, pasted.stderr


def test_up_starts_postgres_again_when_it_dies(up, up_json: Path):
    output = up()
    output.until("Ctrl-C stops everything")
    before = json.loads(up_json.read_text())

    os.kill(before["pids"]["postgres"], signal.SIGKILL)

    output.until("postgres had died; it is back")
    after = json.loads(up_json.read_text())
    assert after["pids"] == {**before["pids"], "postgres": after["pids"]["postgres"]}
    assert after["pids"]["postgres"] != before["pids"]["postgres"]
    with psycopg.connect(after["database_url"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def assert_refused(output: Output, pattern: str) -> None:
    assert output.exit_code() == 1
    assert len(output.lines) == 1
    assert re.search(pattern, output.lines[0])


def test_a_taken_port_is_said_before_anything_else(up):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        output = up(PORT=port, DATABASE_URL=NOWHERE, LANGGRAPH_CONFIG="/nowhere.json")

        assert_refused(output, f"Port {port} on 127.0.0.1 cannot be used .*in use")


def test_a_missing_langgraph_json_is_said(up, tmp_path: Path):
    output = up(DATABASE_URL=NOWHERE, LANGGRAPH_CONFIG=str(tmp_path / "absent.json"))

    assert_refused(output, "absent.json cannot be read: No such file")


def test_a_graph_that_does_not_import_is_named(up, tmp_path: Path):
    (tmp_path / "broken.py").write_text("import no_such_package\n")
    config = tmp_path / "langgraph.json"
    config.write_text(json.dumps({"graphs": {"broken": "./broken.py:graph"}}))

    output = up(DATABASE_URL=NOWHERE, LANGGRAPH_CONFIG=str(config))

    assert_refused(output, "'broken'.*No module named 'no_such_package'")


def test_a_database_that_does_not_answer_is_said(up):
    assert_refused(up(DATABASE_URL=NOWHERE), "The database does not answer: ")


@pytest.mark.parametrize(("name", "value"), [("WORKERS", "many"), ("PORT", "0"), ("PORT", "web")])
def test_junk_in_the_environment_is_said(up, name: str, value: str):
    assert_refused(up(DATABASE_URL=NOWHERE, **{name: value}), f"{name} must be ")
