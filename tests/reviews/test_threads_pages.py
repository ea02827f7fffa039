"""Threads and runs as people see them: found, read, compared, forked, started, cancelled."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from html import unescape
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reviews.models import AuditEntry, ReviewTask
from runs import services as runs
from runs.models import Assistant, Run, Thread
from runs.runtime import checkpointer
from tests.conftest import make_user
from tests.console import Console, wait_for
from tests.reviews.pages import HTMX, browser_of

Ask = Callable[..., ReviewTask]


def words(response: Any) -> str:
    """The page as a person reads it, however its lines are broken."""
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", unescape(text))


def thread_url(thread_id: object) -> str:
    return reverse("reviews:thread", args=[thread_id])


def checkpoint_url(thread_id: object, checkpoint_id: str, **query: str) -> str:
    return reverse("reviews:checkpoint", args=[thread_id, checkpoint_id], query=query or None)


@pytest.fixture
def asked(waiting: Ask) -> ReviewTask:
    """A text to revise that a paused run waits for."""
    return waiting("human_in_the_loop", some_text="It is late.")


@pytest.fixture
def olga() -> User:
    """Operates, and reviews nothing."""
    olga = make_user("olga")
    olga.user_permissions.add(Permission.objects.get(codename="operate_thread"))
    return olga


@pytest.fixture
def admin(ada: User) -> Client:
    return browser_of(ada)


@pytest.fixture
def finished(api: httpx.Client) -> Callable[..., Thread]:
    """A thread whose run came to its end."""

    def run(graph: str = "static_steps", given: Any = None, **asked: Any) -> Thread:
        thread = api.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": graph, "input": given or {"some_text": "one"}, **asked}
        api.post(f"/threads/{thread}/runs/wait", json=body)
        return Thread.objects.get(pk=thread)

    return run


def settled(run: Run) -> Run:
    wait_for(lambda: not Run.objects.active().filter(pk=run.pk).exists(), what=f"{run} settled")
    return Run.objects.get(pk=run.pk)


def step_after(thread: Thread, node: str) -> str:
    """The checkpoint a node's step led to, the newest one."""
    found = runs.steps_of(thread, limit=100)
    return next(step.checkpoint_id for step in found if node in step.nodes)


def lengthen(thread: Thread, count: int) -> None:
    """As many more checkpoints as after a long conversation: each like the last, and after it."""
    with checkpointer.connection() as tables:
        tables.execute(
            """
            WITH head AS (
                SELECT *, left(checkpoint_id, 24) AS start FROM checkpoints
                WHERE thread_id = %s ORDER BY checkpoint_id DESC LIMIT 1)
            INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id,
                                     parent_checkpoint_id, type, checkpoint, metadata)
            SELECT thread_id, checkpoint_ns, replace(start, '-8', '-9') || lpad(n::text, 12, '0'),
                   CASE n WHEN 1 THEN checkpoint_id
                          ELSE replace(start, '-8', '-9') || lpad((n - 1)::text, 12, '0') END,
                   type, checkpoint, metadata
            FROM head, generate_series(1, %s) AS n
            """,
            (str(thread.pk), count),
        )


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


def test_runs_are_for_operators(rosa: User, olga: User, finished: Callable[..., Thread]) -> None:
    run = finished("failing").runs.get()
    pages = [reverse("reviews:runs"), reverse("reviews:run", args=[run.pk])]

    assert [browser_of(rosa).get(page).status_code for page in pages] == [403, 403]
    assert [browser_of(olga).get(page).status_code for page in pages] == [200, 200]
    failed = words(browser_of(olga).get(pages[0], {"status": "error", "q": str(run.pk)}))
    assert "ValueError: boom: one" in failed


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


# -- forks ---------------------------------------------------------------------------------------


def fork_form(thread: Thread, checkpoint_id: str, **values: Any) -> dict[str, str]:
    edited = {f"channel:{name}": json.dumps(value) for name, value in values.items()}
    return {"checkpoint": checkpoint_id, "confirmed": "on", "branch": "second try"} | edited


