"""A key that is used in every right and wrong way is found nowhere afterwards."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from django.db import connection

from hitl_console.log_lines import LineFormatter
from runs.models import ApiKey, Scope
from tests.conftest import issue_key
from tests.console import ROOT, Console

TEXTS = ("text", "character varying", "json", "jsonb", "ARRAY", "character", "name")
COLUMNS = """
    SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'public' AND data_type = ANY(%s)
"""


def places_with(text: str) -> Iterator[str]:
    """The columns of the whole database that hold a text, as text or as bytes."""
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [[*TEXTS, "bytea"]])
        for schema, table, column, kind in cursor.fetchall():
            as_text = f"encode({column}, 'escape')" if kind == "bytea" else f'"{column}"::text'
            where = f"strpos({as_text}, %s) > 0"
            cursor.execute(f'SELECT count(*) FROM "{schema}"."{table}" WHERE {where}', [text])
            if cursor.fetchone()[0]:
                yield f"{table}.{column}"


def used_in_every_way(console: Console, key: str) -> list[httpx.Response]:
    """Answers to what goes right with a key, and to what goes wrong."""
    url = console.url
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        client.headers["X-Api-Key"] = key
        thread = client.post("/threads", json={}).json()["thread_id"]
        runs = [
            {"assistant_id": name, "input": {}, "stream_mode": ["values", "debug"]}
            for name in ("approve_once", "failing", "echo_config", "failing_inside", "no-such")
        ]
        return [
            *(client.post("/runs/wait", json=run) for run in runs),
            client.post("/runs/stream", json=runs[2]),
            client.post(f"/threads/{thread}/runs/wait", json=runs[0]),
            client.post("/threads", content=b"{"),
            client.post("/threads", content=b"x" * (13 * 2**20)),
            client.get("/store/nothing"),
            client.get(f"/threads/{thread}/history"),
            client.get("/api/tasks/"),
            client.get("/inbox/"),
            client.get(f"/threads/{key}"),
            client.get(f"/nothing/{key}"),
            client.post("/threads", json={}, headers={"X-Api-Key": f"{key}x"}),
            client.post("/threads", json={}, headers={"X-Api-Key": "", "Authorization": key}),
            client.post("/threads", json={}, headers={"Authorization": f"bearer  {key}"}),
            client.get("/login/", headers={"X-Api-Key": key}),
        ]


def test_a_key_is_found_nowhere(console: Console) -> None:
    key = issue_key("canary", list(Scope.values))
    secret = key[14:]

    answers = used_in_every_way(console, key)

    assert all(answer.status_code < 500 for answer in answers)
    in_answers = [str(answer.url) for answer in answers if secret in answer.text]
    assert [url for url in in_answers if secret not in url] == []  # but the address asked for
    assert list(places_with(secret)) == []
    assert "runs_apikey.prefix" in places_with(key[5:13])  # so the search does find
    for process in (console.web, *console.workers):
        told = process.output()
        lines = [line for line in told.splitlines() if secret in line]
        assert [line for line in lines if f"/{key}" not in line] == [], "daphne's access log aside"


def test_only_a_keyed_hash_is_kept() -> None:
    key = issue_key("kept", [Scope.RUNS])
    row = ApiKey.objects.filter(digest=ApiKey.digest_of(key)).values().get()
    assert key[14:] not in str(row)
    assert len(row["digest"]) == 64
    assert row["prefix"] == key[5:13]


def test_the_command_shows_a_key_once_and_the_audit_never(test_url: str, console: Console) -> None:
    made = console.manage("create_api_key", "audited", "--scope=runs")
    key = made.stdout.strip().splitlines()[-1]
    assert ApiKey.objects.find(key)
    assert list(places_with(key[14:])) == []
    assert key not in made.stderr


@pytest.fixture
def line() -> LineFormatter:
    return LineFormatter("%(levelname)s %(message)s")


def record(message: str, *arguments: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("x", logging.WARNING, "x", 1, message, arguments, None)
    vars(made).update(fields)
    return made


def test_a_log_line_names_no_key(line: LineFormatter) -> None:
    key = issue_key("logged", [])
    told = line.format(record("Not Found: %s", f"/threads/{key}?key={key}"))
    assert key not in told
    assert told.count(key[:14]) == 2


def test_nothing_that_is_logged_can_pass_for_another_line(line: LineFormatter) -> None:
    forged = "x\r\nERROR all is lost\x1b[2J\u2028\u202egnp.exe\x00\ud800"
    told = line.format(record("%s", forged))
    assert told.isprintable()
    assert "\\r\\nERROR" in told
    told.encode()


def test_a_forged_line_in_a_traceback_is_indented(line: LineFormatter) -> None:
    try:
        raise ValueError("boom\nERROR all is lost\x1b[31m")
    except ValueError:
        told = line.format(record("failed", exc_info=sys.exc_info()))
    first, *rest = told.splitlines()
    assert first == "WARNING failed"
    assert all(part.startswith("  ") and part.isprintable() for part in rest)


def test_the_log_of_a_process_is_written_so() -> None:
    code = "import django; django.setup(); import logging; logging.getLogger('x').error('a\\r\\nb')"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert said.stderr.count("\n") == 1
    assert "a\\r\\nb" in said.stderr
