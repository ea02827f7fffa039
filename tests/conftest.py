"""Everything tests share: people, a console that runs, and the official SDK to talk to it.

All tests use one database, which keeps what they did: each makes its own threads and people.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, ProgrammingError, connection
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from psycopg import sql

from reviews import ledger
from reviews.models import ReviewPolicy, ReviewTask
from runs.models import ApiKey, Scope
from runs.runtime import checkpointer
from tests.console import Console, running, wait_for

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session", autouse=True)
def _database(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """A fresh test database, open to every test of the session."""
    with django_db_blocker.unblock():
        # Named after the process, so that two sessions do not meet.
        connection.settings_dict["TEST"]["NAME"] = f"test_hitl_{os.getpid()}"
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        Group.objects.get_or_create(name="Reviewers")
        yield
        checkpointer.close()
        connection.close()
        drop_database(connection.settings_dict["NAME"])


@pytest.fixture(scope="session")
def test_url() -> str:
    """The URL of the test database, for processes."""
    from django.conf import settings

    from hitl_console import embedded_postgres

    base = os.environ.get("DATABASE_URL") or embedded_postgres.url(Path(os.environ["HITL_DATA"]))
    name = settings.DATABASES["default"]["NAME"]
    head, _, query = base.partition("?")
    return head.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")


@pytest.fixture(scope="session")
def console(test_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """Daphne and one worker on the test database, for the whole session."""
    folder = tmp_path_factory.mktemp("console")
    console = Console(folder, test_url, REFUND_LOG=str(folder / "refunds.log"))
    console.api_key = issue_key("session", [Scope.RUNS, Scope.RESUME])
    with running(console):
        yield console


@pytest.fixture(scope="session")
def compatible(console: Console, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A second door to the same database, which takes answers as the reference server does."""
    folder = tmp_path_factory.mktemp("compatible")
    door = Console(folder, console.database_url, HITL_RESUME_MODE="compatible")
    door.api_key = issue_key("compatible", list(Scope.values))
    with running(door, workers=0):
        yield door


@pytest.fixture(scope="module")
def ledger_kept() -> Iterator[None]:
    """Nothing of a module breaks a promise of the ledger; rows others made by hand may."""
    known = broken_promises()
    yield
    assert broken_promises() <= known


def broken_promises(
    among: Sequence[ledger.Invariant] = ledger.INVARIANTS,
) -> set[tuple[str, str]]:
    return {(one.name, row) for one in among for row in ledger.broken_by(one)}


@pytest.fixture
def make_console(test_url: str, tmp_path: Path) -> Iterator[Callable[..., Console]]:
    """Consoles of a test's own, each on an empty database: to be killed, stopped and restarted."""
    consoles: list[Console] = []

    def make(*, workers: int = 1, **environment: str) -> Console:
        name = f"hitl_{uuid.uuid4().hex[:12]}"
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        head, _, query = test_url.partition("?")
        url = head.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
        folder = tmp_path / name
        folder.mkdir()
        console = Console(folder, url, **environment)
        consoles.append(console)
        migrated = console.manage("migrate", "--verbosity", "0")
        assert migrated.returncode == 0, migrated.stderr
        scopes = [f"--scope={scope}" for scope in Scope.values]
        console.api_key = console.manage("create_api_key", "test", *scopes).stdout.strip()
        return console.start(workers=workers)

    yield make
    for console in consoles:
        console.stop()
        drop_database(console.database_name)


def drop_database(name: str) -> None:
    """Drop a database, whoever is still connected to it."""
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))

    def dropped() -> bool:
        """Postgres refuses to end its own autovacuum: it is waited for."""
        try:
            with connection._nodb_cursor() as cursor:
                cursor.execute(drop)
        except ProgrammingError:
            return False
        return True

    wait_for(dropped, what=f"{name} dropped")


def issue_key(name: str, scopes: list[str], user: User | None = None) -> str:
    user = user or User.objects.create(username=f"key:{name}:{uuid.uuid4().hex[:8]}")
    return ApiKey.objects.issue(name=name, user=user, scopes=scopes)[1]


def require(what: str, *names: str) -> str:
    """The path of a program found here by one of its names; without it the test is skipped.

    Where everything must be tried (`CI=true`) that is a failure.
    """
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        why = f"no {what} here: install one, as in `apt install {names[0]}`"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


# -- clients ---------------------------------------------------------------------------------


@pytest.fixture
def sdk(console: Console) -> LangGraphClient:
    """The official Python SDK, as its users make it."""
    return get_client(url=console.url, api_key=console.api_key)


@pytest.fixture
def api(console: Console) -> Iterator[httpx.Client]:
    """Raw HTTP, as cURL sends it."""
    with console.client() as client:
        yield client


# -- people ----------------------------------------------------------------------------------


@pytest.fixture
def queue() -> Group:
    """A queue of this test's own."""
    return Group.objects.create(name=f"queue {uuid.uuid4().hex[:8]}")


@cache
def hashed_password() -> str:
    """Made once: Argon2 is slow on purpose."""
    return make_password(PASSWORD)


def make_user(name: str, *groups: Group, **fields: Any) -> User:
    user = User.objects.create(
        username=f"{name}-{uuid.uuid4().hex[:8]}",
        first_name=name.title(),
        password=hashed_password(),
        **fields,
    )
    user.groups.set(groups)
    return user


@pytest.fixture
def rosa(queue: Group) -> User:
    """Reviews."""
    return make_user("rosa", queue, Group.objects.get(name="Reviewers"))


@pytest.fixture
def omar() -> User:
    """Reviews elsewhere."""
    return make_user("omar", Group.objects.create(name=f"elsewhere {uuid.uuid4().hex[:8]}"))


@pytest.fixture
def ada() -> User:
    """Administers."""
    return make_user("ada", is_staff=True, is_superuser=True)


def delete_policy(policy: ReviewPolicy) -> None:
    """Delete a policy, although a worker may open a task that refers to it meanwhile."""

    def is_deleted() -> bool:
        try:
            policy.delete()
        except IntegrityError:
            return False
        return True

    wait_for(is_deleted, what=f"{policy} deleted")


@pytest.fixture
def routed(queue: Group) -> Iterator[Callable[[str], None]]:
    """Send the tasks of a graph to this test's queue."""
    policies: list[ReviewPolicy] = []

    def route(graph_id: str) -> None:
        policies.append(ReviewPolicy.objects.create(graph_id=graph_id, queue=queue, order=1))

    yield route
    for policy in policies:
        delete_policy(policy)


@pytest.fixture
def task_on() -> Callable[[str], ReviewTask]:
    """The one open task of a thread."""

    def find(thread_id: str) -> ReviewTask:
        return ReviewTask.objects.open().on(uuid.UUID(thread_id)).get()

    return find
