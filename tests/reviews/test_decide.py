"""Decisions by HTTP: validated first, sent together, exactly what the graph receives."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group, User

from reviews.models import Decision, ReviewTask
from runs.models import Run, Scope
from tests.conftest import issue_key, make_user
from tests.console import Console, wait_for

Ask = Callable[..., list[ReviewTask]]


@pytest.fixture
def ask(api: httpx.Client, routed: Any) -> Ask:
    """Start a run that pauses; its open tasks, in this test's queue."""

    def start(graph: str, *, body: dict[str, Any] | None = None, **state: Any) -> list[ReviewTask]:
        routed(graph)
        thread_id = api.post("/threads", json={}).json()["thread_id"]
        asked = {"assistant_id": graph, "input": state, **(body or {})}
        paused = api.post(f"/threads/{thread_id}/runs/wait", json=asked)
        assert paused.status_code == 200, paused.text
        return list(ReviewTask.objects.open().filter(thread_id=thread_id).order_by("pk"))

    return start


@pytest.fixture
def sign_in(console: Console) -> Iterator[Callable[[User], httpx.Client]]:
    """A client that acts as a person."""
    clients: list[httpx.Client] = []

    def make(user: User) -> httpx.Client:
        clients.append(console.client())
        key = issue_key("person", [Scope.TASKS_READ, Scope.TASKS_DECIDE], user)
        clients[-1].headers["x-api-key"] = key
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def reviewer(sign_in: Callable[[User], httpx.Client], rosa: User) -> httpx.Client:
    return sign_in(rosa)


def decide(client: httpx.Client, task: ReviewTask, kind: str, **rest: Any) -> httpx.Response:
    return client.post(f"/api/tasks/{task.pk}/decide/", json={"kind": kind, **rest})


def settled(api: httpx.Client, task: ReviewTask) -> dict[str, Any]:
    """The thread's state once its runs are over."""
    wait_for(lambda: not Run.objects.on(task.thread_id).active().exists(), what="runs are over")
    found: dict[str, Any] = api.get(f"/threads/{task.thread_id}/state").json()
    return found


def runs_on(task: ReviewTask) -> list[str]:
    return list(Run.objects.on(task.thread_id).order_by("pk").values_list("status", flat=True))


def test_an_edit_reaches_the_graph_as_it_was_written(
    ask: Ask, api: httpx.Client, reviewer: httpx.Client
) -> None:
    [task] = ask("human_in_the_loop", some_text="original text")

    answer = decide(reviewer, task, "edit", value="a bétter\ntext", comment="between us")

    assert answer.status_code == 200, answer.text
    assert answer.json()["delivery"] == "delivered"
    assert settled(api, task)["values"] == {"some_text": "a bétter\ntext"}
    decision = Decision.objects.get(task=task)
    assert (decision.via, decision.comment, decision.delivery.state) == (
        "api",
        "between us",
        "consumed",
    )


def test_two_people_answer_one_question_each_and_one_run_carries_both(
    ask: Ask, api: httpx.Client, sign_in: Any, rosa: User, queue: Group
) -> None:
    first, second = ask("parallel_questions", contract="lease")
    sam = make_user("sam", queue)

    waiting = decide(sign_in(rosa), first, "respond", value="yes").json()
    assert (waiting["delivery"], waiting["run_id"]) == ("recorded", None)
    assert runs_on(first) == ["success"]
    sent = decide(sign_in(sam), second, "respond", value="no").json()

    assert sent["delivery"] == "delivered"
    answers = settled(api, first)["values"]["answers"]
    assert sorted(answers[:2]) in (
        ["finance: no", "legal: yes"],
        ["finance: yes", "legal: no"],
    )
    assert answers[2:] == ["signed"]
    assert runs_on(first) == ["success", "success"]
    by = Decision.objects.filter(task__in=[first, second]).order_by("task_id")
    assert [decision.reviewer_id for decision in by] == [rosa.pk, sam.pk]
    assert {str(decision.delivery.run_id) for decision in by} == {sent["run_id"]}


def test_a_batch_is_decided_action_by_action(
    ask: Ask, api: httpx.Client, reviewer: httpx.Client
) -> None:
    message = {"role": "user", "content": "Order A-1042 arrived broken, I want my 89.90 back"}
    [task] = ask("approve_tool", messages=[message])
    args = {"order": "A-1042", "amount": 50.0}

    partial = decide(reviewer, task, "edit", actions=[{"kind": "edit", "args": args}])
    assert partial.status_code == 422
    both = [{"kind": "edit", "args": args}, {"kind": "reject", "message": "Call her instead"}]
    assert decide(reviewer, task, "reject", actions=both).status_code == 200

    said = [m["content"] for m in settled(api, task)["values"]["messages"]]
    assert any("Refunded 50.00 for order A-1042." in text for text in said)
    assert any("Call her instead" in text for text in said)
    assert not any(text.startswith("Sent ") for text in said)


