"""Loaded before Django (`-p tests.environment`): the tests' settings and their Postgres."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

os.environ.update(
    HITL_DATA=os.environ.get("HITL_TEST_DATA", str(ROOT / "var" / "test")),
    LANGGRAPH_CONFIG=str(ROOT / "tests" / "langgraph.json"),
    HITL_API_AUTH="key",
    RUN_LEASE="3",
    HITL_STOP_GRACE="5",
    HITL_PAGE_UNDO="0",  # what tests decide is sent at once, unless they are about the hold
    ALLOWED_HOSTS="127.0.0.1,localhost,testserver",
)
os.environ.setdefault("SECRET_KEY", "a key for tests only, as long as a real one has to be")

_running = ExitStack()


def pytest_load_initial_conftests() -> None:
    """The embedded server is up before Django looks for its database."""
    from hitl_console import embedded_postgres

    _running.enter_context(embedded_postgres.using_if_needed())


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last one to leave stops it."""
    _running.close()
