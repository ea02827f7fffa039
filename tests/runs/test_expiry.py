"""Threads that expire or are pruned; what a thread keeps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from runs import services
from runs.models import Thread

PAUSE = {"assistant_id": "human_in_the_loop", "input": {"some_text": "x"}}
STEPS = {"assistant_id": "static_steps", "input": {}}


def make(api: Any, run: dict[str, Any] | None = None, **body: Any) -> str:
    thread: str = api.post("/threads", json=body).json()["thread_id"]
    if run:
        assert api.post(f"/threads/{thread}/runs/wait", json=run).status_code == 200
    return thread


def expire(*threads: str) -> None:
    past = now() - timedelta(seconds=1)
    Thread.objects.filter(pk__in=threads).update(expires_at=past)
    services.expire_threads()


def length(api: Any, thread: str) -> int:
    return len(api.get(f"/threads/{thread}/history?limit=100").json())


def test_a_ttl_counts_from_when_it_was_set_and_is_shown_to_who_asks(api: Any) -> None:
    thread = make(api, ttl={"ttl": 90})
    assert "ttl" not in api.get(f"/threads/{thread}").json()
    shown = api.get(f"/threads/{thread}?include=ttl").json()["ttl"]
    assert (shown["strategy"], shown["ttl_minutes"]) == ("delete", 90)
    first = Thread.objects.get(pk=thread).expires_at

    api.patch(f"/threads/{thread}", json={"ttl": {"ttl": 120, "strategy": "keep_latest"}})

    row = Thread.objects.get(pk=thread)
    assert row.ttl == {"strategy": "keep_latest", "ttl_minutes": 120}
    assert first
    assert row.expires_at
    assert row.expires_at - first > timedelta(minutes=29)


def test_a_thread_whose_time_is_over_goes_and_others_stay(api: Any) -> None:
    gone, kept = make(api, STEPS, ttl={"ttl": 5}), make(api, STEPS, ttl={"ttl": 5})
    expire(gone)
    assert api.get(f"/threads/{gone}").status_code == 404
    assert api.get(f"/threads/{kept}").status_code == 200


def test_a_thread_that_waits_for_a_person_outlives_its_time_until_the_answer(api: Any) -> None:
    thread = make(api, PAUSE, ttl={"ttl": 5})
    expire(thread)
    assert api.get(f"/threads/{thread}").json()["status"] == "interrupted"

    answer = {"assistant_id": "human_in_the_loop", "command": {"resume": "y"}}
    assert api.post(f"/threads/{thread}/runs/wait", json=answer).json() == {"some_text": "y"}
    services.expire_threads()

    assert api.get(f"/threads/{thread}").status_code == 404


def test_keep_latest_forgets_the_past_and_comes_again(api: Any) -> None:
    thread = make(api, STEPS, ttl={"ttl": 5, "strategy": "keep_latest"})
    assert length(api, thread) == 5
    expire(thread)
    assert length(api, thread) == 1
    assert api.get(f"/threads/{thread}/state").json()["values"]["visited"][-1] == "step_3"
    again = api.post(f"/threads/{thread}/runs/wait", json=STEPS).json()
    assert len(again["visited"]) == 6
    expires = Thread.objects.get(pk=thread).expires_at
    assert expires
    assert expires > now()


def test_pruning_deletes_threads_or_their_past_and_skips_unknown_ones(api: Any) -> None:
    one, two = make(api, STEPS), make(api, STEPS)
    unknown = "00000000-0000-4000-8000-000000000000"
    kept = api.post("/threads/prune", json={"thread_ids": [one], "strategy": "keep_latest"})
    assert kept.json() == {"pruned_count": 1}
    assert (length(api, one), length(api, two)) == (1, 5)

    gone = api.post("/threads/prune", json={"thread_ids": [one, two, unknown]})

    assert gone.json() == {"pruned_count": 2}
    assert api.get(f"/threads/{two}").status_code == 404


@pytest.mark.parametrize("strategy", ["delete", "keep_latest"])
def test_pruning_is_refused_whole_while_one_waits_for_a_person(api: Any, strategy: str) -> None:
    free, waiting = make(api, STEPS), make(api, PAUSE)
    body = {"thread_ids": [free, waiting], "strategy": strategy}
    refused = api.post("/threads/prune", json=body)
    assert refused.status_code == 409
    assert waiting in refused.json()["detail"]
    assert api.get(f"/threads/{waiting}").json()["status"] == "interrupted"
    assert Thread.objects.filter(pk=free).exists()


@pytest.mark.parametrize(
    "ttl", [5, "x", None, {}, {"ttl": "5"}, {"ttl": 1e300}, {"ttl": 5, "strategy": "bogus"}]
)
def test_a_ttl_that_is_none_is_refused(api: Any, ttl: Any) -> None:
    assert api.post("/threads", json={"ttl": ttl}).status_code == 422


def test_storage_says_what_a_thread_keeps(api: Any) -> None:
    thread = make(api, STEPS | {"input": {"some_text": "x" * 5000}})
    kept = api.get(f"/threads/{thread}/storage").json()
    assert kept["thread_id"] == thread
    assert kept["checkpoints"]["count"] == 5
    by_channel = kept["channel_values"]["by_channel"]
    assert by_channel["some_text"]["bytes"] >= 5000
    parts = ("checkpoints", "channel_values", "pending_writes")
    assert kept["total_bytes"] == sum(kept[part]["bytes"] for part in parts)
    assert kept["channel_values"]["count"] == sum(one["versions"] for one in by_channel.values())
