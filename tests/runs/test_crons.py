"""Crons: set, found, changed; fired once each, by whichever worker is first."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.utils.timezone import now
from langgraph_sdk.client import LangGraphClient

from runs import services
from runs.exceptions import InvalidInput
from runs.models import ApiKey, Cron, Run, Thread
from runs.services import crons as service
from tests.console import wait_for

ZERO = "00000000-0000-0000-0000-000000000000"
STEPS = {"assistant_id": "static_steps", "input": {"some_text": "x"}}
DAILY = STEPS | {"schedule": "0 9 * * *"}
KEYS = [
    "cron_id",
    "assistant_id",
    "thread_id",
    "user_id",
    "end_time",
    "schedule",
    "timezone",
    "payload",
    "next_run_date",
    "metadata",
    "on_run_completed",
    "enabled",
    "created_at",
    "updated_at",
]


@pytest.fixture(autouse=True)
def _none_left() -> Iterator[None]:
    """The console's worker fires what other tests leave behind."""
    yield
    Cron.objects.all().delete()


def make(api: Any, thread: str | None = None, **body: Any) -> Cron:
    path = f"/threads/{thread}/runs/crons" if thread else "/runs/crons"
    made = api.post(path, json=DAILY | body)
    assert made.status_code == 200, made.text
    return Cron.objects.get(pk=made.json()["cron_id"])


def make_thread(api: Any) -> str:
    return str(api.post("/threads", json={}).json()["thread_id"])


def fire(cron: Cron) -> Cron:
    """Let its time come, and wait until this test or the console's worker has seen it."""
    due = now() - timedelta(minutes=5)
    Cron.objects.filter(pk=cron.pk).update(next_run_at=due)
    services.fire_crons()
    wait_for(lambda: not Cron.objects.filter(pk=cron.pk, next_run_at=due), what="fired")
    cron.refresh_from_db()
    return cron


def runs_of(cron: Cron) -> list[Run]:
    return list(Run.objects.filter(metadata__cron_id=str(cron.pk)).order_by("created_at"))


async def test_the_sdk_sets_finds_changes_and_deletes(sdk: LangGraphClient) -> None:
    tag = {"tag": uuid4().hex}
    thread = (await sdk.threads.create())["thread_id"]
    on_thread: Any = await sdk.crons.create_for_thread(
        thread,
        "static_steps",
        schedule="*/15 * * * *",
        input={"some_text": "x"},
        metadata=tag,
        timezone="Europe/Berlin",
        multitask_strategy="interrupt",
    )
    alone: Any = await sdk.crons.create(
        "static_steps",
        schedule="0 9 * * 1-5",
        input={},
        metadata=tag,
        on_run_completed="keep",
        end_time=datetime(2999, 1, 1, tzinfo=UTC),
        enabled=False,
    )

    assert list(on_thread) == list(alone) == KEYS
    assert (on_thread["thread_id"], on_thread["on_run_completed"]) == (thread, None)
    assert (on_thread["timezone"], on_thread["enabled"]) == ("Europe/Berlin", True)
    assert on_thread["payload"] == {
        "input": {"some_text": "x"},
        "multitask_strategy": "interrupt",
        "schedule": "*/15 * * * *",
        "assistant_id": on_thread["assistant_id"],
    }
    assert (alone["thread_id"], alone["on_run_completed"]) == (None, "keep")
    assert (alone["end_time"], alone["next_run_date"]) == ("2999-01-01T00:00:00+00:00", None)

    found = await sdk.crons.search(metadata=tag, sort_by="cron_id", sort_order="asc")
    assert [each["cron_id"] for each in found] == [on_thread["cron_id"], alone["cron_id"]]
    [one] = await sdk.crons.search(thread_id=thread, enabled=True, select=["cron_id", "schedule"])
    assert one == {"cron_id": on_thread["cron_id"], "schedule": "*/15 * * * *"}
    assert await sdk.crons.count(metadata=tag, assistant_id=alone["assistant_id"]) == 2

    changed = await sdk.crons.update(
        alone["cron_id"], schedule="30 8 * * *", enabled=True, end_time=None, input={"n": 1}
    )
    assert (changed["schedule"], changed["enabled"], changed["end_time"]) == (
        "30 8 * * *",
        True,
        None,
    )
    assert changed["payload"]["input"] == {"n": 1}
    assert str(changed["next_run_date"]).endswith("T08:30:00+00:00")
    assert changed["metadata"] == tag

    await sdk.crons.delete(alone["cron_id"])
    assert await sdk.crons.count(metadata=tag) == 1


def test_a_worker_fires_a_cron_and_runs_it(api: Any) -> None:
    cron = make(api, metadata={"who": "me"})
    Cron.objects.filter(pk=cron.pk).update(next_run_at=now())

    [run] = wait_for(lambda: runs_of(cron), what="fired by the worker")

    assert run.metadata["who"] == "me"
    assert run.created_by == cron.created_by
    place = f"/threads/{run.thread_id}/runs/{run.pk}/join"
    assert api.get(place).json()["visited"] == ["step_1", "step_2", "step_3"]
    cron.refresh_from_db()
    assert cron.next_run_at
    assert cron.next_run_at > now()


