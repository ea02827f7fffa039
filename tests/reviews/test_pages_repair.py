"""The pages when things go wrong or are taken back: undo, failed runs, changed graphs, requests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from reviews import services
from reviews.models import AuditEntry, Decision, Delivery, ReviewTask
from runs.models import Interrupt, Run
from tests.conftest import issue_key, make_user
from tests.console import Console, wait_for
from tests.reviews.pages import HTMX, browser_of, url

Ask = Callable[..., ReviewTask]


@pytest.fixture
def asked(waiting: Ask) -> ReviewTask:
    """A text to revise that a paused run waits for."""
    return waiting("human_in_the_loop", some_text="original")


@pytest.fixture
def held(settings: Any) -> None:
    """Decisions made on a page wait long enough to be looked at."""
    settings.PAGE_UNDO_SECONDS = 60


@pytest.fixture
def client(rosa: User) -> Client:
    return browser_of(rosa)


def words(response: Any) -> str:
    """The page as a person reads it, however its lines are broken."""
    return re.sub(r"\s+", " ", unescape(response.content.decode()))


def form_of(client: Client, task: ReviewTask) -> dict[str, str]:
    """What the page's form carries beside an answer."""
    page = client.get(url("task", task)).content.decode()
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def standing(task: ReviewTask) -> Decision:
    decision = Decision.objects.standing_on(task)
    assert decision is not None
    return decision


# -- undo ----------------------------------------------------------------------------------------


def test_a_decision_made_on_a_page_is_held_and_can_be_undone_from_the_next_page(
    held: None, client: Client, asked: ReviewTask
) -> None:
    form = form_of(client, asked) | {"text": "better", "comment": "a note"}

    following = words(client.post(url("decide", asked), form, follow=True))

    assert "Sent. The run goes on." not in following
    assert f'action="{url("undo", asked)}"' in following
    assert re.search(r"Sends in (59|60) seconds", following)
    assert not Run.objects.on(asked.thread_id).exclude(pk=asked.run_id).exists()

    undone = client.post(url("undo", asked), follow=True)

    assert undone.redirect_chain[-1][0] == url("task", asked)
    assert "Claimed by you" in words(undone)
    assert ">\nbetter</textarea>" in undone.content.decode()
    assert ">\na note</textarea>" in undone.content.decode()
    assert "The graph did not accept the last answer." not in words(undone)
    assert f'action="{url("undo", asked)}"' not in words(client.get("/inbox/"))


def test_what_was_undone_is_decided_again_and_sent_once(
    settings: Any, client: Client, asked: ReviewTask
) -> None:
    settings.PAGE_UNDO_SECONDS = 60
    client.post(url("decide", asked), form_of(client, asked) | {"text": "first"})
    client.post(url("undo", asked))
    settings.PAGE_UNDO_SECONDS = 0

    client.post(url("decide", asked), form_of(client, asked) | {"text": "second"})

    runs = Run.objects.on(asked.thread_id).exclude(pk=asked.run_id)
    wait_for(runs.filter(status="success").exists)
    assert [list(run.kwargs["command"]["resume"].values()) for run in runs] == [["second"]]


def test_the_page_of_a_held_decision_says_when_it_goes_and_lets_its_reviewer_undo_it(
    held: None, client: Client, queue: Group, asked: ReviewTask
) -> None:
    client.post(url("decide", asked), {"text": "better"})

    mine = words(client.get(url("task", asked)))
    theirs = words(browser_of(make_user("olga", queue)).get(url("task", asked)))

    assert mine.count(f'action="{url("undo", asked)}"') == 1  # in its own bar, and not twice
    assert "Sending" in mine
    assert "held for a moment, and can be undone" in theirs
    assert f'action="{url("undo", asked)}"' not in theirs


def test_nobody_undoes_what_another_decided(
    held: None, client: Client, queue: Group, asked: ReviewTask
) -> None:
    client.post(url("decide", asked), {"text": "better"})

    refused = browser_of(make_user("olga", queue)).post(url("undo", asked))

    assert refused.status_code == 403
    assert "Only the person who decided" in words(refused)
    assert standing(asked).delivery.state == Delivery.State.RECORDED


def test_too_late_to_undo_is_said_on_the_task(client: Client, asked: ReviewTask) -> None:
    client.post(url("decide", asked), {"text": "better"})

    late = client.post(url("undo", asked), headers=HTMX)

    assert late.status_code == 409
    assert "It is too late to undo this: the agent has the answer." in words(late)
    assert 'id="page"' in words(late)  # the part of it that htmx puts in place


def test_undo_from_the_list_leads_back_to_the_list(
    held: None, client: Client, asked: ReviewTask
) -> None:
    client.post(url("decide", asked), {"text": "better"})

    back = client.post(url("undo", asked), {"view": "unclaimed"}, headers=HTMX)

    location = json.loads(back["HX-Location"])
    assert (location["path"], location["target"]) == (
        f"/inbox/?view=open&q=is%3Aunclaimed&task={asked.pk}",
        "#page",
    )


