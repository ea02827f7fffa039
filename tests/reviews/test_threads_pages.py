"""Threads as people see them: found, read, compared."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from html import unescape

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reviews.models import ReviewTask
from runs import services as runs
from runs.models import Assistant, Run, Thread
from tests.console import Console
from tests.reviews.pages import browser_of
from tests.reviews.threads import checkpoint_url, lengthen, settled, step_after, thread_url, words

Ask = Callable[..., ReviewTask]


@pytest.fixture
def asked(waiting: Ask) -> ReviewTask:
    """A text to revise that a paused run waits for."""
    return waiting("human_in_the_loop", some_text="It is late.")


# -- finding -------------------------------------------------------------------------------------


def test_a_reviewer_finds_only_threads_with_a_task_of_theirs(
    asked: ReviewTask, rosa: User, omar: User, olga: User, finished: Callable[..., Thread]
) -> None:
    other = finished()

    def sees(user: User, thread_id: object) -> tuple[bool, int]:
        client = browser_of(user)
        listed = str(thread_id) in words(client.get(reverse("reviews:threads"), {"q": thread_id}))
        return listed, client.get(thread_url(thread_id)).status_code

    assert sees(rosa, asked.thread_id) == (True, 200)
    assert sees(rosa, other.pk) == (False, 404)
    assert sees(omar, asked.thread_id) == (False, 404)
    assert sees(olga, other.pk) == (True, 200)


def test_threads_are_found_by_id_status_and_metadata(
    admin: Client, api: httpx.Client, finished: Callable[..., Thread]
) -> None:
    word = f"customer-{uuid.uuid4().hex}"
    marked = api.post("/threads", json={"metadata": {"who": word}}).json()["thread_id"]
    listed = reverse("reviews:threads")

    assert marked in words(admin.get(listed, {"q": word}))
    assert marked in words(admin.get(listed, {"q": marked[:23]}))
    assert marked in words(admin.get(listed, {"q": word, "status": "idle"}))
    assert "Nothing found" in words(admin.get(listed, {"q": word, "status": "busy"}))
    assert "Nothing found" in words(admin.get(f"{listed}?q=%00nobody%ED%B2%80+said+this"))


def test_lists_are_paged_by_place_and_cost_the_same_however_long(
    admin: Client, finished: Callable[..., Thread]
) -> None:
    assistant = Assistant.objects.get(graph_id="static_steps", metadata__created_by="system")
    word = f"many-{uuid.uuid4().hex}"
    metadata = {"for": word, "assistant_id": str(assistant.pk), "graph_id": "static_steps"}
    threads = Thread.objects.bulk_create(Thread(metadata=metadata) for _ in range(53))
    Run.objects.bulk_create(
        Run(thread=thread, assistant=assistant, graph_id=word, status="success")
        for thread in threads
    )
    for name in ("threads", "runs"):
        shown: list[str] = []
        there = reverse(f"reviews:{name}", query={"q": word})
        while there:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                page = admin.get(there).content.decode()
            shown += re.findall(rf'class="line" href="/agents/{name}/([^/]+)/"', page)
            following = re.search(r'href="([^"]+)" rel="next"', page)
            there = unescape(following[1]) if following else ""
            assert len(queries) <= 20
        assert len(shown) == len(set(shown)) == 53


# -- reading -------------------------------------------------------------------------------------


def test_the_timeline_tells_steps_questions_and_who_decided(
    asked: ReviewTask, rosa: User, console: Console
) -> None:
    client = browser_of(rosa)
    before = words(client.get(thread_url(asked.thread_id)))
    assert "human_node waits for a person" in before
    assert f"{asked.title} Open Waiting for a person" in before
    form = {"text": "It is late. I am sorry.", "seen": asked.edition}
    client.post(reverse("reviews:decide", args=[asked.pk]), form)
    resumed = Run.objects.on(asked.thread_id).order_by("-pk").first()
    assert resumed is not None
    settled(resumed)

    after = words(client.get(thread_url(asked.thread_id)))

    assert "human_node step 1" in after
    assert "wrote some_text" in after
    assert "Rosa edited the graph has it" in after
    assert "Run from here" not in after  # Rosa reads; she does not operate


def test_a_state_is_shown_by_channel_and_compared_with_another(
    admin: Client, finished: Callable[..., Thread]
) -> None:
    thread = finished()
    first, last = step_after(thread, "step_1"), step_after(thread, "step_3")

    state = words(admin.get(checkpoint_url(thread.pk, last)))
    compared = words(admin.get(checkpoint_url(thread.pk, last, diff=first)))

    assert "visited written by this step" in state
    assert '[ "step_1", "step_2", "step_3" ]' in state
    assert "Changes since step 1" in compared
    assert "/visited/1 is step_2" in compared
    assert "/visited/2 is step_3" in compared
    assert admin.get(checkpoint_url(thread.pk, str(uuid.uuid4()))).status_code == 404
    assert admin.get(checkpoint_url(thread.pk, last, diff="\0")).status_code == 404


def test_messages_are_a_conversation_and_hostile_values_are_text(
    admin: Client, finished: Callable[..., Thread]
) -> None:
    said = "Order A-1042 is broken, I want my 89.90 back <script>alert(1)</script>\u202e"
    thread = finished("approve_tool", {"messages": [{"role": "user", "content": said}]})
    (newest, *_) = runs.steps_of(thread, limit=1)

    page = admin.get(checkpoint_url(thread.pk, newest.checkpoint_id, diff=str(newest.parent_id)))

    assert "<script>alert" not in page.content.decode()
    assert "89.90 back &lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩" in page.content.decode()
    assert "I would pay the customer back" in words(page)


def test_a_thread_of_200_steps_is_shown_a_page_at_a_time_at_a_fixed_cost(
    admin: Client, finished: Callable[..., Thread]
) -> None:
    thread = finished()
    lengthen(thread, 195)
    shown, costs, there = [], [], thread_url(thread.pk)
    while there:
        with CaptureQueriesContext(connection) as queries:
            page = admin.get(there).content.decode()
        costs.append(len(queries))
        shown += re.findall(r'data-checkpoint="([^"]+)"', page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        there = unescape(older[1]) if older else ""

    assert len(shown) == len(set(shown)) == 200
    assert shown == sorted(shown, reverse=True)
    assert len(costs) == 5
    assert max(costs) <= 20


def test_a_graph_that_is_gone_leaves_its_timeline_readable(
    admin: Client, finished: Callable[..., Thread]
) -> None:
    thread = finished()
    last = step_after(thread, "step_3")
    thread.metadata["graph_id"] = "removed"
    thread.save(update_fields=["metadata"])

    assert "step_2 step 2" in words(admin.get(thread_url(thread.pk)))
    assert "The state cannot be read." in words(admin.get(checkpoint_url(thread.pk, last)))


def test_metadata_a_client_made_up_break_no_page(
    admin: Client, api: httpx.Client, finished: Callable[..., Thread]
) -> None:
    thread = finished()
    made_up = {"run_id": "junk", "branch": {"a": 1}, "assistant_id": [5], "step": "x", "ab": "<b>"}
    api.patch(f"/threads/{thread.pk}", json={"metadata": made_up})
    api.post(
        f"/threads/{thread.pk}/state", json={"values": {"some_text": "x"}, "as_node": "step_3"}
    )
    Thread.objects.filter(pk=thread.pk).update(metadata=made_up | {"graph_id": ["x"]})
    (newest, *_) = runs.steps_of(thread, limit=1)

    for there in (thread_url(thread.pk), checkpoint_url(thread.pk, newest.checkpoint_id)):
        page = admin.get(there)
        assert page.status_code == 200
        assert "State edited" in words(page)
    assert str(thread.pk) in words(admin.get(reverse("reviews:threads"), {"q": thread.pk}))
