"""Streams that others started: a thread's endless one, long ones, and runs nobody watched."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils.timezone import now

from runs import tasks
from runs.models import Run, RunEvent
from tests.console import Console

STEPS = {"assistant_id": "static_steps", "input": {}}


@contextmanager
def stream(api: httpx.Client, path: str, **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    with api.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200
        yield parsed(response.iter_lines())


def parsed(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if not line and event:
            yield event | {"data": json.loads(event["data"])}
            event = {}
        elif name:
            event[name] = value


def until_done(events: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of one run."""
    found = []
    for event in events:
        found.append(event)
        if event["data"].get("status") == "run_done":
            break
    return found


@pytest.fixture
def thread(api: httpx.Client) -> str:
    return str(api.post("/threads", json={}).json()["thread_id"])


def test_a_thread_is_followed_over_its_runs_even_those_nobody_streams(
    console: Console, api: httpx.Client, thread: str
) -> None:
    with console.client() as other, stream(other, f"/threads/{thread}/stream") as events:
        api.post(f"/threads/{thread}/runs/wait", json=STEPS)
        first = until_done(events)
        api.post(f"/threads/{thread}/runs/wait", json=STEPS | {"interrupt_before": ["step_2"]})
        second = until_done(events)

    assert [one["event"] for one in first] == ["metadata", *["values"] * 3, "metadata"]
    assert first[0]["data"]["run_id"] == first[-1]["data"]["run_id"]
    assert [one["event"] for one in second] == ["metadata", "values", "metadata"]
    ids = [int(one["id"]) for one in [*first, *second]]
    assert ids == sorted(set(ids))


def test_a_thread_can_be_read_again_from_an_event_on(api: httpx.Client, thread: str) -> None:
    run = STEPS | {"stream_resumable": True, "stream_mode": "updates"}
    api.post(f"/threads/{thread}/runs/stream", json=run)
    api.post(f"/threads/{thread}/runs/stream", json=STEPS)  # not resumable: not told again

    path = f"/threads/{thread}/stream"
    with stream(api, path, **{"Last-Event-ID": "-"}) as events:
        whole = until_done(events)
    assert [one["event"] for one in whole] == ["metadata", *["updates"] * 3, "metadata"]
    with stream(api, path, **{"Last-Event-ID": whole[1]["id"]}) as events:
        assert until_done(events) == whole[2:]


def test_a_thread_stream_refuses_what_is_no_event_and_no_thread(
    api: httpx.Client, thread: str
) -> None:
    refused = api.get(f"/threads/{thread}/stream", headers={"Last-Event-ID": "-1"})
    assert refused.status_code == 422
    assert api.get(f"/threads/{uuid.uuid4()}/stream").status_code == 404


def test_a_long_stream_is_read_in_pages_and_in_order(api: httpx.Client, thread: str) -> None:
    body = STEPS | {"stream_resumable": True}
    run_id = api.post(f"/threads/{thread}/runs", json=body).json()["run_id"]
    api.get(f"/threads/{thread}/runs/{run_id}/join")
    run = Run.objects.get(pk=run_id)
    run.events.all().delete()
    RunEvent.objects.bulk_create(
        RunEvent(run=run, event="values", data={"n": n}) for n in range(450)
    )
    RunEvent.objects.create(run=run, event="end", data=None)

    path = f"/threads/{thread}/runs/{run_id}/stream"
    with stream(api, path, **{"Last-Event-ID": "-1"}) as events:
        assert [one["data"]["n"] for one in events] == list(range(450))


def test_a_background_run_can_be_watched_by_who_never_saw_its_thread(api: httpx.Client) -> None:
    body = {"assistant_id": "slow", "input": {"seconds": 1.5}, "on_completion": "keep"}
    started = api.post("/runs", json=body)
    path = f"{started.headers['content-location']}/stream"

    with stream(api, path) as events:
        last = list(events)[-1]

    assert last["data"]["visited"] == ["step_1", "nap", "step_3"]
    assert api.get(f"/runs/{uuid.uuid4()}/stream").status_code == 404


def test_a_batch_starts_whole_or_not_at_all(api: httpx.Client) -> None:
    mark = uuid.uuid4().hex
    run = STEPS | {"metadata": {"batch": mark}, "on_completion": "keep"}
    refused = api.post("/runs/batch", json=[run, {"assistant_id": "nope"}])
    assert refused.status_code == 422
    assert not Run.objects.filter(metadata__batch=mark).exists()

    started = api.post("/runs/batch", json=[run, run]).json()

    assert len({one["thread_id"] for one in started}) == 2
    for one in started:
        ended = api.get(f"/threads/{one['thread_id']}/runs/{one['run_id']}/join").json()
        assert ended["visited"][-1] == "step_3"


def test_events_nobody_can_read_again_are_forgotten_sooner(api: httpx.Client, thread: str) -> None:
    for body in (STEPS, STEPS | {"stream_resumable": True}):
        api.post(f"/threads/{thread}/runs/stream", json=body)
    passing, resumable = Run.objects.on(uuid.UUID(thread)).order_by("pk")
    ours = RunEvent.objects.filter(run__in=[passing, resumable])
    ours.update(created_at=now() - timedelta(minutes=11))

    asyncio.run(tasks.prune_events.func(0))

    assert set(ours.values_list("run", flat=True)) == {resumable.pk}
    ours.update(created_at=now() - timedelta(days=2))
    asyncio.run(tasks.prune_events.func(0))
    assert not ours.exists()
