"""The two walks the product exists for: a run asks, a person answers, the run goes on."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async

from reviews import services
from reviews.models import Delivery, ReviewTask
from tests.console import wait_for


async def test_a_run_asks_a_person_edits_and_the_run_goes_on(
    sdk: Any, task_on: Any, rosa: Any
) -> None:
    thread = await sdk.threads.create()

    asked = await sdk.runs.wait(
        thread["thread_id"], "human_in_the_loop", input={"some_text": "original text"}
    )
    assert asked["__interrupt__"][0]["value"] == {"text_to_revise": "original text"}
    task: ReviewTask = await sync_to_async(task_on)(thread["thread_id"])

    decision = await sync_to_async(services.decide)(
        task=task, reviewer=rosa, verdict={"kind": "edit", "value": "a better text"}
    )
    await sync_to_async(wait_for)(lambda: _state(decision.pk) == Delivery.State.CONSUMED)

    after = await sdk.threads.get(thread["thread_id"])
    assert after["status"] == "idle"
    assert after["values"] == {"some_text": "a better text"}


def _state(decision_id: int) -> str:
    return Delivery.objects.get(decision_id=decision_id).state
