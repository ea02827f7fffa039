"""One verdict for several tasks: what may go together, what is sent, and who was faster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group, User
from django.utils.timezone import now

from reviews import bulk, services
from reviews.models import AuditEntry, Batch, BatchItem, Decision, ReviewTask
from reviews.services.bulk import AT_ONCE
from runs.models import Interrupt, Scope
from tests.conftest import issue_key, make_user
from tests.console import Console, wait_for
from tests.reviews.pages import BATCH, HTMX, browser_of, words

Ask = Callable[..., ReviewTask]
Outcome = BatchItem.Outcome


def call(name: str = "issue_refund", **args: Any) -> dict[str, Any]:
    """A tool call that may be approved and rejected."""
    config = {"action_name": name, "allowed_decisions": ["approve", "reject"]}
    return {"action_requests": [{"name": name, "args": args}], "review_configs": [config]}


@pytest.fixture
def rosa(queue: Group) -> User:
    """Reviews this test's queue and no other."""
    return make_user("rosa", queue)


@pytest.fixture
def asking(
    api: httpx.Client, routed: Callable[[str], None], queue: Group
) -> Callable[..., list[ReviewTask]]:
    """That many runs which wait for a person, newest task first."""

    def ask(count: int, graph: str = "human_in_the_loop") -> list[ReviewTask]:
        routed(graph)
        tasks = ReviewTask.objects.open().filter(queue=queue)
        for number in range(count):
            thread = api.post("/threads", json={}).json()["thread_id"]
            body = {"assistant_id": graph, "input": {"some_text": f"text {number}"}}
            api.post(f"/threads/{thread}/runs", json=body).raise_for_status()
        wait_for(lambda: tasks.count() >= count, seconds=60, what=f"{count} tasks")
        return list(tasks.order_by("-created_at", "-pk"))

    return ask


def ids(tasks: list[ReviewTask]) -> list[int]:
    return [task.pk for task in tasks]


def chosen(rosa: User, kind: str, tasks: list[ReviewTask], **more: str) -> Batch:
    """The batch that a page's form made."""
    answer = browser_of(rosa).post("/tasks/bulk/", {"kind": kind, "task": ids(tasks), **more})
    assert answer.status_code == 302, words(answer)
    return Batch.objects.of(rosa).latest("pk")


def outcomes(batch: Batch) -> dict[int, str]:
    return dict(batch.items.values_list("task_id", "outcome"))


# -- what may go together --------------------------------------------------------------------------


def test_the_largest_family_goes_together_and_the_others_are_told_why(
    rosa: User, shown: Ask, queue: Group
) -> None:
    olga = make_user("olga", queue)
    kin = [shown(call(order=number)) for number in range(3)]
    others = {
        "It asks something else": shown(call("delete_account", order=9)),
        "It needs an answer": shown("Which warehouse?"),
        "It is no longer open": shown(call(), status=ReviewTask.Status.DECIDED),
        "High risk": shown(call(), high_risk=True),
        "Olga has claimed it": services.claim_task(task=shown(call()), reviewer=olga),
        "too long": shown(call(text="x" * bulk.COMPARED)),
        "It does not take this verdict": shown(
            {**call(), "review_configs": [{"allowed_decisions": ["reject"]}]}
        ),
    }
    rows = ReviewTask.objects.filter(pk__in=ids([*kin, *others.values()])).order_by("pk")

    found = bulk.sort_out(services.tasks_to_compare(rows), {"kind": "approve"}, rosa)

    assert ids(found.together) == ids(kin)
    whys = {unfit.task.pk: unfit.why for unfit in found.rest}
    assert set(whys) == set(ids(list(others.values())))
    for why, task in others.items():
        assert why in whys[task.pk], task


def test_a_preview_groups_by_what_is_sent_and_marks_what_differs(rosa: User, shown: Ask) -> None:
    tasks = [shown(call(order=number, currency="EUR")) for number in (7, 8)]

    batch = chosen(rosa, "approve", tasks)

    page = words(browser_of(rosa).get(f"/tasks/bulk/{batch.pk}/"))
    assert "Approve 2 tasks together" in page
    assert "2 graphs receive" in page
    assert '"type": "approve"' in page
    assert page.count("<mark>") == 2
    assert "<mark>7</mark>" in page
    assert "<mark>8</mark>" in page
    assert page.count("EUR") == 1
    texts = [shown({"text_to_revise": f"Mail {number}"}) for number in (1, 2)]
    drafts = chosen(rosa, "approve", texts)
    page = words(browser_of(rosa).get(f"/tasks/bulk/{drafts.pk}/"))
    assert page.count("1 graph receives") == 2