def test_another_reviewer_does_not_find_the_undone_answer_in_the_form(
    held: None, client: Client, queue: Group, asked: ReviewTask
) -> None:
    client.post(url("decide", asked), {"text": "only Rosa wrote this"})
    client.post(url("undo", asked))

    page = browser_of(make_user("olga", queue)).get(url("task", asked)).content.decode()

    assert ">\noriginal</textarea>" in page


# -- failed runs ---------------------------------------------------------------------------------


@pytest.fixture
def failed(api: Any, routed: Any, task_on: Any, rosa: User) -> Callable[..., ReviewTask]:
    """A task whose node took the answer and then raised."""

    def fail(graph: str = "failing_after", answer: Any = "<b>yes</b>", **state: Any) -> ReviewTask:
        routed(graph)
        thread = api.post("/threads", json={}).json()["thread_id"]
        api.post(
            f"/threads/{thread}/runs/wait", json={"assistant_id": graph, "input": state}
        ).raise_for_status()
        task: ReviewTask = task_on(thread)
        services.decide(task=task, reviewer=rosa, verdict={"kind": "respond", "value": answer})
        wait_for(ReviewTask.objects.filter(pk=task.pk, status="failed").exists)
        task.refresh_from_db()
        return task

    return fail


def test_a_failed_run_shows_its_error_the_answer_and_the_two_ways_on(
    client: Client, failed: Callable[..., ReviewTask]
) -> None:
    task = failed()

    raw = client.get(url("task", task)).content.decode()
    page = words(client.get(url("task", task)))

    assert "Run failed" in page
    assert "You decided this: answered." in page
    assert "ValueError: boom: <b>yes</b>" in page
    assert "<b>yes</b>" not in raw
    assert re.findall(r'name="kind" value="(\w+)"', raw) == ["ask_again", "retry"]
    assert "What it did before it failed may happen twice." in page
    assert "comes back as a new task" in page


def test_failed_tasks_have_a_place_of_their_own_in_the_inbox(
    client: Client, failed: Callable[..., ReviewTask], asked: ReviewTask
) -> None:
    assert "pill-failed" not in words(client.get("/inbox/"))
    task = failed()

    inbox = words(client.get("/inbox/"))
    mine = {
        view: f'id="row-{task.pk}"' in words(client.get(f"/inbox/?view={view}"))
        for view in ("open", "failed", "decided")
    }

    pill = r'href="/inbox/\?view=open&q=is%3Afailed"[^>]*>Run failed <b class="num">1</b>'
    assert re.search(pill, inbox)
    assert mine == {"open": False, "failed": True, "decided": False}
    fragment = client.get("/inbox/", headers={**HTMX, "HX-Target": "list"})
    assert 'id="pill-failed"' in words(fragment)


def test_retry_runs_the_node_again_with_the_same_answer(
    client: Client, failed: Callable[..., ReviewTask]
) -> None:
    task = failed()

    after = client.post(url("repair", task), {"kind": "retry"}, follow=True)

    assert after.redirect_chain[-1][0] == url("task", task)
    assert "retried with this answer" in words(after)
    wait_for(ReviewTask.objects.filter(pk=task.pk, status="failed").exists)  # it fails each time
    decisions = Decision.objects.filter(task=task).order_by("pk")
    assert [(d.kind, d.value, d.via) for d in decisions] == [
        ("respond", "<b>yes</b>", "api"),
        ("retry", "<b>yes</b>", "page"),
    ]
    assert "the graph took it, then failed; repaired since" in words(client.get(url("task", task)))


def test_ask_again_closes_the_task_and_leads_to_the_new_one(
    client: Client, failed: Callable[..., ReviewTask]
) -> None:
    task = failed()

    client.post(url("repair", task), {"kind": "ask_again"})
    wait_for(ReviewTask.objects.filter(pk=task.pk, superseded_by__isnull=False).exists)
    task.refresh_from_db()

    assert task.superseded_by is not None
    page = client.get(url("task", task)).content.decode()
    assert re.search(rf'Replaced by <a href="{url("task", task.superseded_by)}"', page)
    assert 'name="kind"' not in page
    assert "Go on?" in words(client.get(url("task", task.superseded_by)))


def test_what_replaced_a_task_is_not_shown_to_who_may_not_see_it(
    client: Client, omar: User, failed: Callable[..., ReviewTask]
) -> None:
    task = failed()
    client.post(url("repair", task), {"kind": "ask_again"})
    wait_for(ReviewTask.objects.filter(pk=task.pk, superseded_by__isnull=False).exists)
    task.refresh_from_db()
    assert task.superseded_by is not None
    ReviewTask.objects.filter(pk=task.superseded_by_id).update(queue=omar.groups.get())

    page = words(client.get(url("task", task)))

    assert "Replaced by" not in page
    assert url("task", task.superseded_by) not in page


def test_who_repairs_second_is_told(client: Client, failed: Callable[..., ReviewTask]) -> None:
    task = failed()
    client.post(url("repair", task), {"kind": "ask_again"})

    second = client.post(url("repair", task), {"kind": "retry"})

    assert second.status_code == 409
    assert "This task is not stuck behind an answer." in words(second)
    assert client.post(url("repair", task), {"kind": "approve"}).status_code == 400


