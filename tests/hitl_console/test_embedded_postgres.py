from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from hitl_console.embedded_postgres import (
    EmbeddedPostgres,
    EmbeddedPostgresError,
    binaries,
    server_owner,
)

REPOSITORY = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")

START = """
import sys
from pathlib import Path
from hitl_console.embedded_postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])).using():
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "data")
    yield server
    server.stop("immediate")
    shutil.rmtree(server.home)
    shutil.rmtree(server.socket_folder, ignore_errors=True)


def user_process(server: EmbeddedPostgres) -> subprocess.Popen[str]:
    """Another process that uses the server until its stdin closes."""
    return subprocess.Popen(
        [sys.executable, "-c", START, server.data],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def is_ready(process: subprocess.Popen[str]) -> bool:
    assert process.stdout
    return process.stdout.readline() == "ready\n"


def run_as(account: str, function: Callable[[], object]) -> bool:
    """Whether the function succeeds in a process of another user."""
    child = os.fork()
    if child == 0:
        try:
            who = pwd.getpwnam(account)
            os.setgroups([])
            os.setgid(who.pw_gid)
            os.setuid(who.pw_uid)
            function()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@as_root
def test_as_root_no_other_user_connects_and_no_existing_folder_changes(server: EmbeddedPostgres):
    server.data.parent.chmod(0o700)
    places = (server.data, server.home, Path(psycopg.__file__))
    existing = {path for place in places for path in place.parents if path.exists()}
    before = {path: mode(path) for path in existing}

    url = server.ensure_running()

    assert {path: mode(path) for path in existing} == before
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    stranger = subprocess.run(
        [binaries() / "psql", url, "-c", "SELECT 1"],
        user="nobody",
        group="nogroup",
        extra_groups=[],
        capture_output=True,
        text=True,
    )
    assert stranger.returncode == 2
    assert "Permission denied" in stranger.stderr


@as_root
def test_without_root_the_server_lives_in_the_data_folder():
    who = pwd.getpwnam("nobody")
    data = Path(tempfile.mkdtemp(prefix="a data, 'folder' "))
    os.chown(data, who.pw_uid, who.pw_gid)

    def start_and_stop() -> None:
        server = EmbeddedPostgres(data)
        with server.using() as url, psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("hitl_console",)
            assert mode(server.home) == mode(server.socket_folder) == 0o700
            assert mode(server.home / "password") == 0o600
            assert server.cluster.is_relative_to(data)
        assert server.pid is None
        shutil.rmtree(server.socket_folder)

    try:
        assert run_as("nobody", start_and_stop)
    finally:
        shutil.rmtree(data)


def test_a_password_is_needed_and_kept_to_its_owner(server: EmbeddedPostgres):
    url = server.ensure_running()

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(make_conninfo(url, password="guessed"))
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(make_conninfo(url, user="postgres"))
    for path in (server.home / "password", server.home / "lock", server.home / "users"):
        assert not path.exists() or mode(path) == 0o600
    for path in (server.cluster, server.socket_folder):
        assert mode(path) == 0o700
        assert path.stat().st_uid == server_owner().uid
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW is_superuser").fetchone() == ("off",)


def test_the_url_is_known_before_the_server_runs(server: EmbeddedPostgres):
    url = server.url

    assert server.pid is None
    assert server.ensure_running() == url == EmbeddedPostgres(server.data).url


def test_the_last_user_to_leave_stops_the_server(server: EmbeddedPostgres):
    with server.using():
        with EmbeddedPostgres(server.data).using() as url:
            pass
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

    assert server.pid is None


def test_a_killed_user_does_not_keep_the_server_alive(server: EmbeddedPostgres):
    with user_process(server) as killed:
        assert is_ready(killed)
        started = server.pid
        killed.kill()

    assert server.pid == started is not None  # nobody was left to stop it
    with server.using():
        assert server.pid == started
    assert server.pid is None


def test_a_killed_server_starts_again_with_its_data(server: EmbeddedPostgres):
    url = server.ensure_running()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('still here')")
        connection.commit()
        killed = server.pid
        assert killed
        os.kill(killed, signal.SIGKILL)

        server.ensure_running()

    assert server.pid not in (None, killed)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("still here",)


def test_the_pid_of_another_program_is_not_taken_for_the_server(server: EmbeddedPostgres):
    server.ensure_running()
    server.stop()
    (server.cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{server.cluster}\n")

    assert server.pid is None
    with psycopg.connect(server.ensure_running()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_processes_that_start_together_share_one_server(server: EmbeddedPostgres):
    processes = [user_process(server) for _ in range(4)]
    assert all(is_ready(process) for process in processes)
    started = server.pid
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)

    for process in processes:
        process.communicate()

    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert started is not None
    assert server.pid is None


def test_a_lost_password_is_explained(server: EmbeddedPostgres):
    server.ensure_running()
    (server.home / "password").unlink()

    with pytest.raises(EmbeddedPostgresError, match=r"password of .* is missing"):
        _ = server.url


@as_root
def test_a_data_folder_of_another_user_is_explained(tmp_path: Path):
    def start() -> None:
        with pytest.raises(EmbeddedPostgresError, match=r"Permission denied.*HITL_DATA"):
            EmbeddedPostgres(tmp_path / "data").ensure_running()

    assert run_as("nobody", start)
