"""A console with the graphs the reference server was measured with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from psycopg import sql

from runs.models import Scope
from tests.conftest import drop_database
from tests.console import Console, running

HERE = Path(__file__).parent
RECEIVER = "127.0.0.2"  # where webhooks may go: this machine, by a name the recordings do not use


@pytest.fixture(scope="session")
def measured(test_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console of its own, taking answers as the reference does."""
    name = f"hitl_{uuid.uuid4().hex[:12]}"
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    head, _, query = test_url.partition("?")
    url = head.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    console = Console(
        tmp_path_factory.mktemp("measured"),
        url,
        HITL_RESUME_MODE="compatible",
        HITL_WEBHOOK_HOSTS=RECEIVER,
        LANGGRAPH_CONFIG=str(HERE / "langgraph.json"),
    )
    migrated = console.manage("migrate", "--verbosity", "0")
    assert migrated.returncode == 0, migrated.stderr
    scopes = [f"--scope={scope}" for scope in Scope.values]
    console.api_key = console.manage("create_api_key", "test", *scopes).stdout.strip()
    try:
        with running(console):
            yield console
    finally:
        drop_database(name)