# -- changed graphs ------------------------------------------------------------------------------


def graph_changed(task: ReviewTask) -> None:
    """As if another version of the graph had asked."""
    Interrupt.objects.filter(review_task=task).update(fingerprint="0" * 64)


@pytest.mark.parametrize("seconds", [0, 60])
def test_an_answer_to_a_changed_graph_waits_for_somebody_to_accept_the_change(
    settings: Any, client: Client, asked: ReviewTask, seconds: int
) -> None:
    settings.PAGE_UNDO_SECONDS = seconds
    graph_changed(asked)
    form = form_of(client, asked) | {"text": "half a thought"}
    assert "The graph was changed since it asked." in words(client.get(url("task", asked)))

    refused = client.post(url("decide", asked), form, headers=HTMX)

    assert refused.status_code == 409
    assert "The graph was changed since it asked." in words(refused)
    assert ">\nhalf a thought</textarea>" in refused.content.decode()
    assert not Decision.objects.filter(task=asked).exists()

    accepted = client.post(url("accept", asked), form)

    assert accepted.status_code == 200
    assert "was changed" not in words(accepted)
    assert "look again" not in words(accepted)
    assert ">\nhalf a thought</textarea>" in accepted.content.decode()
    assert client.post(url("decide", asked), form | form_of(client, asked)).status_code == 302
    entry = AuditEntry.objects.get(object=f"task:{asked.pk}", action="task.change_accepted")
    assert entry.via == "page"


def test_a_task_whose_node_is_gone_is_closed_as_replaced_and_keeps_the_words(
    client: Client, asked: ReviewTask
) -> None:
    Interrupt.objects.filter(review_task=asked).update(node="renamed")
    assert "no longer has the node 'renamed'" in words(client.get(url("task", asked)))

    refused = client.post(url("decide", asked), {"text": "what I wrote"}, headers=HTMX)

    assert refused.status_code == 409
    assert "This pause no longer exists." in words(refused)
    assert "what I wrote" in words(refused)
    assert not Decision.objects.filter(task=asked).exists()


# -- what was seen -------------------------------------------------------------------------------


def test_an_answer_to_another_edition_of_the_request_is_refused(
    client: Client, asked: ReviewTask
) -> None:
    form = form_of(client, asked) | {"text": "about the old one"}
    ReviewTask.objects.filter(pk=asked.pk).update(
        value={"text_to_revise": "something else"}, digest="1" * 64
    )

    refused = client.post(url("decide", asked), form, headers=HTMX)

    assert refused.status_code == 409
    assert "The request changed, look again." in words(refused)
    assert "something else" in words(refused)
    assert ">\nabout the old one</textarea>" in refused.content.decode()
    assert not Decision.objects.filter(task=asked).exists()


def test_a_form_from_before_somebody_else_decided_and_undid_is_refused(
    held: None, client: Client, asked: ReviewTask, queue: Group
) -> None:
    form = form_of(client, asked) | {"text": "mine"}
    olga = browser_of(make_user("olga", queue))
    olga.post(url("decide", asked), {"text": "hers"})
    olga.post(url("undo", asked))
    olga.post(url("release", asked))

    assert client.post(url("decide", asked), form).status_code == 409
    again = form_of(client, asked) | {"text": "mine"}
    assert client.post(url("decide", asked), again).status_code == 302


def test_what_was_seen_is_in_the_audit(client: Client, asked: ReviewTask) -> None:
    client.post(url("decide", asked), form_of(client, asked) | {"text": "better"})

    entry = AuditEntry.objects.get(object=f"task:{asked.pk}", action="task.decided")
    assert entry.seen_digest == asked.digest


def test_the_api_takes_the_digest_as_if_match(
    console: Console, asked: ReviewTask, ada: User
) -> None:
    key = issue_key("decides", ["tasks:read", "tasks:decide", "admin"], ada)
    verdict = {"kind": "edit", "value": "better"}
    with console.client() as api:
        api.headers["x-api-key"] = key
        path = f"/api/tasks/{asked.pk}/decide/"
        other = api.post(path, json=verdict, headers={"If-Match": f'"{"0" * 64}"'})
        same = api.post(path, json=verdict, headers={"If-Match": f'"{asked.digest}"'})

    assert (other.status_code, same.status_code) == (409, 200)
    assert other.json()["detail"].startswith("The request changed, look again.")
    entry = AuditEntry.objects.get(object=f"task:{asked.pk}", action="task.decided")
    assert entry.seen_digest == asked.digest


def test_a_change_is_not_accepted_for_a_thread_that_is_gone(rosa: User, shown: Ask) -> None:
    task = shown("May it go out?")
    page = browser_of(rosa).post(url("accept", task), {})
    assert page.status_code == 409
    assert "The agent has moved on" in words(page)
    by_api = browser_of(rosa).post(f"/api/tasks/{task.pk}/accept-change/")
    assert by_api.status_code == 409
    assert "The agent has moved on" in by_api.json()["detail"]
