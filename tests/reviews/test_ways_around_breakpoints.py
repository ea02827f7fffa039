"""A breakpoint for reviewers only, and what comes after an answer: no way around either."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group

from reviews.models import Decision, ReviewPolicy
from runs.models import Run, Scope
from tests.conftest import delete_policy, issue_key, make_user
from tests.reviews.guarded import copy, lines, new_thread, open_task, run, settled, waiting

pytestmark = pytest.mark.usefixtures("ledger_kept", "guards")

Attempt = Callable[[httpx.Client, str], httpx.Response]


# -- a breakpoint ----------------------------------------------------------------------------


def stop_resume(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, "guarded_stop", input=None)


def stop_empty_list(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, "guarded_stop", input=None, interrupt_before=[])


def stop_empty_command(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, "guarded_stop", command={})


def stop_null_resume(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, "guarded_stop", command={"resume": None})


def stop_state(client: httpx.Client, thread_id: str) -> httpx.Response:
    return client.post(f"/threads/{thread_id}/state", json={"values": {}, "as_node": "step_1"})


def stop_by_the_twin(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, "guarded_twin", input={})


@pytest.mark.parametrize(
    "attempt",
    [
        stop_resume,
        stop_empty_list,
        stop_empty_command,
        stop_null_resume,
        stop_state,
        stop_by_the_twin,
        copy,
    ],
)
def test_a_breakpoint_of_reviewers_is_not_passed(
    clerk: httpx.Client, log: Path, attempt: Attempt
) -> None:
    thread_id = waiting(clerk, log, "guarded_stop")

    assert attempt(clerk, thread_id).status_code == 403
    assert open_task(thread_id).is_breakpoint
    assert lines(log) == ["step_1"]


def test_a_breakpoint_is_passed_by_who_may_decide(judge: httpx.Client, log: Path) -> None:
    thread_id = waiting(judge, log, "guarded_stop")

    assert run(judge, thread_id, "guarded_stop", input=None).json()["visited"] == ["step_1", "act"]
    assert Decision.objects.get(task__thread_id=thread_id).via == "resume"


@pytest.mark.parametrize("body", [{"interrupt_before": []}, {"interrupt_before": ["step_1"]}])
def test_a_run_does_not_switch_breakpoints_off(
    clerk: httpx.Client, log: Path, body: dict[str, Any]
) -> None:
    thread_id = new_thread(clerk)

    run(clerk, thread_id, "guarded_stop", input={"log": str(log)}, **body)

    assert open_task(thread_id).is_breakpoint
    assert "acted" not in lines(log)


def test_an_answer_at_a_breakpoint_does_not_answer_what_comes_after(
    judge: httpx.Client, log: Path
) -> None:
    """LangGraph would keep the value and give it to the first question anybody asks."""
    thread_id = waiting(judge, log, "stop_then_ask")

    refused = run(judge, thread_id, "stop_then_ask", command={"resume": "yes"})

    assert refused.status_code == 409, refused.text
    asked = run(judge, thread_id, "stop_then_ask", command={"resume": None})
    assert "__interrupt__" in asked.json(), asked.text
    assert open_task(thread_id).node == "ask"
    assert lines(log) == ["step_1"]


def test_of_two_nodes_that_wait_together_the_guarded_one_counts(
    clerk: httpx.Client, log: Path
) -> None:
    policy = ReviewPolicy.objects.create(
        graph_id="two_breakpoints",
        node="step_2",
        queue=Group.objects.get(name="Reviewers"),
        reviewers_only=True,
        order=1,
    )
    thread_id = waiting(clerk, log, "two_breakpoints")
    delete_policy(policy)

    assert run(clerk, thread_id, "two_breakpoints", input=None).status_code == 403
    assert lines(log) == []


# -- stuck behind an answer ------------------------------------------------------------------


def test_a_stuck_question_is_retried_by_who_may_decide(
    clerk: httpx.Client, judge: httpx.Client, log: Path, tmp_path: Path
) -> None:
    (die := tmp_path / "die").touch()
    thread_id = new_thread(clerk)
    run(clerk, thread_id, "fails_once", input={"log": str(log), "die": str(die)})
    assert "__error__" in run(judge, thread_id, "fails_once", command={"resume": "yes"}).json()

    assert run(clerk, thread_id, "fails_once", input=None).status_code == 403
    assert run(clerk, thread_id, "fails_once", input={}).status_code == 403
    assert copy(clerk, thread_id).status_code == 403
    assert lines(log) == ["took yes"]

    run(judge, thread_id, "fails_once", input=None)
    assert lines(log) == ["took yes", "took yes", "acted"]


# -- what the one who asks may change --------------------------------------------------------


def test_an_approved_action_runs_with_what_it_was_asked_with(
    clerk: httpx.Client, judge: httpx.Client, log: Path
) -> None:
    made = clerk.post("/assistants", json={"graph_id": "guarded"}).json()["assistant_id"]
    thread_id = new_thread(clerk)
    run(clerk, thread_id, made, input={"log": str(log)})
    changed = {"config": {"configurable": {"pay_to": "somebody else"}}, "graph_id": "guarded_twin"}
    clerk.patch(f"/assistants/{made}", json=changed)
    queue = open_task(thread_id).queue
    key = issue_key("judge", [Scope.TASKS_DECIDE], make_user("judge", queue))

    answer = judge.post(
        f"/api/tasks/{open_task(thread_id).pk}/decide/",
        json={"kind": "respond", "value": "yes"},
        headers={"x-api-key": key},
    )

    assert answer.status_code == 200, answer.text
    settled(clerk, thread_id)
    assert lines(log) == ["acted"]
    sent = Run.objects.on(uuid.UUID(thread_id)).order_by("pk").last()
    assert sent is not None
    assert sent.graph_id == "guarded"
    assert "pay_to" not in sent.kwargs["config"]["configurable"]
