"""Everything in one command: check, migrate, seed, then web and workers under one supervisor."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils.module_loading import import_string

from hitl_console import production
from hitl_console.db import conninfo
from hitl_console.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from hitl_console.supervisor import ChildFailed, ChildSpec, Supervisor, say
from runs.exceptions import GraphError
from runs.runtime import auth, registry, store

HAND_BACK = 5  # seconds beyond their grace that workers get to hand their runs back

# A socket that only listens costs little, one that talks too much is closed.
DAPHNE = [
    *("--websocket-max-message-size", "65536", "--websocket-max-frame-size", "65536"),
    *("--ping-interval", "20", "--ping-timeout", "20", "--application-close-timeout", "10"),
    *("--verbosity", "0"),
]
EXAMPLE = "human_in_the_loop"

READY = """
HITL Console is ready: {url}

Sign in as
{logins}

API key: {api_key}

Start a run that pauses, with cURL
  THREAD=$(python3 -c 'import uuid; print(uuid.uuid4())')
  curl -s {url}/threads/$THREAD/runs/wait \\
    -H 'X-Api-Key: {api_key}' \\
    -H 'Content-Type: application/json' \\
    -d '{body}'

or with Python (pip install langgraph-sdk)
  from langgraph_sdk import get_sync_client
  client = get_sync_client(
      url="{url}", api_key="{api_key}"
  )
  thread = client.threads.create()
  print(client.runs.wait(thread["thread_id"], "{graph}", input={input}))

and answer it in the inbox: {url}/inbox/. Ctrl-C stops everything.
"""

READY_FOR_USE = """
HITL Console is ready behind your proxy: {url}

Make accounts with `manage.py createsuperuser` and in /admin/, keys with `manage.py create_api_key`.
Ctrl-C stops everything.
"""


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []  # what must be true is checked here, and said in one sentence

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, leave)
        try:
            self.up()
        except (ChildFailed, EmbeddedPostgresError) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)

    def up(self) -> None:
        workers = worker_count()
        check_port(settings.HOST, settings.PORT)
        try:
            registry.check()
            auth.handlers()
            store.check()
        except GraphError as error:
            raise CommandError(str(error.detail)) from None
        check_database()
        call_command("migrate", interactive=False, verbosity=0)
        if problem := production.problem():
            raise CommandError(problem)
        seeded = seed()
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # Postgres has one
        Console(workers, seeded).run()


class Console:
    """The running console: its processes, and the file that says where they are."""

    def __init__(self, workers: int, seeded: dict[str, Any]) -> None:
        self.postgres = (
            None if os.environ.get("DATABASE_URL") else EmbeddedPostgres(settings.HITL_DATA)
        )
        self.database_url = self.postgres.url if self.postgres else os.environ["DATABASE_URL"]
        self.url = console_url(settings.HOST, settings.PORT)
        self.seeded = seeded
        self.file = settings.HITL_DATA / "up.json"
        self.supervisor = Supervisor(self.specs(workers), settings.STOP_GRACE + HAND_BACK)
        self.pids: dict[str, Any] = {}

    def run(self) -> None:
        """Run until told to stop."""
        self.file.unlink(missing_ok=True)  # a killed predecessor's
        try:
            self.supervisor.run(when_ready=self.announce, each_round=self.tend)
        finally:
            if self.pids:
                self.file.unlink(missing_ok=True)

    def specs(self, workers: int) -> list[ChildSpec]:
        """Daphne and the workers, all on the same database."""
        env = {**os.environ, "DATABASE_URL": self.database_url}
        bind = ["-b", settings.HOST, "-p", str(settings.PORT)]
        web = [sys.executable, "-m", "daphne", *bind, *DAPHNE, "hitl_console.asgi:application"]
        worker = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"]
        return [
            ChildSpec("web", web, env, ready_url=f"{self.url}/ok"),
            *(
                ChildSpec(f"work{number}", worker, env, ready_line="worker ready")
                for number in range(1, workers + 1)
            ),
        ]

    def announce(self) -> None:
        """Write up.json, then print how to get in."""
        self.tend()
        if settings.PRODUCTION:
            say(READY_FOR_USE.format(url=self.url))
            return
        graphs = registry.graph_ids()
        is_example = EXAMPLE in graphs
        graph = EXAMPLE if is_example else graphs[0]
        given = {"some_text": "Original text"} if is_example else {}
        logins = "\n".join(
            f"  {login['username']:<8} {login['password']}  ({login['role']})"
            for login in self.seeded["logins"]
        )
        body = json.dumps({"assistant_id": graph, "input": given, "if_not_exists": "create"})
        say(
            READY.format(
                url=self.url,
                api_key=self.seeded["api_key"],
                logins=logins,
                graph=graph,
                input=given,
                body=body,
            )
        )

    def tend(self) -> None:
        """Start Postgres again if it died, and keep up.json true."""
        lost = self.postgres if self.postgres and self.postgres.pid is None else None
        if lost:
            lost.ensure_running()
        web, *workers = [child.pid for child in self.supervisor.children]
        pids = {
            "supervisor": os.getpid(),
            "web": web,
            "workers": workers,
            "postgres": self.postgres.pid if self.postgres else None,
        }
        if pids != self.pids:
            self.pids = pids
            self.write()
        if lost:
            say("postgres had died; it is back")

    def write(self) -> None:
        """Replace up.json in one step, readable by its owner only."""
        content = {
            "url": self.url,
            **{key: self.seeded[key] for key in ("api_key", "logins")},
            "database_url": self.database_url,
            "pids": self.pids,
        }
        draft = self.file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(content, indent=2))
        draft.rename(self.file)


def leave(*_: object) -> None:
    """SIGTERM before there is a supervisor: end as Ctrl-C does, letting go of Postgres."""
    raise KeyboardInterrupt


def seed() -> dict[str, Any]:
    """The demo's people and key; in production nobody, since everybody knows its password."""
    if settings.PRODUCTION:
        return {"logins": [], "api_key": None}
    # By name, since only reviews may import runs and not the other way round.
    seeded: dict[str, Any] = import_string("reviews.demo.seed")()
    return seeded


def worker_count() -> int:
    """WORKERS, from the environment."""
    value = os.environ.get("WORKERS", "1")
    if not value.isdecimal() or int(value) < 1:
        raise CommandError(f"WORKERS must be a whole number from 1 up, not {value!r}.")
    return int(value)


def check_port(host: str, port: int) -> None:
    """The port can be listened on."""
    if not 0 < port < 65536:
        raise CommandError(f"PORT must be between 1 and 65535, not {port}.")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        raise CommandError(
            f"Port {port} on {host} cannot be used ({error.strerror}); set PORT to another."
        ) from None


def check_database() -> None:
    """The database answers."""
    try:
        psycopg.connect(conninfo(), connect_timeout=10).close()
    except psycopg.Error as error:
        raise CommandError(f"The database does not answer: {str(error).splitlines()[0]}") from None


def console_url(host: str, port: int) -> str:
    """Where a browser on this machine finds the console."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
