"""Times the inbox: lists, deep pages, counts and searches, and signals to open pages.

    python benchmarks/inbox.py                           # 1,000 and 100,000 tasks
    python benchmarks/inbox.py --sizes 1000000
    python benchmarks/inbox.py --sizes 1000 --live       # 50 sockets while 20 tasks a second arrive

Each size has a database of its own on the embedded Postgres of --data, filled by generate_series
and kept for the next time. Times are of the services first, then of a Daphne over HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from asgiref.sync import sync_to_async
from psycopg import sql
from websockets.asyncio.client import connect

ROOT = Path(__file__).resolve().parent.parent
TIMES = 30
SOCKETS, TASKS_A_SECOND, LIVE_SECONDS = 50, 20, 20
FILL = """
INSERT INTO auth_group (name) SELECT 'Queue ' || n FROM generate_series(1, 4) AS n;
INSERT INTO reviews_reviewtask (thread_id, run_id, graph_id, agent, node, namespace, checkpoint_id,
    fingerprint, is_breakpoint, position, digest, shape, title, summary, tools, status, version,
    queue_id, reviewers_only, undo_seconds, high_risk, quick_answers, created_at, closed_at, value)
SELECT gen_random_uuid(), gen_random_uuid(), 'graph_' || n % 20, 'agent ' || n % 20,
    'node_' || n / 4 % 40, '', gen_random_uuid()::text, '', n % 50 = 0, '', md5(n::text), 'b',
    (ARRAY['Approve issue_refund', 'Approve send_email', 'Delete stale contacts', 'New vendor'])
        [n % 4 + 1] || ' for order ' || n || ' of customer ' || md5((n % 997)::text),
    'Approve 1 action', ARRAY[(ARRAY['issue_refund', 'send_email', 'delete', 'add'])[n % 4 + 1]],
    CASE WHEN n % 10 = 0 THEN 'decided' WHEN n % 2500 = 1 THEN 'failed' ELSE 'open' END, 1,
    (SELECT min(id) FROM auth_group) + n % 4, false, 0, n % 25 = 0, '[]',
    now() - n * interval '20 seconds', CASE WHEN n % 10 = 0 THEN now() - n * interval '10 s' END,
    '{"action_requests": [{"name": "issue_refund", "args": {"amount": 12}}]}'
