"""What a thread says by the thread-centric protocol, whoever started its runs."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils.timezone import now

from runs import tasks
from runs.models import Run, RunEvent
from tests.runs.protocol import ASK, SIGNS, Session, phases, requested


@pytest.fixture
def session(api: httpx.Client) -> Session:
    return Session(api)


def test_runs_started_elsewhere_breakpoints_and_failures_are_told_too(session: Session) -> None:
    path = f"/threads/{session.thread_id}"
    create = {"if_not_exists": "create"}
    session.api.post(f"{path}/runs/wait", json=ASK | create)
    (asked,) = requested(session.until())
    session.send("input.respond", interrupt_id=asked["interrupt_id"], response="elsewhere")
    steps = {"assistant_id": "static_steps", "input": {}, "interrupt_before": ["step_2"]}
    session.api.post(f"{path}/runs/wait", json=steps)
    assert session.send("run.start", assistant_id="static_steps", input=None)["type"] == "success"
    session.send("run.start", assistant_id="failing", input={"some_text": "x"})

    events = session.until(5)

    assert phases(events) == [
        *("running", "interrupted"),
        *("running", "completed"),
        *("running", "interrupted"),  # at a breakpoint
        *("running", "completed"),
        *("running", "failed"),
    ]
    assert "ValueError" in events[-1]["params"]["data"]["error"]
    seqs = [e["seq"] for e in events]
    assert seqs == sorted(set(seqs))


def test_events_keep_their_numbers_when_older_ones_are_forgotten(session: Session) -> None:
    key = session.pause()
    before = session.until(1, **SIGNS)
    ours = RunEvent.objects.filter(run__thread_id=session.thread_id)
    ours.update(created_at=now() - timedelta(days=2))

    asyncio.run(tasks.prune_events.func(0))

    assert not ours.exists()
    assert session.until() == before
    session.send("input.respond", interrupt_id=key, response="late")
    assert phases(session.until(since=before[-1]["seq"])) == ["running", "completed"]


def test_what_graphs_say_in_their_own_words_is_chosen_by_name(session: Session) -> None:
    session.pause()
    run = Run.objects.get(thread_id=session.thread_id)
    run.events.all().delete()
    progress, other = ({"name": name, "payload": name} for name in ("progress", "other"))
    said = [("custom", progress), ("custom|child:1", other), ("custom", "plain")]
    updates = [("updates", {"node": None}), ("updates", {"a": 1, "b": 2}), ("checkpoints", {})]
    RunEvent.objects.bulk_create(
        RunEvent(run=run, event=name, data=data) for name, data in [*said, *updates]
    )

    def heard(*channels: str) -> list[Any]:
        events = session.until(1, channels=[*channels, "lifecycle"])
        return [e["params"]["data"] for e in events if e["method"] != "lifecycle"]

    assert heard("custom:progress") == [progress]
    assert heard("custom") == [progress, other, {"payload": "plain"}]
    assert heard("updates") == [{"node": "node", "values": {}}, {"values": {"a": 1, "b": 2}}]
    assert heard("messages", "tools") == []