@pytest.mark.parametrize("on_a_thread", [True, False])
def test_of_two_workers_one_fires_and_what_was_missed_comes_once(
    api: Any, monkeypatch: pytest.MonkeyPatch, on_a_thread: bool
) -> None:
    cron = make(api, make_thread(api) if on_a_thread else None, schedule="* * * * *")
    Cron.objects.filter(pk=cron.pk).update(next_run_at=now() - timedelta(days=3))
    both, make_run = Barrier(2), service._make_run

    def wait_for_the_other(found: Cron) -> Run:
        """Two that both think it is theirs meet here."""
        with suppress(BrokenBarrierError):
            both.wait(timeout=1)
        return make_run(found)

    monkeypatch.setattr(service, "_make_run", wait_for_the_other)

    def work(_: int) -> None:
        services.fire_crons()
        connections.close_all()

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(work, range(2)))
    services.fire_crons()

    assert len(runs_of(cron)) == 1
    cron.refresh_from_db()
    assert cron.next_run_at
    assert now() < cron.next_run_at <= now() + timedelta(minutes=1)


def test_each_run_has_a_thread_of_its_own_that_is_kept_or_goes(api: Any) -> None:
    kept, passing = make(api, on_run_completed="keep"), make(api)
    for cron in (kept, kept, passing):
        fire(cron)
    first, second = runs_of(kept)
    assert first.thread_id != second.thread_id
    assert [run.thread.is_temporary for run in (first, *runs_of(passing))] == [False, True]


def test_on_a_busy_thread_the_strategy_decides(api: Any) -> None:
    thread = make_thread(api)
    slow = {"assistant_id": "slow", "input": {"seconds": 30}}
    busy = api.post(f"/threads/{thread}/runs", json=slow).json()["run_id"]

    refused = fire(make(api, thread, multitask_strategy="reject"))
    assert runs_of(refused) == []
    assert "already running" in refused.last_error
    assert refused.next_run_at

    queued = fire(make(api, thread))
    assert [run.status for run in runs_of(queued)] == ["pending"]

    [run] = runs_of(fire(make(api, thread, multitask_strategy="interrupt")))
    assert Run.objects.get(pk=busy).status == "interrupted"
    assert api.get(f"/threads/{thread}/runs/{run.pk}/join").json()["visited"]


@pytest.mark.parametrize("graph", ["approve_once", "compiled_breakpoints"])
def test_a_cron_moves_no_thread_that_waits_for_a_person(api: Any, graph: str) -> None:
    thread = make_thread(api)
    asked = {"assistant_id": graph, "input": {"some_text": "x"}}
    api.post(f"/threads/{thread}/runs/wait", json=asked)
    before = api.get(f"/threads/{thread}/state").json()

    for given in (None, {"some_text": "y"}):
        cron = fire(make(api, thread, assistant_id=graph, input=given))
        assert "waits for a person" in cron.last_error
        assert runs_of(cron) == []

    assert api.get(f"/threads/{thread}/state").json() == before
    assert api.get(f"/threads/{thread}").json()["status"] == "interrupted"


def test_whoever_cannot_fire_says_why_and_the_others_go_on(api: Any) -> None:
    assistant = api.post("/assistants", json={"graph_id": "static_steps"}).json()["assistant_id"]
    orphan = make(api, assistant_id=assistant)
    api.delete(f"/assistants/{assistant}")
    keyless, well = make(api), make(api)
    Cron.objects.filter(pk=keyless.pk).update(created_by=None)
    due = [orphan.pk, keyless.pk, well.pk]
    Cron.objects.filter(pk__in=due).update(next_run_at=now() - timedelta(minutes=1))

    assert fire(orphan).last_error == service.ITS_ASSISTANT
    assert fire(keyless).last_error == service.ITS_KEY
    assert len(runs_of(fire(well))) >= 1
    assert runs_of(orphan) == runs_of(keyless) == []
    assert api.get(f"/runs/crons/{orphan.pk}").json()["assistant_id"] is None


def test_a_cron_whose_key_is_revoked_starts_nothing(api: Any) -> None:
    cron = make(api)
    key = ApiKey.objects.usable().get(user=cron.created_by)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=now())
    try:
        cron = fire(cron)
    finally:
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=None)
    assert cron.last_error == service.ITS_KEY
    assert fire(cron).last_error == ""  # said no longer once it goes well


def test_what_is_switched_off_or_over_does_not_fire(api: Any) -> None:
    off = make(api, enabled=False)
    past = make(api, end_time="2020-01-01T00:00:00")
    assert off.next_run_at is None
    assert past.next_run_at is None
    late = make(api, end_time=(now() + timedelta(days=9)).isoformat())
    Cron.objects.filter(pk=late.pk).update(ends_at=now() - timedelta(minutes=1))

    assert fire(late).next_run_at is None  # its time came before its end, a worker only after
    assert runs_of(late) == []
    on = api.patch(f"/runs/crons/{off.pk}", json={"enabled": True}).json()
    assert on["next_run_date"] > now().isoformat()