def test_calls_asked_one_by_one_are_tasks_of_their_own(
    ask: Ask, api: httpx.Client, reviewer: httpx.Client
) -> None:
    message = {"role": "user", "content": "Order A-1042 arrived broken, I want my 89.90 back"}
    tasks = ask("approve_tool_per_call", messages=[message])
    assert len(tasks) == 2

    for task in tasks:
        assert decide(reviewer, task, "approve").status_code == 200

    said = [m["content"] for m in settled(api, tasks[0])["values"]["messages"]]
    assert "Refunded 89.90 for order A-1042." in said
    assert runs_on(tasks[0]) == ["success", "success"]


def test_a_form_that_does_not_fit_is_refused_field_by_field(
    ask: Ask, api: httpx.Client, reviewer: httpx.Client
) -> None:
    [task] = ask("typed_form", destination="Porto")
    form = {
        "approved": True,
        "by": "train",
        "budget": 9000,
        "leaving": "2027-01-01",
        "travellers": [],
    }

    refused = decide(reviewer, task, "respond", value=form)

    assert refused.status_code == 422
    pointers = {error["pointer"] for error in refused.json()["errors"]}
    assert pointers == {"/value/budget", "/value/travellers"}
    task.refresh_from_db()
    assert task.is_open
    assert not task.decisions.exists()
    form |= {"budget": 300, "travellers": ["Ann"]}
    assert decide(reviewer, task, "respond", value=form).status_code == 200
    assert settled(api, task)["values"]["result"] == "booked by train"


@pytest.mark.parametrize(
    ("kind", "visited"), [("continue", ["step_1", "step_2", "step_3"]), ("stop", ["step_1"])]
)
def test_a_breakpoint_is_passed_or_ends_the_run(
    ask: Ask, api: httpx.Client, reviewer: httpx.Client, kind: str, visited: list[str]
) -> None:
    [task] = ask("static_steps", body={"interrupt_before": ["step_2"]}, some_text="a")
    assert (task.is_breakpoint, task.node, task.position) == (True, "step_2", "before")
    assert decide(reviewer, task, "respond", value="x").status_code == 422

    assert decide(reviewer, task, kind).status_code == 200

    state = settled(api, task)
    assert state["values"]["visited"] == visited
    assert state["next"] == []
    assert not ReviewTask.objects.open().filter(thread_id=task.thread_id).exists()


def test_a_breakpoint_that_is_passed_stops_at_the_next(
    ask: Ask, api: httpx.Client, reviewer: httpx.Client
) -> None:
    [task] = ask("static_steps", body={"interrupt_before": ["step_2", "step_3"]}, some_text="a")

    decide(reviewer, task, "continue")

    assert settled(api, task)["next"] == ["step_3"]
    following = ReviewTask.objects.open().get(thread_id=task.thread_id)
    assert following.node == "step_3"


def test_a_verdict_the_question_does_not_take_changes_nothing(
    ask: Ask, reviewer: httpx.Client
) -> None:
    [task] = ask("human_in_the_loop", some_text="a")

    for body in ({"kind": "stop"}, {"kind": "edit"}, {"kind": "edit", "value": 5}):
        assert reviewer.post(f"/api/tasks/{task.pk}/decide/", json=body).status_code == 422

    task.refresh_from_db()
    assert task.is_open
    assert runs_on(task) == ["success"]


def test_the_second_is_told_who_decided_what(ask: Ask, sign_in: Any, rosa: User, ada: User) -> None:
    [task] = ask("human_in_the_loop", some_text="a")
    decide(sign_in(rosa), task, "edit", value="b")

    late = decide(sign_in(ada), task, "approve")

    assert late.status_code == 409
    assert late.json()["decision"]["reviewer"] == rosa.username
    assert late.json()["decision"]["value"] == "b"


def test_a_question_the_agent_has_left_takes_no_answer(
    ask: Ask, api: httpx.Client, reviewer: httpx.Client
) -> None:
    [task] = ask("human_in_the_loop", some_text="a")
    body = {"assistant_id": "human_in_the_loop", "input": {"some_text": "anew"}}
    api.post(f"/threads/{task.thread_id}/runs/wait", json=body)

    late = decide(reviewer, task, "approve")

    assert (late.status_code, late.json()["status"]) == (409, "superseded")
    assert ReviewTask.objects.open().filter(thread_id=task.thread_id).count() == 1
    assert not task.decisions.exists()


def test_a_request_repeated_with_its_key_is_answered_again(
    ask: Ask, reviewer: httpx.Client
) -> None:
    [task] = ask("human_in_the_loop", some_text="a")
    path, headers = f"/api/tasks/{task.pk}/decide/", {"Idempotency-Key": uuid.uuid4().hex}
    first = reviewer.post(path, json={"kind": "edit", "value": "b"}, headers=headers)

    again = reviewer.post(path, json={"kind": "edit", "value": "b"}, headers=headers)
    other = reviewer.post(path, json={"kind": "edit", "value": "c"}, headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 422)
    assert again.json()["id"] == first.json()["id"]
    assert task.decisions.count() == 1