def test_a_fork_says_what_may_happen_twice_and_runs_with_other_values(
    ada: User, admin: Client, finished: Callable[..., Thread]
) -> None:
    thread = finished()
    there, at = reverse("reviews:fork", args=[thread.pk]), step_after(thread, "step_1")
    told = words(admin.get(there, {"checkpoint": at}))
    assert "Runs first: step_2" in told
    assert "may run again: step_2 step_3" in told
    form = fork_form(thread, at, some_text="two", visited=["forked"])

    unconfirmed = admin.post(there, form | {"confirmed": ""})
    broken = admin.post(there, form | {"channel:visited": "[1,"})

    assert (unconfirmed.status_code, broken.status_code) == (422, 422)
    assert "Confirm that this may happen again." in words(unconfirmed)
    assert "not valid JSON" in words(broken)
    assert ">\n[1,</textarea>" in broken.content.decode()
    assert thread.runs.count() == 1

    sent = admin.post(there, form)

    run = settled(Run.objects.on(thread.pk).order_by("-pk")[0])
    assert sent.url == reverse("reviews:run", args=[run.pk])
    assert run.status == "success"
    thread.refresh_from_db()
    assert thread.values["some_text"] == "two"
    assert thread.values["visited"] == ["forked", "step_2", "step_3"]
    entry = AuditEntry.objects.get(action="thread.forked", object=f"thread:{thread.pk}")
    assert (entry.actor, entry.details["checkpoint"]) == (ada, at)
    assert sorted(entry.details["values"]) == ["some_text", "visited"]
    timeline = words(admin.get(thread_url(thread.pk)))
    assert "second try" in timeline
    assert timeline.count("Other branch") == 2  # what step_2 and step_3 wrote the first time


def test_a_fork_replaces_messages_as_messages(
    admin: Client, finished: Callable[..., Thread]
) -> None:
    order = "Order {} is broken, I want my {} back"
    given = {"messages": [{"role": "user", "content": order.format("A-1042", "89.90")}]}
    thread = finished("approve_tool", given)
    oldest = runs.steps_of(thread, limit=10)[-2]
    (message,) = runs.values_at(thread, oldest.checkpoint_id)["messages"]
    changed = message | {"content": order.format("B-7", "12.50")}

    form = fork_form(thread, oldest.checkpoint_id, messages=[changed])
    admin.post(reverse("reviews:fork", args=[thread.pk]), form)

    settled(Run.objects.on(thread.pk).order_by("-pk")[0])
    task = ReviewTask.objects.open().get(thread_id=thread.pk)
    assert task.value["action_requests"][0]["args"] == {"order": "B-7", "amount": 12.5}
    assert len(Thread.objects.get(pk=thread.pk).values["messages"]) == 2


@pytest.mark.usefixtures("ledger_kept")
def test_a_fork_replaces_the_open_task_which_says_so(waiting: Ask, admin: Client) -> None:
    task = waiting("refund", order="A-1", amount=249.9)
    thread = Thread.objects.get(pk=task.thread_id)
    there = reverse("reviews:fork", args=[thread.pk])
    assert task.title in words(admin.get(there, {"checkpoint": task.checkpoint_id}))

    admin.post(there, fork_form(thread, task.checkpoint_id, amount=150))

    settled(Run.objects.on(thread.pk).order_by("-pk")[0])
    task.refresh_from_db()
    assert task.status == ReviewTask.Status.SUPERSEDED
    again = ReviewTask.objects.open().get(thread_id=thread.pk)
    assert again.value["amount"] == 150


def test_a_fork_walks_around_no_question_and_through_no_breakpoint(
    waiting: Ask,
    olga: User,
    admin: Client,
    queue: Any,
    finished: Callable[..., Thread],
) -> None:
    stopped = finished("static_steps", interrupt_before=["step_2"])
    at = step_after(stopped, "step_1")
    refused = admin.post(reverse("reviews:fork", args=[stopped.pk]), fork_form(stopped, at))
    assert refused.status_code == 409
    assert "A breakpoint stands here, at step_2" in words(refused)

    task = waiting("guarded")
    ReviewTask.objects.filter(pk=task.pk).update(reviewers_only=True)
    guarded = Thread.objects.get(pk=task.thread_id)
    there = reverse("reviews:fork", args=[guarded.pk])
    told = words(browser_of(olga).get(there, {"checkpoint": task.checkpoint_id}))
    assert "One open task of another queue is replaced." in told
    assert task.title not in told
    kept_out = browser_of(olga).post(there, fork_form(guarded, task.checkpoint_id))

    assert kept_out.status_code == 403
    assert "Only reviewers may answer this" in words(kept_out)
    assert ReviewTask.objects.get(pk=task.pk).is_open
    assert guarded.runs.count() == 1