def test_all_of_a_view_is_what_it_was_when_it_was_shown(
    rosa: User, shown: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = [shown(call(order=number)) for number in range(4)]
    until = now()
    late = shown(call(order=99), created_at=until + timedelta(seconds=1))
    monkeypatch.setattr(bulk, "CAP", 3)

    batch = chosen(rosa, "approve", [late], all="yes", until=until.isoformat(), view="open")

    assert set(outcomes(batch)) == set(
        ids(early[1:])
    )  # the newest of them, and never what is ticked
    assert (batch.found, batch.taken_at, "view=open" in batch.source) == (4, until, True)
    page = words(browser_of(rosa).get(f"/tasks/bulk/{batch.pk}/"))
    assert "1 more task of the list is left for another time." in page


def test_the_bar_says_what_can_be_done_with_the_selected(rosa: User, shown: Ask) -> None:
    tasks = [*(shown(call(order=number)) for number in range(2)), shown("Which warehouse?")]
    asked = {"task": ids(tasks), "until": now().isoformat()}
    header = {**HTMX, "HX-Target": "bulk-words"}

    bar = words(browser_of(rosa).post("/tasks/bulk/", asked, headers=header))

    assert "3 selected" in bar
    assert "2 can be approved together" in bar
    assert "It needs an answer of its own." in bar
    for kind, count in {"approve": 2, "reject": 2, "claim": 3}.items():
        assert f'value="{kind}">{kind.title()} <span class="num">{count}</span>' in bar
    assert 'value="continue"' not in bar
    assert 'value="release"' not in bar
    assert Batch.objects.of(rosa).count() == 0


# -- what a batch does -----------------------------------------------------------------------------


def test_each_task_gets_a_decision_and_an_entry_of_its_own_in_one_batch(
    rosa: User, asking: Any, queue: Group
) -> None:
    tasks = asking(4)
    olga = make_user("olga", queue)
    batch, browser = chosen(rosa, "approve", tasks), browser_of(rosa)
    changed, taken, removed, done = tasks
    ReviewTask.objects.filter(pk=changed.pk).update(version=2)
    services.decide(task=taken, reviewer=olga, verdict={"kind": "approve"})

    keep = {"task": ids([changed, taken, done])}
    answer = browser.post(f"/tasks/bulk/{batch.pk}/commit/", keep, follow=True)
    again = browser.post(f"/tasks/bulk/{batch.pk}/commit/", {"task": ids(tasks)}, follow=True)

    assert outcomes(batch) == {
        changed.pk: Outcome.CHANGED,
        taken.pk: Outcome.REFUSED,
        removed.pk: Outcome.LEFT_OUT,
        done.pk: Outcome.DONE,
    }
    for page in (words(answer), words(again)):
        assert "1 approved" in page
        assert "The request changed, look again. Nothing was sent." in page
        assert "Olga has decided it." in page
    decision = Decision.objects.get(task=done)
    assert (decision.reviewer, decision.value) == (rosa, done.value["text_to_revise"])
    entry = AuditEntry.objects.get(object=f"task:{done.pk}", action="task.decided")
    assert (entry.details["batch"], entry.details["decision"]) == (batch.pk, decision.pk)
    assert Decision.objects.filter(task__in=[changed, removed]).count() == 0
    committed = AuditEntry.objects.get(object=f"batch:{batch.pk}")
    assert (committed.actor, committed.details["tasks"]) == (rosa, 3)
    wait_for(Interrupt.objects.filter(review_task=done, status="closed").exists)


def test_what_changed_after_it_was_chosen_is_not_shown_as_chosen(rosa: User, shown: Ask) -> None:
    tasks = [shown(call(order=number)) for number in range(3)]
    batch = chosen(rosa, "approve", tasks)
    ReviewTask.objects.filter(pk=tasks[0].pk).update(version=2)

    page = words(browser_of(rosa).get(f"/tasks/bulk/{batch.pk}/"))

    assert "Approve 2 tasks together" in page
    assert "It has changed since it was chosen." in page
    assert "Look again" in page
    assert f'name="task" value="{tasks[0].pk}" checked' not in page


def test_to_reject_many_takes_one_reason_and_every_agent_hears_it(rosa: User, shown: Ask) -> None:
    tasks = [shown(BATCH) for _number in range(2)]
    batch, browser = chosen(rosa, "reject", tasks), browser_of(rosa)
    preview = words(browser.get(f"/tasks/bulk/{batch.pk}/?reason=Too+late"))
    assert preview.count('"message": "Too late"') == 2  # one for each of the two actions

    empty = browser.post(f"/tasks/bulk/{batch.pk}/commit/", {"task": ids(tasks), "reason": " "})

    assert empty.status_code == 422
    assert "all of them share one reason" in words(empty)
    verdict = bulk.verdict_on(tasks[0].asked, {"kind": "reject", "message": "Too late"})
    assert verdict == {"actions": [{"kind": "reject", "message": "Too late"}] * 2}
    batch.refresh_from_db()
    assert (batch.status, set(outcomes(batch).values())) == ("prepared", {"waiting"})


def test_a_batch_is_taken_back_while_it_is_held(rosa: User, asking: Any) -> None:
    tasks = asking(3)
    ReviewTask.objects.filter(pk__in=ids(tasks[:2])).update(undo_seconds=60)
    batch, browser = chosen(rosa, "approve", tasks), browser_of(rosa)

    page = browser.post(f"/tasks/bulk/{batch.pk}/commit/", {"task": ids(tasks)}, follow=True)
    assert "Undo 2 that are not sent yet" in words(page)
    back = browser.post(f"/tasks/bulk/{batch.pk}/undo/", follow=True)

    assert "2 decisions taken back. 1 was sent." in words(back)
    assert ReviewTask.objects.open().filter(pk__in=ids(tasks)).count() == 2


def test_a_long_batch_is_a_workers_and_outlives_it(
    rosa: User, asking: Any, console: Console
) -> None:
    tasks = asking(AT_ONCE + 1)
    lost = chosen(rosa, "approve", tasks)
    services.begin_batch(batch=lost)  # and then nobody queued its job
    services.settle_item(item_id=lost.items.earliest("pk").pk)
    assert Batch.objects.stalled().count() == 0
    page = words(browser_of(rosa).get(f"/tasks/bulk/{lost.pk}/"))
    assert f"1 of {len(tasks)}" in page
    old = now() - timedelta(minutes=1)
    Batch.objects.filter(pk=lost.pk).update(committed_at=old)
    lost.items.filter(outcome=Outcome.DONE).update(settled_at=old)

    services.sweep_batches()

    wait_for(Batch.objects.filter(pk=lost.pk, status=Batch.Status.DONE).exists, seconds=60)
    assert set(outcomes(lost).values()) == {Outcome.DONE}
    assert Decision.objects.filter(task__in=tasks).count() == len(tasks)


def test_a_batch_that_is_run_twice_decides_once(rosa: User, asking: Any) -> None:
    (task,) = asking(1)
    batch = chosen(rosa, "approve", [task])
    services.begin_batch(batch=batch)
    services.run_batch(batch=batch)
    first = batch.items.get().decision
    batch.items.update(outcome=Outcome.WAITING, decision=None)  # as if that was never written
    Batch.objects.filter(pk=batch.pk).update(status=Batch.Status.RUNNING)

    services.run_batch(batch=batch)

    item = batch.items.get()
    assert (item.outcome, item.decision) == (Outcome.DONE, first)
    assert Decision.objects.filter(task=task).count() == 1


def test_claims_move_together_and_say_whose_they_are(rosa: User, shown: Ask, queue: Group) -> None:
    olga, browser = make_user("olga", queue), browser_of(rosa)
    tasks = [shown(call(order=number)) for number in range(3)]
    services.claim_task(task=tasks[0], reviewer=olga)

    mixed = browser.post("/tasks/bulk/", {"kind": "claim", "task": ids(tasks)}, follow=True)
    assert "2 claimed" in words(mixed)
    assert "Olga has claimed it." in words(mixed)
    released = browser.post(
        "/tasks/bulk/", {"kind": "release", "task": ids(tasks[1:])}, follow=True
    )

    assert released.redirect_chain[-1][0].startswith("/inbox/")
    assert "2 released." in words(released)
    assert [
        task.holder for task in ReviewTask.objects.filter(pk__in=ids(tasks)).order_by("pk")
    ] == [
        olga,
        None,
        None,
    ]


def test_a_batch_is_of_one_person_and_of_tasks_they_see(
    rosa: User, omar: User, ada: User, shown: Ask
) -> None:
    task = shown(call(order=1))
    nothing = browser_of(omar).post("/tasks/bulk/", {"kind": "approve", "task": [task.pk]})
    assert nothing["Location"].startswith("/inbox/")
    assert Batch.objects.of(omar).count() == 0
    batch = chosen(rosa, "approve", [task])
    for person in (omar, ada):
        assert browser_of(person).get(f"/tasks/bulk/{batch.pk}/").status_code == 404
        assert browser_of(person).post(f"/tasks/bulk/{batch.pk}/commit/").status_code == 404

    rosa.groups.clear()  # and sees the queue no more

    browser_of(rosa).post(f"/tasks/bulk/{batch.pk}/commit/", {"task": [task.pk]})
    assert outcomes(batch) == {task.pk: Outcome.LEFT_OUT}


@pytest.mark.parametrize(
    "posted",
    [
        {"kind": "approve"},
        {"kind": "launch", "task": ["1"]},
        {"kind": "approve", "task": ["x", "-1", "9" * 30, "\0"]},
        {"kind": "approve", "all": "yes", "until": "0000-99-99T00:00"},
        {},
    ],
)
def test_nothing_chosen_is_said_and_nothing_happens(rosa: User, posted: dict[str, Any]) -> None:
    answer = browser_of(rosa).post("/tasks/bulk/", posted, follow=True)

    assert "Select tasks first" in words(answer)
    assert Batch.objects.of(rosa).count() == 0


# -- by API ----------------------------------------------------------------------------------------


@pytest.fixture
def rosas(console: Console, rosa: User) -> httpx.Client:
    """A key of Rosa's."""
    key = issue_key("rosa's", [Scope.TASKS_READ, Scope.TASKS_DECIDE], rosa)
    return httpx.Client(base_url=console.url, headers={"x-api-key": key}, trust_env=False)


def test_a_program_decides_several_and_reads_what_became_of_each(
    rosa: User, rosas: httpx.Client, asking: Any
) -> None:
    first, second = asking(2)
    rows = rosas.get("/api/tasks/", params={"thread_id": str(first.thread_id)}).json()["results"]
    body = {
        "tasks": [
            {"task": first.pk, "seen": rows[0]["edition"]},
            {"task": second.pk, "seen": f"{second.digest}.9"},
            {"task": 2**31, "seen": "x"},
        ],
        "verdict": {"kind": "edit", "value": "one text for both"},
    }
    key = {"Idempotency-Key": "once"}

    answer = rosas.post("/api/tasks/bulk/", json=body, headers=key)

    assert answer.status_code == 200, answer.text
    results = {one["task"]: one for one in answer.json()["results"]}
    assert [results[pk]["outcome"] for pk in (first.pk, second.pk, 2**31)] == [
        "done",
        "changed",
        "not_found",
    ]
    assert results[first.pk]["decision"]["value"] == "one text for both"
    assert "look again" in results[second.pk]["detail"]
    repeated = rosas.post("/api/tasks/bulk/", json=body, headers=key).json()
    assert (repeated["batch"], len(repeated["results"])) == (answer.json()["batch"], 3)
    other = rosas.post("/api/tasks/bulk/", json={**body, "comment": "x"}, headers=key)
    assert other.status_code == 422
    assert Decision.objects.get(task=first).reviewer == rosa


@pytest.mark.parametrize(
    "change",
    [
        {"tasks": []},
        {"tasks": [{"task": 1}]},
        {"tasks": [{"task": 1, "seen": "x"}] * 2},
        {"tasks": [{"task": n, "seen": "x"} for n in range(1, 202)]},
        {"tasks": "all"},
        {"verdict": {"kind": "launch"}},
        {"verdict": {"kind": "reject"}},
        {"verdict": {}},
    ],
)
def test_what_is_no_batch_is_refused(rosas: httpx.Client, change: dict[str, Any]) -> None:
    body = {"tasks": [{"task": 1, "seen": "x"}], "verdict": {"kind": "approve"}, **change}

    answer = rosas.post("/api/tasks/bulk/", json=body)

    assert answer.status_code == 422, answer.text


def test_the_schema_names_it(rosas: httpx.Client) -> None:
    schema = rosas.get("/api/schema/").text
    assert "/api/tasks/bulk/:" in schema
    assert "edition:" in schema