FROM generate_series(1, %(size)s) AS n;
"""
MARK = """
INSERT INTO reviews_taskmark (person_id, task_id, seen_version, is_watched, snoozed_version)
SELECT %(person)s, id, 1, id %% 50 = 0, 0 FROM reviews_reviewtask WHERE id %% 3 = 0;
UPDATE reviews_reviewtask SET claimed_by_id = %(person)s, claimed_until = now() + interval '1 day'
WHERE id %% 500 = 5;
"""
LISTS = {
    "newest": {},
    "waiting longest": {"sort": "age"},
    "by risk": {"sort": "risk"},
    "by assistant": {"sort": "assistant"},
    "decided": {"view": "decided"},
    "claimed by me": {"view": "mine"},
    "watching": {"view": "watching"},
    "is:unread": {"q": "is:unread"},
    "node:node_7": {"q": "node:node_7"},
    "tool:delete": {"q": "tool:delete"},
    "assistant, negated": {"q": '-assistant:"agent 3"'},
    "a common word": {"q": "refund"},
    "a rare word": {"q": "4711"},
    "two words": {"q": "vendor 21"},
    "nothing found": {"q": "zeppelin"},
    "end of a thread id": {"q": "thread:00ff"},
}
DEEP = ("newest", "waiting longest", "by risk", "by assistant", "decided")


def timed(action: Callable[[], Any], times: int = TIMES) -> list[float]:
    """Milliseconds of each run, after two that are not counted."""
    taken = []
    for number in range(times + 2):
        started = time.perf_counter()
        action()
        if number > 1:
            taken.append(1000 * (time.perf_counter() - started))
    return taken


def cells(taken: list[float]) -> list[str]:
    return [f"{statistics.median(taken):.1f}", f"{statistics.quantiles(taken, n=20)[-1]:.1f}"]


def print_table(rows: list[list[str]]) -> None:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *rest in rows:
        padded = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        print("  ".join([first.ljust(widths[0]), *padded]), flush=True)


# -- the database -----------------------------------------------------------------------------


def database(base: str, size: int) -> str:
    """The URL of the database for a size, made if it is missing."""
    name = f"bench_inbox_{size}"
    with psycopg.connect(base, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if known.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    head, _, query = base.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}?{query}"


def fill(size: int) -> Any:
    """The reviewer all is measured for: in three of four queues, one task in three read."""
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    reviewer = User.objects.filter(username="rosa").first()
    if reviewer:
        return reviewer
    reviewer = User.objects.create_user("rosa", first_name="Rosa")
    with connection.cursor() as cursor:
        cursor.execute(FILL.replace("%(size)s", str(size)))
        cursor.execute(MARK, {"person": reviewer.pk})
    reviewer.groups.set(Group.objects.filter(name__startswith="Queue ").order_by("pk")[:3])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return reviewer


# -- services ---------------------------------------------------------------------------------


def services_table(reviewer: Any) -> list[list[str]]:
    """Rows and count of each list, and of a page in the middle of it."""
    from reviews.inbox import Query, counts, inbox_page

    def read(query: Query) -> None:
        page = inbox_page(reviewer, query)
        assert page.groups is not None
        assert page.next_url is not None

    table = [["services, ms", "rows p50", "p95", "count p50", "p95", "count"]]
    for name, asked in LISTS.items():
        query = Query(**asked)
        rows, count = timed(lambda q=query: read(q)), timed(lambda q=query: counts(reviewer).of(q))
        table.append([name, *cells(rows), *cells(count), counts(reviewer).of(query)])
    for name in DEEP:
        query = deep(Query(**LISTS[name]), reviewer)
        table.append([f"{name}, in the middle", *cells(timed(lambda q=query: read(q))), "", "", ""])
    return table


def deep(query: Any, reviewer: Any) -> Any:
    """The page in the middle of a list."""
    from dataclasses import replace

    tasks = query.tasks(reviewer)
    middle = tasks[tasks.count() // 2]
    return replace(query, after=query.order.cursor(middle))


# -- HTTP -------------------------------------------------------------------------------------


@contextmanager
def served() -> Iterator[tuple[str, psutil.Process]]:
    """A Daphne on this process's database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "hitl_console.asgi:application"]
    daphne = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _attempt in range(600):
            try:
                httpx.get(f"{url}/ok", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url, psutil.Process(daphne.pid)
    finally:
        daphne.terminate()
        daphne.wait()


def session_of(reviewer: Any) -> str:
    """A signed-in session's cookie."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(reviewer, backend="django.contrib.auth.backends.ModelBackend")
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def http_table(url: str, reviewer: Any) -> list[list[str]]:
    """Whole pages and fragments, as a browser asks for them."""
    from reviews.inbox import Query

    fragment = {"HX-Request": "true", "HX-Target": "list"}
    pane = {"HX-Request": "true", "HX-Target": "task"}
    task = Query().tasks(reviewer).values_list("pk", flat=True)[0]
    asked = {
        "inbox, whole page": (Query().url, {}),
        "inbox with a task": (f"{Query().url}&task={task}", {}),
        "task pane": (f"{Query().url}&task={task}", pane),
        "list, fetched again": (Query().url, fragment),
        "list, 400 rows": (f"{Query().url}&rows=400", fragment),
        "deep page": (deep(Query(), reviewer).url, {}),
        "by assistant, deep": (deep(Query(sort="assistant"), reviewer).url, {}),
        "search": (Query(q="refund 21").url, {}),
        "offers of a filter": ("/inbox/suggest/?q=assistant:", fragment),
    }
    table = [["HTTP", "p50 ms", "p95 ms", "KB", "KB gzip"]]
    headers = {"Cookie": session_of(reviewer)}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
        for name, (path, extra) in asked.items():
            body = client.get(path, headers=extra).raise_for_status().content
            taken = timed(lambda p=path, h=extra: client.get(p, headers=h).raise_for_status())
            sizes = [f"{len(body) / 1000:.1f}", f"{len(gzip.compress(body)) / 1000:.1f}"]
            table.append([name, *cells(taken), *sizes])
    return table


# -- live -------------------------------------------------------------------------------------


async def listen(url: str, cookie: str, heard: dict[int, list[float]]) -> asyncio.Task[None]:
    """One open page: when did it hear of each task?"""
    address = f"{url.replace('http', 'ws', 1)}/ws/live/"
    page = await connect(address, additional_headers={"Cookie": cookie}, origin=url, proxy=None)

    async def hear() -> None:
        async for message in page:
            if task := json.loads(message).get("task"):
                heard.setdefault(task, []).append(time.perf_counter())

    return asyncio.create_task(hear())


def arrive(number: int, queue: Any) -> tuple[int, float]:
    """A task comes in, as it does when a run settles; its id, and when that was committed."""
    from uuid import uuid4

    from django.db import transaction

    from reviews import live
    from reviews.models import ReviewTask
    from reviews.services import audit

    with transaction.atomic():
        task = ReviewTask.objects.create(
            thread_id=uuid4(),
            run_id=uuid4(),
            graph_id="graph",
            agent="agent",
            node="node",
            shape="d",
            title=f"Arrived {number}",
            summary="Question",
            value="Yes?",
            queue=queue,
        )
        live.tell(task, "open")
        audit.record(action="task.opened", object=f"task:{task.pk}")
    return task.pk, time.perf_counter()


async def live_table(url: str, web: psutil.Process, reviewer: Any) -> list[list[str]]:
    """From a task's commit to the moment each open page was told."""
    heard: dict[int, list[float]] = {}
    committed: dict[int, float] = {}
    cookie = await sync_to_async(session_of)(reviewer)
    pages = [await listen(url, cookie, heard) for _ in range(SOCKETS)]
    queue = await reviewer.groups.order_by("pk").afirst()
    before, started = web.cpu_times(), time.perf_counter()
    for number in range(TASKS_A_SECOND * LIVE_SECONDS):
        await asyncio.sleep(max(0, started + number / TASKS_A_SECOND - time.perf_counter()))
        task, at = await sync_to_async(arrive)(number, queue)
        committed[task] = at
    elapsed, after = time.perf_counter() - started, web.cpu_times()
    await asyncio.sleep(1)  # for signals that are still on their way
    for page in pages:
        page.cancel()
    taken = [
        1000 * max(0, at - committed[task]) for task in committed for at in heard.get(task, [])
    ]
    cpu = after.user + after.system - before.user - before.system
    missed = SOCKETS * len(committed) - len(taken)
    head = ["live", "tasks/s", "signals", "missed", "p50 ms", "p95 ms", "web CPU %"]
    rate = f"{len(committed) / elapsed:.0f}"
    row = [f"{SOCKETS} sockets", rate, str(len(taken)), str(missed), *cells(taken)]
    return [head, [*row, f"{100 * cpu / elapsed:.0f}"]]


def measure(size: int, *, is_live: bool) -> None:
    """All tables for one size; the environment names its database."""
    import django

    django.setup()
    reviewer = fill(size)
    print(f"\n{size:,} tasks")
    if not is_live:
        print_table(services_table(reviewer))
    with served() as (url, web):
        print()
        if is_live:
            print_table(asyncio.run(live_table(url, web, reviewer)))
        else:
            print_table(http_table(url, reviewer))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--live", action="store_true", help="sockets instead of pages")
    parser.add_argument("--data", type=Path, default=ROOT / "var" / "bench", help="its Postgres")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        measure(asked.one, is_live=asked.live)
        return
    os.environ["HITL_DATA"] = str(asked.data)
    os.environ.pop("DATABASE_URL", None)
    from hitl_console import embedded_postgres

    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with embedded_postgres.using_if_needed():
        base = embedded_postgres.url(asked.data)
        for size in asked.sizes:
            command = [sys.executable, __file__, "--one", str(size), *(["--live"] * asked.live)]
            env = {**os.environ, "DATABASE_URL": database(base, size)}
            subprocess.run(command, env=env, cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hitl_console.settings")
    main()
