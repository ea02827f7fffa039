"""An answer whose run is cancelled before it starts is given back."""

from __future__ import annotations

import httpx
import pytest

from tests.console import Console, wait_for
from tests.live.conftest import Starter

pytestmark = pytest.mark.live


def test_an_answer_cancelled_behind_a_running_run_is_asked_for_again(
    arena: Console, client: httpx.Client, start: Starter
) -> None:
    arena.staff(1)
    asked = start("late", seconds=0.7)
    asked.wait()
    again = start.on(asked.thread_id, asked.log, "late", input=None)
    wait_for(lambda: again.row["status"] == "running", what="the question is asked again")
    resume = start.on(asked.thread_id, asked.log, "late", command={"resume": "yes"})

    cancelled = client.post(f"/threads/{asked.thread_id}/runs/{resume.run_id}/cancel")
    assert cancelled.status_code == 202, cancelled.text
    again.wait()

    query = "SELECT status FROM reviews_reviewtask WHERE thread_id = %s"
    assert arena.rows(query, asked.thread_id) == [{"status": "open"}]
    assert client.get(f"/threads/{asked.thread_id}").json()["status"] == "interrupted"
    start.on(asked.thread_id, asked.log, "late", command={"resume": "no"}).wait()
    assert client.get(f"/threads/{asked.thread_id}").json()["values"]["answers"] == ["no"]
