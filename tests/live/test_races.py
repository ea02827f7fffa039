"""Many at once at the same question: one wins, the others are told who, the action happens once."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group

from reviews.models import Decision, ReviewTask
from runs.models import Run, Scope
from tests.conftest import PASSWORD, issue_key, make_user
from tests.console import Console, token, wait_for

pytestmark = pytest.mark.live

Act = Callable[[], httpx.Response]


@pytest.fixture
def refunds(console: Console) -> Path:
    """Where the refund graph pays; a line for each payment."""
    return Path(console.env["REFUND_LOG"])


def key_client(console: Console, name: str, queue: Group) -> httpx.Client:
    """A program that may decide the tasks of a queue."""
    key = issue_key(name, [Scope.RESUME, Scope.RUNS, Scope.TASKS_DECIDE], make_user(name, queue))
    client = console.client()
    client.headers["x-api-key"] = key
    return client


def at_once(acts: list[Act]) -> list[httpx.Response]:
    """The answers to what all do at the same instant."""
    barrier = threading.Barrier(len(acts))

    def act_with_the_others(act: Act) -> httpx.Response:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act_with_the_others, acts))


def ask(api: httpx.Client, graph: str, **state: Any) -> str:
    thread_id: str = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": graph, "input": state}
    asked = api.post(f"/threads/{thread_id}/runs/wait", json=body)
    assert "__interrupt__" in asked.json(), asked.text
    return thread_id


def decide(client: httpx.Client, task: ReviewTask, **options: Any) -> Act:
    verdict = options.pop("verdict", {"kind": "respond", "value": {"action": "approve"}})
    return lambda: client.post(f"/api/tasks/{task.pk}/decide/", json=verdict, **options)


def resume_runs(thread_id: str) -> list[Run]:
    """The runs after the one that asked."""
    return list(Run.objects.on(uuid.UUID(thread_id)).order_by("pk"))[1:]


def idle(api: httpx.Client, thread_id: str) -> dict[str, Any]:
    """The thread once nothing happens on it."""
    found: dict[str, Any] = wait_for(
        lambda: (at := api.get(f"/threads/{thread_id}").json())["status"] == "idle" and at,
        what=f"thread {thread_id} is idle",
    )
    return found


def payments(refunds: Path, order: str) -> int:
    lines = refunds.read_text().splitlines() if refunds.exists() else []
    return sum(json.loads(line)["order"] == order for line in lines)


def test_of_ten_reviewers_at_once_one_decides(
    console: Console, api: httpx.Client, routed: Any, queue: Group, refunds: Path
) -> None:
    routed("refund")
    order = uuid.uuid4().hex
    thread_id = ask(api, "refund", order=order, amount=250)
    task = ReviewTask.objects.open().get(thread_id=thread_id)
    clients = [key_client(console, f"reviewer{number}", queue) for number in range(10)]

    answers = at_once([decide(client, task) for client in clients])

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    winner = Decision.objects.select_related("reviewer").get(task=task).reviewer.get_username()
    losers = [answer.json() for answer in answers if answer.status_code == 409]
    assert {loser["decision"]["reviewer"] for loser in losers} == {winner}
    assert idle(api, thread_id)["values"]["status"] == "paid"
    assert [run.status for run in resume_runs(thread_id)] == ["success"]
    assert payments(refunds, order) == 1


def test_of_five_people_and_five_programs_at_once_one_decides(
    console: Console, api: httpx.Client, routed: Any, queue: Group
) -> None:
    routed("approve_once")
    thread_id = ask(api, "approve_once")
    task = ReviewTask.objects.open().get(thread_id=thread_id)
    verdict = {"kind": "respond", "value": "yes"}
    programs = [key_client(console, f"program{number}", queue) for number in range(5)]
    people = [
        console.sign_in(make_user(f"person{number}", queue).username, PASSWORD)
        for number in range(5)
    ]

    def on_page(client: httpx.Client) -> Act:
        form = {"kind": "respond", "text": "yes"} | token(client)
        return lambda: client.post(f"/tasks/{task.pk}/decide/", data=form)

    answers = at_once(
        [decide(client, task, verdict=verdict) for client in programs]
        + [on_page(client) for client in people]
    )

    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] in (200, 302), codes
    assert codes[1:] == [409] * 9
    assert idle(api, thread_id)["values"]["answers"] == ["yes"]
    assert len(resume_runs(thread_id)) == 1


def test_two_reviewers_who_close_the_last_two_questions_at_once_resume_once(
    console: Console, api: httpx.Client, routed: Any, queue: Group
) -> None:
    routed("parallel_questions")
    clients = [key_client(console, name, queue) for name in ("legal", "finance")]
    for _ in range(5):  # a race is not always lost at the first try
        thread_id = ask(api, "parallel_questions", contract="lease")
        tasks = ReviewTask.objects.open().filter(thread_id=thread_id).order_by("pk")
        verdict = {"kind": "respond", "value": "yes"}

        answers = at_once(
            [decide(c, task, verdict=verdict) for c, task in zip(clients, tasks, strict=True)]
        )

        assert [answer.status_code for answer in answers] == [200, 200]
        values = idle(api, thread_id)["values"]
        assert values["answers"] == ["finance: yes", "legal: yes", "signed"]
        assert [run.status for run in resume_runs(thread_id)] == ["success"]


def test_a_client_resume_and_a_decision_at_once_make_one_run(
    console: Console, api: httpx.Client, routed: Any, queue: Group, refunds: Path
) -> None:
    routed("refund")
    program = key_client(console, "program", queue)
    reviewer = key_client(console, "reviewer", queue)
    for _ in range(5):
        order = uuid.uuid4().hex
        thread_id = ask(api, "refund", order=order, amount=250)
        task = ReviewTask.objects.open().get(thread_id=thread_id)
        resume = {
            "assistant_id": "refund",
            "command": {"resume": {"action": "approve", "amount": 1}},
        }

        answers = at_once(
            [
                decide(reviewer, task),
                lambda at=thread_id, body=resume: program.post(f"/threads/{at}/runs", json=body),
            ]
        )

        assert sorted(answer.status_code for answer in answers) == [200, 409]
        paid = idle(api, thread_id)["values"]["amount"]
        assert paid == (250 if answers[0].status_code == 200 else 1)
        assert len(resume_runs(thread_id)) == 1
        assert payments(refunds, order) == 1


def test_a_request_sent_twice_at_once_with_its_key_is_one_decision(
    console: Console, api: httpx.Client, routed: Any, queue: Group
) -> None:
    routed("approve_once")
    thread_id = ask(api, "approve_once")
    task = ReviewTask.objects.open().get(thread_id=thread_id)
    client = key_client(console, "hasty", queue)
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    yes, no = ({"kind": "respond", "value": value} for value in ("yes", "no"))

    answers = at_once([decide(client, task, verdict=yes, headers=headers)] * 4)
    later = decide(client, task, verdict=yes, headers=headers)()
    other = decide(client, task, verdict=no, headers=headers)()

    assert {answer.status_code for answer in [*answers, later]} == {200}
    assert len({answer.json()["id"] for answer in [*answers, later]}) == 1
    assert other.status_code == 422
    assert Decision.objects.filter(task=task).count() == 1
    assert idle(api, thread_id)["values"]["answers"] == ["yes"]


def test_new_input_and_a_decision_at_once_leave_one_of_both(
    console: Console, api: httpx.Client, routed: Any, queue: Group
) -> None:
    routed("approve_once")
    reviewer = key_client(console, "reviewer", queue)
    for _ in range(5):
        thread_id = ask(api, "approve_once")
        task = ReviewTask.objects.open().get(thread_id=thread_id)
        start_over = {"assistant_id": "static_steps", "input": {"some_text": "anew"}}

        answers = at_once(
            [
                decide(reviewer, task, verdict={"kind": "respond", "value": "yes"}),
                lambda at=thread_id, body=start_over: api.post(f"/threads/{at}/runs", json=body),
            ]
        )

        assert answers[1].status_code == 200
        idle(api, thread_id)
        task.refresh_from_db()
        assert (answers[0].status_code, task.status) in ((200, "decided"), (409, "superseded"))
