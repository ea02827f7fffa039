"""A checkpoint is data: whoever can write one into the database runs no code by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import ormsgpack
import pytest
from django.db import connection
from langgraph.checkpoint.serde import _msgpack, jsonplus
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from reviews.models import ReviewTask
from tests.console import Console

CALL = jsonplus.EXT_CONSTRUCTOR_POS_ARGS


def call(module: str, name: str, *arguments: Any) -> bytes:
    """What makes a reader call a function, if it lets itself be told to."""
    inner = ormsgpack.packb((module, name, arguments))
    return ormsgpack.packb(ormsgpack.Ext(CALL, inner))


def test_strict_reading_is_on() -> None:
    assert _msgpack.STRICT_MSGPACK_ENABLED


def test_the_row_would_run_if_it_were_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = tmp_path / "made"
    open_reader = JsonPlusSerializer(allowed_msgpack_modules=True)
    open_reader.loads_typed(("msgpack", call("os", "mkdir", str(trap))))
    assert trap.exists()


@pytest.fixture
def paused(api: httpx.Client, routed: Any, task_on: Any) -> ReviewTask:
    routed("kill_self")  # whose state has a list: texts alone are kept as JSON
    thread = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "kill_self", "input": {}}
    api.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
    found: ReviewTask = task_on(thread)
    return found


@pytest.mark.parametrize("table", ["checkpoint_blobs", "checkpoint_writes"])
def test_a_crafted_row_runs_nothing(
    console: Console, api: httpx.Client, paused: ReviewTask, table: str, tmp_path: Path
) -> None:
    trap = tmp_path / "made"
    thread = str(paused.thread_id)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET blob = %s WHERE thread_id = %s AND type = 'msgpack'",
            [call("os", "mkdir", str(trap)), thread],
        )
        assert cursor.rowcount > 0

    answers = [
        api.get(f"/threads/{thread}/state"),
        api.post(f"/threads/{thread}/history", json={}),
        api.post(
            f"/threads/{thread}/runs/wait",
            json={"assistant_id": "kill_self", "command": {"resume": "y"}},
        ),
    ]

    assert not trap.exists()
    state, history, resumed = answers
    for answer in (state, history):
        assert answer.status_code == 409
        assert "os.mkdir" in answer.json()["detail"]
    assert resumed.status_code == 409 or "__error__" in resumed.json()
