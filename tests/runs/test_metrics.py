"""Metrics: what is at work, what waits and what people decided, from the database."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group
from django.utils.timezone import now
from prometheus_client.parser import text_string_to_metric_families

from reviews.models import ReviewTask
from runs.models import Assistant, Run, Scope, Thread, WebhookDelivery
from tests.conftest import issue_key
from tests.console import Console

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def scrape(console: Console) -> Callable[[], Samples]:
    """What Prometheus would read, with a key for nothing else."""
    headers = {"x-api-key": issue_key("prometheus", [Scope.METRICS])}

    def read() -> Samples:
        answer = httpx.get(f"{console.url}/metrics", headers=headers, trust_env=False, timeout=30)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/plain; version=")
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    return read


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"hitl_{name}", frozenset(labels.items())), 0)


def test_a_question_and_its_answer_are_counted(
    scrape: Callable[[], Samples],
    api: httpx.Client,
    queue: Group,
    routed: Callable[[str], None],
) -> None:
    routed("approve_once")
    before = scrape()
    thread = api.post("/threads", json={}).json()["thread_id"]
    body: dict[str, Any] = {"assistant_id": "approve_once", "input": {}}
    api.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
    since = now() - timedelta(minutes=10)
    ReviewTask.objects.on(uuid.UUID(thread)).update(created_at=since)

    asked = scrape()
    assert value(asked, "tasks", queue=queue.name, status="open") == 1
    assert 600 <= value(asked, "tasks_oldest_seconds", queue=queue.name, status="open") < 700
    assert value(asked, "runs", status="success") > value(before, "runs", status="success")
    assert value(asked, "workers") >= 1

    body = {"assistant_id": "approve_once", "command": {"resume": "yes"}}
    api.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
    answered = scrape()
    assert value(answered, "tasks", queue=queue.name, status="open") == 0
    by_resume = {
        name: value(samples, "decisions_total", verdict="respond", via="resume")
        for name, samples in (("before", asked), ("after", answered))
    }
    assert by_resume["after"] == by_resume["before"] + 1


def test_what_waits_in_the_queue_is_counted_from_when_its_time_had_come(
    scrape: Callable[[], Samples],
) -> None:
    before = scrape()
    assistant = Assistant.objects.filter(graph_id="approve_once").first()
    hour = timedelta(hours=1)
    made = [
        Run.objects.create(
            thread=Thread.objects.create(), assistant=assistant, graph_id="nobody's", **fields
        )
        for fields in (
            {"created_at": now() - 3 * hour, "not_before": now() + hour},  # for later
            {"status": Run.Status.RUNNING, "lease_until": now() + hour},
        )
    ]
    failed = WebhookDelivery.objects.create(
        run_id=made[0].pk, url="https://example.org", body={}, status="failed"
    )
    try:
        found = scrape()
        assert value(found, "queue_oldest_seconds") < 3 * 3600
        assert value(found, "runs", status="pending") > value(before, "runs", status="pending")
        assert value(found, "leases", state="held") > value(before, "leases", state="held")
        assert value(found, "webhooks", status="failed") == 1 + value(
            before, "webhooks", status="failed"
        )
    finally:
        failed.delete()
        for run in made:
            run.thread.delete()


def test_json_has_the_parts_of_the_agent_server_and_every_family(api: httpx.Client) -> None:
    found = api.get("/metrics?format=json").json()
    assert set(found["queue"]) == {
        "n_pending",
        "n_running",
        "pending_runs_wait_time_max_secs",
        "pending_runs_wait_time_med_secs",
    }
    assert found["workers"]["max"] >= found["workers"]["available"]
    statuses = {sample["status"] for sample in found["metrics"]["hitl_runs"]}
    assert statuses == set(Run.Status.values)
    assert {"hitl_decisions", "hitl_tasks", "hitl_recoveries"} <= set(found["metrics"])


def test_a_key_for_tasks_reads_no_metrics(console: Console) -> None:
    headers = {"x-api-key": issue_key("tasks", [Scope.TASKS_READ])}
    answer = httpx.get(f"{console.url}/metrics", headers=headers, trust_env=False)
    assert answer.status_code == 403
    assert "'metrics'" in answer.json()["detail"]
