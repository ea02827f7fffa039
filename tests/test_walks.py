"""The two walks the product exists for: a run asks, a person answers, the run goes on."""

from __future__ import annotations

import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from asgiref.sync import sync_to_async

from reviews import services
from reviews.models import Delivery, ReviewTask
from tests.conftest import PASSWORD
from tests.console import Console, token, wait_for


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


def test_a_person_signs_in_and_approves_and_the_agent_acts_once(
    console: Console, api: httpx.Client, routed: Any, rosa: Any
) -> None:
    routed("approve_once")
    log = Path(console.folder / f"{uuid.uuid4()}.log")
    thread = api.post("/threads", json={}).json()["thread_id"]
    asked = {"assistant_id": "approve_once", "input": {"log": str(log)}}
    api.post(f"/threads/{thread}/runs/wait", json=asked)
    task = ReviewTask.objects.open().get(thread_id=thread)

    with closing(console.sign_in(rosa.username, PASSWORD)) as page:
        assert "Act?" in page.get("/inbox/").text
        form = {"kind": "respond", "text": "go ahead"} | token(page)
        sent = page.post(f"/tasks/{task.pk}/decide/", data=form)
        assert sent.status_code in (200, 302)
        late = page.post(f"/tasks/{task.pk}/decide/", data=form | {"text": "stop"})
        assert late.status_code == 409
    wait_for(lambda: api.get(f"/threads/{thread}").json()["status"] == "idle")

    assert log.read_text().split() == ["acted"]
    assert api.get(f"/threads/{thread}").json()["values"]["answers"] == ["go ahead"]


def _state(decision_id: int) -> str:
    return Delivery.objects.get(decision_id=decision_id).state
