"""A question for reviewers only: every way around it is closed to keys that may not decide."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group

from reviews.models import Decision, ReviewPolicy, ReviewTask
from runs.models import Interrupt, Run
from tests.conftest import delete_policy
from tests.reviews.guarded import copy, history, lines, new_thread, open_task, run, settled, waiting

pytestmark = pytest.mark.usefixtures("ledger_kept", "guards")

Attempt = Callable[[httpx.Client, str], httpx.Response]


# -- a question ------------------------------------------------------------------------------


def resume(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, command={"resume": "yes"})


def resume_by_id(client: httpx.Client, thread_id: str) -> httpx.Response:
    key = open_task(thread_id).interrupt.key
    return run(client, thread_id, command={"resume": {key: "yes"}})


def goto(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, command={"goto": "act"})


def send(client: httpx.Client, thread_id: str) -> httpx.Response:
    values = client.get(f"/threads/{thread_id}").json()["values"]
    return run(client, thread_id, command={"goto": [{"node": "act", "input": values}]})


def update(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, command={"update": {"answers": ["yes"]}})


def update_and_null_resume(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, command={"update": {"answers": ["x"]}, "resume": None})


def state_as_node(client: httpx.Client, thread_id: str) -> httpx.Response:
    body = {"values": {"answers": ["yes"]}, "as_node": "ask"}
    return client.post(f"/threads/{thread_id}/state", json=body)


def plain_state(client: httpx.Client, thread_id: str) -> httpx.Response:
    return client.post(f"/threads/{thread_id}/state", json={"values": {"some_text": "other"}})


def empty_state(client: httpx.Client, thread_id: str) -> httpx.Response:
    return client.post(f"/threads/{thread_id}/state", json={"values": None})


def state_at_an_old_checkpoint(client: httpx.Client, thread_id: str) -> httpx.Response:
    oldest = history(client, thread_id)[-1]["checkpoint"]
    body = {"values": {"answers": ["yes"]}, "as_node": "ask", "checkpoint": oldest}
    return client.post(f"/threads/{thread_id}/state", json=body)


def state_under_another_name(client: httpx.Client, thread_id: str) -> httpx.Response:
    client.patch(f"/threads/{thread_id}", json={"metadata": {"graph_id": "guarded_twin"}})
    return state_as_node(client, thread_id)


def new_input(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, input={"some_text": "start over"})


def new_input_by_rollback(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, input={}, multitask_strategy="rollback")


def new_input_by_interrupting(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, input={}, multitask_strategy="interrupt")


def new_input_of_another_graph(client: httpx.Client, thread_id: str) -> httpx.Response:
    return run(client, thread_id, "guarded_twin", input={"some_text": "start over"})


def old_checkpoint_id(client: httpx.Client, thread_id: str) -> httpx.Response:
    oldest = history(client, thread_id)[-1]["checkpoint"]["checkpoint_id"]
    return run(client, thread_id, input=None, checkpoint_id=oldest)


def old_checkpoint(client: httpx.Client, thread_id: str) -> httpx.Response:
    oldest = history(client, thread_id)[-1]["checkpoint"]
    return run(client, thread_id, input=None, checkpoint=oldest)


def this_checkpoint(client: httpx.Client, thread_id: str) -> httpx.Response:
    newest = history(client, thread_id)[0]["checkpoint"]
    return run(client, thread_id, input=None, checkpoint=newest)


def resume_in_the_background(client: httpx.Client, thread_id: str) -> httpx.Response:
    body = {"assistant_id": "guarded", "command": {"resume": "yes"}}
    return client.post(f"/threads/{thread_id}/runs", json=body)


def resume_in_a_stream(client: httpx.Client, thread_id: str) -> httpx.Response:
    body = {"assistant_id": "guarded", "command": {"resume": "yes"}}
    return client.post(f"/threads/{thread_id}/runs/stream", json=body)


def decide(client: httpx.Client, thread_id: str) -> httpx.Response:
    url = f"/api/tasks/{open_task(thread_id).pk}/decide/"
    return client.post(url, json={"kind": "approve"})


REFUSED: list[Attempt] = [
    resume,
    resume_by_id,
    resume_in_the_background,
    resume_in_a_stream,
    goto,
    send,
    update,
    update_and_null_resume,
    state_as_node,
    plain_state,
    empty_state,
    state_at_an_old_checkpoint,
    state_under_another_name,
    new_input,
    new_input_by_rollback,
    new_input_by_interrupting,
    new_input_of_another_graph,
    old_checkpoint_id,
    old_checkpoint,
    this_checkpoint,
    copy,
    decide,
]


@pytest.mark.parametrize("attempt", REFUSED, ids=lambda attempt: attempt.__name__)
def test_a_key_that_may_not_decide_is_refused(
    clerk: httpx.Client, log: Path, attempt: Attempt
) -> None:
    thread_id = waiting(clerk, log)
    task = open_task(thread_id)

    answer = attempt(clerk, thread_id)

    assert answer.status_code == 403, answer.text
    assert lines(log) == []
    assert open_task(thread_id) == task
    assert Run.objects.on(uuid.UUID(thread_id)).count() == 1


@pytest.mark.parametrize(
    "attempt", [resume, resume_by_id, goto, state_as_node, new_input, old_checkpoint, copy]
)
def test_a_key_that_may_decide_may_do_the_same(
    judge: httpx.Client, log: Path, attempt: Attempt
) -> None:
    thread_id = waiting(judge, log)

    answer = attempt(judge, thread_id)

    assert answer.status_code == 200, answer.text
    settled(judge, thread_id)
    if attempt in (resume, resume_by_id):
        decision = Decision.objects.select_related("delivery").get(task__thread_id=thread_id)
        assert (decision.value, decision.via) == ("yes", "resume")
        assert decision.reviewer.username.startswith("key:program")
        assert decision.delivery.state == "consumed"
        assert lines(log) == ["acted"]


def test_asking_again_changes_nothing(clerk: httpx.Client, log: Path) -> None:
    thread_id = waiting(clerk, log)
    task = open_task(thread_id)

    answer = run(clerk, thread_id, input=None)

    assert answer.json()["__interrupt__"][0]["id"] == task.interrupt.key
    assert open_task(thread_id) == task
    assert lines(log) == []


RESERVED_KEYS = {
    "thread_id": str(uuid.uuid4()),
    "checkpoint_id": str(uuid.uuid4()),
    "checkpoint_ns": "act:1",
    "checkpoint_map": {"": "x"},
    "run_id": str(uuid.uuid4()),
    "__pregel_resuming": True,
    "__pregel_resume_map": {"0" * 32: "yes"},
    "__pregel_scratchpad": {},
    "__pregel_task_id": "x",
    "__pregel_strict_resume": False,
    "__pregel_checkpointer": None,
}


@pytest.mark.parametrize("where", ["configurable", "context", "assistant"])
def test_what_a_client_configures_is_never_the_engines(
    clerk: httpx.Client, log: Path, where: str
) -> None:
    thread_id = waiting(clerk, log)
    task = open_task(thread_id)
    reserved = RESERVED_KEYS | {"__pregel_resume_map": {task.interrupt.key: "yes"}}
    graph, body = "guarded", {"context": reserved}
    if where == "configurable":
        body = {"config": {"configurable": reserved}}
    elif where == "assistant":
        made = {"graph_id": "guarded", "config": {"configurable": reserved}}
        graph, body = clerk.post("/assistants", json=made).json()["assistant_id"], {}

    fresh = new_thread(clerk)
    asked = run(clerk, fresh, graph, input={"log": str(log)}, **body)
    again = run(clerk, thread_id, input=None, **body)

    assert [one.status_code for one in (asked, again)] == [200, 200]
    assert again.json()["__interrupt__"][0]["id"] == task.interrupt.key
    assert "__interrupt__" in asked.json()
    assert open_task(fresh).status == "open"
    assert lines(log) == []


def test_a_new_thread_is_not_seeded_past_the_question(clerk: httpx.Client, log: Path) -> None:
    past = {"values": {"answers": ["yes"], "log": str(log)}, "as_node": "ask"}
    body = {"metadata": {"graph_id": "guarded"}, "supersteps": [{"updates": [past]}]}

    assert clerk.post("/threads", json=body).status_code == 403


def test_nor_by_the_twin_of_its_graph(clerk: httpx.Client, log: Path) -> None:
    past = {"values": {"answers": ["yes"], "log": str(log)}, "as_node": "ask"}
    body = {"metadata": {"graph_id": "guarded_twin"}, "supersteps": [{"updates": [past]}]}
    thread_id = new_thread(clerk, **body)

    answer = run(clerk, thread_id, input=None)

    assert answer.status_code == 403, answer.text
    assert lines(log) == []


def test_nor_from_where_another_graph_stopped(clerk: httpx.Client, log: Path) -> None:
    thread_id = new_thread(clerk)
    body = {"input": {"log": str(log)}, "interrupt_before": ["act"]}
    run(clerk, thread_id, "guarded_twin", **body)
    run(clerk, thread_id, "guarded_twin", command={"resume": "yes"}, interrupt_before=["act"])

    answer = run(clerk, thread_id, input=None)

    assert answer.status_code in (403, 409), answer.text
    assert lines(log) == []


@pytest.mark.parametrize("command", [{"goto": "act"}, {"update": {"answers": ["yes"]}}])
def test_a_run_without_a_thread_does_not_go_there(
    clerk: httpx.Client, log: Path, command: dict[str, Any]
) -> None:
    body = {"assistant_id": "guarded", "command": command, "input": {"log": str(log)}}

    assert clerk.post("/runs/wait", json=body).status_code == 403
    body["command"] = {"resume": "yes"}
    assert clerk.post("/runs/wait", json=body).status_code == 409
    assert lines(log) == []


def test_a_waiting_thread_and_its_runs_are_not_deleted(clerk: httpx.Client, log: Path) -> None:
    thread_id = waiting(clerk, log)
    asking = Run.objects.on(uuid.UUID(thread_id)).get()

    assert clerk.delete(f"/threads/{thread_id}").status_code == 409
    assert clerk.delete(f"/threads/{thread_id}?force=true").status_code == 403
    assert clerk.delete(f"/threads/{thread_id}/runs/{asking.pk}").status_code == 409
    assert open_task(thread_id).status == "open"


def test_deleting_the_assistant_with_its_threads_stops_at_a_question(
    clerk: httpx.Client, log: Path
) -> None:
    made = clerk.post("/assistants", json={"graph_id": "guarded"}).json()["assistant_id"]
    thread_id = new_thread(clerk)
    run(clerk, thread_id, made, input={"log": str(log)})

    assert clerk.delete(f"/assistants/{made}?delete_threads=true").status_code == 409
    assert open_task(thread_id).status == "open"


def test_the_policy_is_the_one_at_the_time_of_the_question(clerk: httpx.Client, log: Path) -> None:
    policy = ReviewPolicy.objects.create(
        graph_id="guarded_twin",
        queue=Group.objects.get(name="Reviewers"),
        reviewers_only=True,
        order=1,
    )
    thread_id = waiting(clerk, log, "guarded_twin")
    delete_policy(policy)

    refused = [
        run(clerk, thread_id, "guarded_twin", command={"resume": "yes"}),
        run(clerk, thread_id, "guarded_twin", command={"goto": "act"}),
        run(clerk, thread_id, "guarded_twin", input={}),
        state_as_node(clerk, thread_id),
        copy(clerk, thread_id),
    ]

    assert [answer.status_code for answer in refused] == [403] * 5
    assert lines(log) == []


# -- while runs are under way ----------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["enqueue", "interrupt", "rollback"])
def test_an_answer_sent_before_the_question_is_refused(
    clerk: httpx.Client, log: Path, strategy: str
) -> None:
    thread_id = new_thread(clerk)
    body = {"assistant_id": "slow_to_ask", "input": {"log": str(log), "seconds": 0.5}}
    clerk.post(f"/threads/{thread_id}/runs", json=body)

    command = {"command": {"resume": "yes"}, "multitask_strategy": strategy}
    assert run(clerk, thread_id, "slow_to_ask", **command).status_code == 409

    settled(clerk, thread_id)
    assert open_task(thread_id).node == "ask"
    assert lines(log) == []


def test_input_queued_before_the_question_does_not_dismiss_it(
    clerk: httpx.Client, log: Path
) -> None:
    thread_id = new_thread(clerk)
    body = {"assistant_id": "slow_to_ask", "input": {"log": str(log), "seconds": 0.5}}
    clerk.post(f"/threads/{thread_id}/runs", json=body)

    answer = run(clerk, thread_id, "slow_to_ask", input={"seconds": 0})

    assert answer.json()["__error__"]["error"] == "ReviewersOnly"
    assert open_task(thread_id).node == "ask"
    assert Interrupt.objects.on(uuid.UUID(thread_id)).count() == 1


def test_going_on_queued_before_a_breakpoint_does_not_pass_it(
    clerk: httpx.Client, log: Path
) -> None:
    thread_id = new_thread(clerk)
    body = {"assistant_id": "slow_to_stop", "input": {"log": str(log), "seconds": 0.5}}
    clerk.post(f"/threads/{thread_id}/runs", json=body)

    run(clerk, thread_id, "slow_to_stop", input=None)

    assert settled(clerk, thread_id)["status"] == "interrupted"
    assert open_task(thread_id).node == "act"
    assert lines(log) == []


@pytest.mark.parametrize("action", ["interrupt", "rollback"])
def test_cancelling_the_run_of_an_answer_does_not_free_the_thread(
    clerk: httpx.Client, judge: httpx.Client, log: Path, action: str
) -> None:
    thread_id = waiting(clerk, log, "guarded_stop")
    body = {"assistant_id": "guarded_stop", "input": None, "after_seconds": 600}
    under_way = judge.post(f"/threads/{thread_id}/runs", json=body).json()["run_id"]
    assert not ReviewTask.objects.open().filter(thread_id=thread_id).exists()

    clerk.post(f"/threads/{thread_id}/runs/{under_way}/cancel?action={action}")

    assert open_task(thread_id).is_breakpoint
    assert run(clerk, thread_id, "guarded_stop", input=None).status_code == 403
    assert lines(log) == ["step_1"]