def test_only_operators_fork_and_only_while_nothing_runs(
    asked: ReviewTask, rosa: User, admin: Client, finished: Callable[..., Thread]
) -> None:
    form = {"checkpoint": asked.checkpoint_id, "confirmed": "on"}
    theirs = reverse("reviews:fork", args=[asked.thread_id])
    assert browser_of(rosa).post(theirs, form).status_code == 403

    thread = finished()
    end, start = step_after(thread, "step_3"), step_after(thread, "step_1")
    there = reverse("reviews:fork", args=[thread.pk])
    assert "Nothing can run from here." in words(admin.get(there, {"checkpoint": end}))
    assert admin.post(there, fork_form(thread, end)).status_code == 422
    Run.objects.create(thread=thread, graph_id="static_steps", status="pending", kwargs={})
    assert admin.post(there, fork_form(thread, start)).status_code == 409


# -- runs ----------------------------------------------------------------------------------------


def test_a_run_is_started_from_a_form_watched_and_asks(
    ada: User, admin: Client, routed: Callable[[str], None]
) -> None:
    routed("refund")
    assistant = Assistant.objects.get(graph_id="refund", metadata__created_by="system")
    there = reverse("reviews:start-run", args=[assistant.pk])
    form = admin.get(there).content.decode()
    assert 'name="field:/amount"' in form
    empty = dict.fromkeys(re.findall(r'name="(field:[^"]+)"', form), "")

    wrong = admin.post(there, empty | {"field:/amount": "much"})
    started = admin.post(there, empty | {"field:/order": "A-1", "field:/amount": "249.9"})

    assert wrong.status_code == 422
    assert "Amount : Must be a number" in words(wrong)
    run = settled(Run.objects.get(pk=started.url.rstrip("/").rpartition("/")[2]))
    assert run.kwargs["input"] == {"order": "A-1", "amount": 249.9}
    assert run.created_by == ada
    assert AuditEntry.objects.filter(action="run.started", object=f"run:{run.pk}").exists()
    page = admin.get(started.url)
    assert "Waits for a person" in words(page)
    assert "every 2s" not in page.content.decode()
    fragment = admin.get(started.url, headers=HTMX | {"HX-Target": "run"}).content.decode()
    assert fragment.strip().startswith('<div class="live-run" id="run"')


def test_an_input_may_be_typed_as_json(admin: Client) -> None:
    assistant = Assistant.objects.get(graph_id="approve_tool", metadata__created_by="system")
    there = reverse("reviews:start-run", args=[assistant.pk])
    assert '"messages": [' in unescape(admin.get(there).content.decode())

    for text in ("", "{", "null", "[1, NaN]", '"\\ud800"'):
        assert admin.post(there, {"json": text}).status_code == 422
    started = admin.post(there, {"json": '{"messages": [{"role": "user", "content": "Hello"}]}'})

    assert started.status_code == 302
    assert Run.objects.filter(pk=started.url.rstrip("/").rpartition("/")[2]).exists()


def test_an_operator_cancels_a_run_and_is_named(olga: User, rosa: User, api: httpx.Client) -> None:
    thread = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "slow", "input": {"seconds": 30}}
    run = Run.objects.get(pk=api.post(f"/threads/{thread}/runs", json=body).json()["run_id"])
    wait_for(lambda: Run.objects.filter(pk=run.pk, status="running").exists())
    there, page = (
        reverse("reviews:cancel-run", args=[run.pk]),
        reverse("reviews:run", args=[run.pk]),
    )
    wait_for(lambda: "nap is running" in words(browser_of(olga).get(page)))

    assert browser_of(rosa).post(there).status_code == 403
    shown = browser_of(olga).post(there, follow=True)

    assert "Cancelled" in words(shown)
    assert "Cancelled by Olga" in words(shown)
    entry = AuditEntry.objects.get(action="run.cancelled", object=f"run:{run.pk}")
    assert entry.actor == olga
    assert "over already" in words(browser_of(olga).post(there, follow=True))
