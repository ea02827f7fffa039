"""A2A: answers go through the one door: once, if they fit, from who may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group

from reviews.models import Decision, ReviewPolicy
from runs.models import Scope
from tests.conftest import delete_policy, issue_key
from tests.console import Console
from tests.runs.a2a_agent import APPROVED, COMPLAINT, Agent, questions, sent, state_of


@pytest.fixture
def asker(api: httpx.Client) -> Agent:
    return Agent(api, "human_in_the_loop")


def test_an_answer_is_a_decision_and_is_taken_once(asker: Agent) -> None:
    task = asker.send({"some_text": "draft"})
    (question,) = questions(task)
    answer = sent("final", taskId=task["id"])

    done = asker.do("message/send", answer)
    again = asker.refused("message/send", answer)

    assert done["artifacts"][0]["parts"][0]["data"] == {"some_text": "final"}
    assert again["data"]["code"] == "already_answered"
    decision = Decision.objects.get(task__interrupt__key=question["id"])
    assert decision.reviewer.username.startswith("key:session")


def test_of_many_answers_at_once_one_is_taken(console: Console, asker: Agent) -> None:
    task = asker.send({"some_text": "draft"})
    (question,) = questions(task)

    def answer(number: int) -> dict[str, Any]:
        with console.client() as api:
            return Agent(api, "human_in_the_loop").call(
                "message/send",
                sent(f"answer {number}", contextId=task["contextId"], taskId=task["id"]),
            )

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(answer, range(6)))

    errors = [one["error"]["data"] for one in answers if "error" in one]
    assert errors == [{"status": 409, "code": "already_answered"}] * 5
    assert Decision.objects.filter(task__interrupt__key=question["id"]).count() == 1


def test_an_answer_has_to_fit_and_to_be_for_all_that_is_asked(api: httpx.Client) -> None:
    agent, parallel = Agent(api, "approve_tool"), Agent(api, "parallel_interrupts")
    task = agent.send(COMPLAINT)
    refused = agent.refused("message/send", sent({"decisions": []}, taskId=task["id"]))
    assert (refused["code"], refused["data"]["code"]) == (-32602, "answer_refused")
    assert state_of(agent.send(APPROVED, taskId=task["id"])) == "completed"

    task = parallel.send({"some_text": "x"})
    keys = [one["id"] for one in questions(task)]
    assert len(keys) == 2
    refused = parallel.refused("message/send", sent("both", taskId=task["id"]))
    assert refused["data"] == {"status": 422, "code": "ambiguous_answer"}
    one = parallel.refused("message/send", sent({keys[0]: "one"}, taskId=task["id"]))
    assert one["data"] == {"status": 409, "code": "wrong_interrupts"}
    done = parallel.send(dict.fromkeys(keys, "yes"), taskId=task["id"])
    assert state_of(done) == "completed"
    old = parallel.refused("message/send", sent({keys[0]: "no"}, taskId=task["id"]))
    assert old["data"]["code"] == "already_answered"


def test_an_old_answer_never_meets_a_question_that_came_since(api: httpx.Client) -> None:
    asker = Agent(api, "two_interrupts")
    task = asker.send({})
    (first,) = questions(task)
    task = asker.send("one", taskId=task["id"])
    (second,) = questions(task)
    assert first["id"] != second["id"]

    old = asker.refused("message/send", sent({first["id"]: "again"}, taskId=task["id"]))

    assert old["data"]["status"] == 409
    assert questions(asker.do("tasks/get", {"id": task["id"]})) == [second]


def test_neither_a_lesser_key_nor_a_policy_is_walked_around(
    console: Console, asker: Agent, queue: Group
) -> None:
    task = asker.send({"some_text": "x"})
    lesser = {"x-api-key": issue_key("lesser", [Scope.RUNS])}
    with httpx.Client(base_url=console.url, headers=lesser, timeout=60, trust_env=False) as client:
        refused = Agent(client, "human_in_the_loop").refused(
            "message/send", sent("no", taskId=task["id"])
        )
    assert (refused["code"], refused["data"]["status"]) == (-32000, 403)

    policy = ReviewPolicy.objects.create(
        graph_id="loop_validate", queue=queue, reviewers_only=True, order=1
    )
    guarded = Agent(asker.api, "loop_validate")
    try:
        task = guarded.send({})
        for ids in ({"taskId": task["id"]}, {"contextId": task["contextId"]}):
            refused = guarded.refused("message/send", sent({"age": 7}, **ids))
            assert refused["data"] == {"status": 403, "code": "reviewers_only"}
    finally:
        delete_policy(policy)
    assert state_of(guarded.do("tasks/get", {"id": task["id"]})) == "input-required"


def test_a_question_left_behind_is_no_task_any_more(asker: Agent, api: httpx.Client) -> None:
    task = asker.send({"some_text": "old"})
    place = f"/threads/{task['contextId']}/runs/wait"
    body = {"assistant_id": "human_in_the_loop", "input": {"some_text": "new"}}
    api.post(place, json=body).raise_for_status()

    assert state_of(asker.do("tasks/get", {"id": task["id"]})) == "canceled"
    refused = asker.refused("message/send", sent("for the old", taskId=task["id"]))
    assert refused["data"]["status"] == 409
    assert state_of(asker.send("for the new", contextId=task["contextId"])) == "completed"
