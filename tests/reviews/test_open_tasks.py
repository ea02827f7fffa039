"""From pause to task, in the transaction that settles the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reviews.models import ReviewTask
from reviews.services.tasks import identity_of
from runs.models import Interrupt, Run, Thread

Pause = Callable[..., str]


@pytest.fixture
def pause(api: httpx.Client) -> Pause:
    """Run a graph to its pause; the thread."""

    def run(graph: str, body: dict[str, Any] | None = None, **state: Any) -> str:
        thread_id: str = api.post("/threads", json={}).json()["thread_id"]
        asked = {"assistant_id": graph, "input": state, **(body or {})}
        answer = api.post(f"/threads/{thread_id}/runs/wait", json=asked)
        assert answer.status_code == 200, answer.text
        return thread_id

    return run


def test_a_task_tells_what_was_asked_and_where(pause: Pause) -> None:
    thread_id = pause("subgraph_interrupt", some_text="a")

    task = ReviewTask.objects.open().get(thread_id=thread_id)

    assert task.value == {"ask": "inside the subgraph", "text": "a"}
    assert (task.graph_id, task.node) == ("subgraph_interrupt", "inner_ask")
    assert task.run_id == Run.objects.get(thread_id=thread_id).pk
    assert task.interrupt is not None
    assert task.checkpoint_id == task.interrupt.checkpoint_id
    assert task.digest == identity_of(task)
    assert task.fingerprint


def test_each_of_many_questions_is_a_task(pause: Pause) -> None:
    thread_id = pause("fanout", items=["a", "b", "c"])

    tasks = ReviewTask.objects.open().filter(thread_id=thread_id)

    assert sorted(task.value["item"] for task in tasks) == ["a", "b", "c"]
    assert len({task.interrupt_id for task in tasks}) == 3


def test_a_breakpoint_is_one_task_with_the_state_a_reviewer_needs(pause: Pause) -> None:
    thread_id = pause("static_steps", {"interrupt_after": ["step_1"]}, some_text="a")

    task = ReviewTask.objects.open().get(thread_id=thread_id)

    assert (task.is_breakpoint, task.position) == (True, "after")
    assert task.value["visited"] == ["step_1"]


def test_a_question_asked_again_keeps_its_task(pause: Pause, api: httpx.Client) -> None:
    thread_id = pause("human_in_the_loop", some_text="a")
    first = ReviewTask.objects.get(thread_id=thread_id)

    body = {"assistant_id": "human_in_the_loop", "input": None}
    api.post(f"/threads/{thread_id}/runs/wait", json=body)

    again = ReviewTask.objects.get(thread_id=thread_id)
    assert (again.pk, again.status) == (first.pk, "open")


def test_a_question_left_behind_takes_its_task_along(pause: Pause, api: httpx.Client) -> None:
    thread_id = pause("human_in_the_loop", some_text="a")
    left = ReviewTask.objects.get(thread_id=thread_id)

    body = {"assistant_id": "human_in_the_loop", "input": {"some_text": "anew"}}
    api.post(f"/threads/{thread_id}/runs/wait", json=body)

    left.refresh_from_db()
    assert left.status == "superseded"
    asked = ReviewTask.objects.open().get(thread_id=thread_id)
    assert asked.value == {"text_to_revise": "anew"}


def test_a_state_update_that_drops_the_question_takes_its_task_along(
    pause: Pause, api: httpx.Client
) -> None:
    thread_id = pause("approve_once")

    update = {"values": {"answers": ["by hand"]}, "as_node": "ask"}
    assert api.post(f"/threads/{thread_id}/state", json=update).status_code == 200

    [first, *rest] = ReviewTask.objects.filter(thread_id=thread_id).order_by("pk")
    assert first.status == "superseded"
    assert [task.is_breakpoint for task in rest] == [True]  # it still waits, before `act`


def test_a_failing_run_asks_nothing(pause: Pause) -> None:
    thread_id = pause("failing", some_text="a")

    assert Thread.objects.get(pk=thread_id).status == "error"
    assert not ReviewTask.objects.filter(thread_id=thread_id).exists()
    assert not Interrupt.objects.filter(thread_id=thread_id).exists()