def test_a_thread_takes_its_crons_with_it(api: Any) -> None:
    thread = make_thread(api)
    cron = make(api, thread)
    assert api.delete(f"/threads/{thread}").status_code == 204
    assert api.get(f"/runs/crons/{cron.pk}").status_code == 404
    assert not Thread.objects.filter(pk=thread).exists()


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        ("0 9 * * *", "", "2026-06-01T09:00", "2026-06-02T09:00"),
        ("0 9 * * *", "Europe/Berlin", "2026-06-01T00:00", "2026-06-01T07:00"),
        ("0 9 * * *", "Europe/Berlin", "2026-12-01T00:00", "2026-12-01T08:00"),
        ("30 2 * * *", "America/New_York", "2026-03-08T05:00", "2026-03-08T07:00"),  # no 02:30
        ("30 1 * * *", "America/New_York", "2026-11-01T04:00", "2026-11-01T05:30"),
        ("30 1 * * *", "America/New_York", "2026-11-01T05:30", "2026-11-02T06:30"),  # only once
        ("30 * * * *", "America/New_York", "2026-11-01T05:30", "2026-11-01T06:30"),
        ("0 0 29 2 *", "", "2026-01-01T00:00", "2028-02-29T00:00"),
        ("@daily", "", "2026-01-01T00:00", "2026-01-02T00:00"),
    ],
)
def test_schedules_go_by_the_clocks_of_their_zone(
    schedule: str, zone: str, after: str, expected: str
) -> None:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    found = service.next_run(schedule, zone, start)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("schedule", ["bad", "* * * *", "60 * * * *", "0 0 30 2 *", "H * * * *"])
def test_a_schedule_that_never_comes_is_refused(schedule: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid cron schedule"):
        service.next_run(schedule, "", now())


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/runs/crons", {}, 422),
        ("POST", "/runs/crons", STEPS, 422),
        ("POST", "/runs/crons", {"schedule": "* * * * *"}, 422),
        ("POST", "/runs/crons", DAILY | {"schedule": "bad"}, 422),
        ("POST", "/runs/crons", DAILY | {"schedule": "*" * 300}, 422),
        ("POST", "/runs/crons", DAILY | {"schedule": 5}, 422),
        ("POST", "/runs/crons", DAILY | {"timezone": "Mars/Olympus"}, 422),
        ("POST", "/runs/crons", DAILY | {"timezone": "../../etc/passwd"}, 422),
        ("POST", "/runs/crons", DAILY | {"timezone": None}, 422),
        ("POST", "/runs/crons", DAILY | {"end_time": "soon"}, 422),
        ("POST", "/runs/crons", DAILY | {"end_time": "9999-12-31T23:59:59-12:00"}, 422),
        ("POST", "/runs/crons", DAILY | {"on_run_completed": "burn"}, 422),
        ("POST", "/runs/crons", DAILY | {"interrupt_before": ["nowhere"]}, 422),
        ("POST", "/runs/crons", DAILY | {"webhook": "http://10.0.0.1/"}, 422),
        ("POST", "/runs/crons", DAILY | {"assistant_id": ZERO}, 404),
        ("POST", "/runs/crons", DAILY | {"assistant_id": "nope"}, 422),
        ("POST", f"/threads/{ZERO}/runs/crons", DAILY, 404),
        ("POST", "/threads/bad/runs/crons", DAILY, 422),
        ("GET", f"/runs/crons/{ZERO}", None, 404),
        ("GET", "/runs/crons/bad", None, 422),
        ("PATCH", f"/runs/crons/{ZERO}", {}, 404),
        ("DELETE", f"/runs/crons/{ZERO}", None, 404),
        ("DELETE", "/runs/crons/bad", None, 422),
        ("POST", "/runs/crons/search", {"assistant_id": "bad"}, 422),
        ("POST", "/runs/crons/search", {"sort_by": "payload"}, 422),
        ("POST", "/runs/crons/search", {"select": ["secret"]}, 422),
        ("POST", "/runs/crons/search", {"sort_by": "next_run_date", "limit": 1}, 200),
        ("POST", "/runs/crons/search", {"sort_by": "assistant_id", "limit": 1}, 200),
        ("POST", "/runs/crons/count", {"thread_id": ZERO}, 200),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    api: Any, method: str, path: str, body: Any, status: int
) -> None:
    answer = api.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert status == 200 or set(answer.json()) == {"detail"}


def test_a_patch_that_does_not_fit_changes_nothing(api: Any) -> None:
    cron = make(api, timezone="Asia/Tokyo")
    for body in ({"schedule": "bad"}, {"timezone": "x"}, {"interrupt_after": ["nowhere"]}):
        assert api.patch(f"/runs/crons/{cron.pk}", json=body).status_code == 422
    same = Cron.objects.get(pk=cron.pk)
    assert (same.schedule, same.timezone, same.payload) == ("0 9 * * *", "Asia/Tokyo", cron.payload)
