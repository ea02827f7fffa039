"""The query box: what each filter finds, in each order, page by page; and what means nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.http import QueryDict
from django.utils.timezone import now

from reviews import services
from reviews.inbox import PAGE, Query, counts, inbox_page, neighbours, next_to_decide
from reviews.inbox.sorts import SORTS
from reviews.inbox.suggestions import suggestions
from reviews.inbox.tokens import Term, parse, written
from reviews.models import Decision, Delivery, ReviewTask
from tests.conftest import make_user

Shown = Callable[..., ReviewTask]


@pytest.fixture
def rosa(queue: Group) -> User:
    """Reviews this test's queue and no other: what others left open is not on her list."""
    return make_user("rosa", queue)


def found(user: User, q: str, view: str = "open") -> set[str]:
    return {task.title for task in Query(view=view, q=q).tasks(user)}


def decided(task: ReviewTask, by: User, kind: str = "approve") -> None:
    """As the ledger has it when somebody decided."""
    ReviewTask.objects.move(task.pk, expect="open", to="decided")
    decision = Decision.objects.create(
        task=task, reviewer=by, kind=kind, value=None, digest=task.digest, via="page"
    )
    Delivery.objects.create(decision=decision, task=task, state="consumed")


# -- the words --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("", []),
        ("late parcel", [Term("", "late"), Term("", "parcel")]),
        ('"late parcel"', [Term("", "late parcel")]),
        ("-lamp", [Term("", "lamp", is_negated=True)]),
        ("IS:Unread", [Term("is", "unread")]),
        ('-queue:"Billing refunds"', [Term("queue", "Billing refunds", is_negated=True)]),
        ('"is:open"', [Term("", "is:open")]),
        ("age:>2d", [Term("age", ">2d")]),
        ('node:"never closed', [Term("node", "never closed")]),
    ],
)
def test_what_is_typed_is_read_and_can_be_written_again(typed: str, terms: list[Term]) -> None:
    assert parse(typed) == (terms, [])
    assert parse(written(terms)) == (terms, [])


@pytest.mark.parametrize(
    "typed",
    ["due:<1h", "is:", "is:nice", "age:2d", "age:>2y", "thread:xyz", "http://x", "!!!", "-", '""'],
)
def test_what_means_nothing_is_named_with_its_reason_and_finds_nothing(
    typed: str, rosa: User, shown: Shown
) -> None:
    shown("A question?")

    _terms, problems = parse(typed)

    assert [bool(problem.reason) for problem in problems] == [True]
    assert found(rosa, typed) == set()
    assert found(rosa, f"question {typed}") == set()  # never more than was asked for


# -- what it finds ------------------------------------------------------------------------------


def test_each_filter_finds_its_tasks_and_its_negation_the_others(
    rosa: User, queue: Group, shown: Shown
) -> None:
    olga = make_user("olga", queue)
    lamp = shown("Lamp broken?", node="publish", agent="desk", tools=["issue_refund"])
    old = shown("Vase lost?", created_at=now() - timedelta(days=3), high_risk=True)
    stop = shown({}, is_breakpoint=True, position="before", node="act")
    services.claim_task(task=lamp, reviewer=rosa)
    services.claim_task(task=old, reviewer=olga)
    services.mark_read(task=stop, person=rosa)
    services.watch_tasks(tasks=[old], person=rosa)
    services.save_draft(task=lamp, reviewer=rosa, form={"text": ["half"]}, edition=lamp.edition)
    every = {lamp.title, old.title, stop.title}
    expected = {
        "lamp": {lamp.title},
        "lam bro": {lamp.title},
        '"lamp broken"': {lamp.title},
        '"broken lamp"': set(),
        "desk": {lamp.title},
        "is:mine": {lamp.title},
        "is:unclaimed": {stop.title},
        "is:unread": {lamp.title, old.title},
        "is:watched": {old.title},
        "is:breakpoint": {stop.title},
        "risk:high": {old.title},
        "has:draft": {lamp.title},
        "assistant:desk": {lamp.title},
        "node:publish": {lamp.title},
        "node:publish node:act": {lamp.title, stop.title},
        "tool:issue_refund": {lamp.title},
        f'queue:"{queue.name}"': every,
        "queue:elsewhere": set(),
        "by:me": {lamp.title},
        f"by:{olga.username}": {old.title},
        "age:>2d": {old.title},
        "age:<2d": {lamp.title, stop.title},
        f"thread:{lamp.thread_id}": {lamp.title},
        f"thread:{str(lamp.thread_id)[-6:]}": {lamp.title},
    }

    assert {q: found(rosa, q) for q in expected} == expected
    for q in set(expected) - {"lam bro", "node:publish node:act"}:
        assert found(rosa, f"-{q}") == every - expected[q], q


def test_words_begin_where_punctuation_ends(rosa: User, shown: Shown) -> None:
    task = shown("Refund A-1042 by issue_refund for müller@example.com #48213 (für später)?")
    for word in ("1042", "refund", "issue", "Müller", "example", "48213", "spät", "a-1042"):
        assert found(rosa, word) == {task.title}, word
    assert found(rosa, "ünd") == set()


def test_what_became_of_tasks_is_found_by_who_what_and_when(
    rosa: User, queue: Group, shown: Shown
) -> None:
    olga = make_user("olga", queue)
    mine, theirs, gone = shown("Mine?"), shown("Theirs?"), shown("Gone?")
    decided(mine, rosa, "reject"), decided(theirs, olga)
    ReviewTask.objects.move(gone.pk, expect="open", to="superseded")
    ReviewTask.objects.filter(pk=theirs.pk).update(closed_at=now() - timedelta(days=2))

    assert found(rosa, "", "decided") == {"Mine?", "Theirs?", "Gone?"}
    assert found(rosa, "by:me", "decided") == {"Mine?"}
    assert found(rosa, "verdict:reject", "decided") == {"Mine?"}
    assert found(rosa, "closed:<1d", "decided") == {"Mine?", "Gone?"}
    assert found(rosa, "is:replaced", "decided") == {"Gone?"}
    assert found(rosa, "is:decided") == found(rosa, "", "decided")
    assert found(rosa, "is:failed") == set()


def test_filters_never_open_the_queues_of_others(omar: User, shown: Shown) -> None:
    task = shown("Secret?", agent="support", tools=["issue_refund"])
    for q in ("secret", f"thread:{task.thread_id}", "is:unread", "-is:mine", "assistant:support"):
        assert found(omar, q) == set()
    offered = [s.text for key in ("assistant:", "tool:", "queue:") for s in suggestions(key, omar)]
    assert not [text for text in offered if "support" in text or "refund" in text]
    assert task.queue.name not in " ".join(offered)


# -- orders and pages ---------------------------------------------------------------------------


@pytest.mark.parametrize("sort", sorted(SORTS))
def test_pages_of_every_order_neither_repeat_nor_skip_nor_disorder(
    sort: str, rosa: User, shown: Shown
) -> None:
    start = now()
    for number in range(PAGE + 12):
        shown(
            f"Question {number}?",
            agent=f"agent {number % 3}",
            high_risk=number % 7 == 0,
            created_at=start - timedelta(minutes=number // 2),  # pairs of the same moment
            closed_at=start - timedelta(seconds=number % 5),
        )
    query = Query(sort=sort)
    every = [task.pk for task in query.tasks(rosa)]

    first = inbox_page(rosa, query)
    following = Query.of(QueryDict(first.next_url.partition("?")[2]))
    second = inbox_page(rosa, following)

    pages = [task.pk for page in (first, second) for group in page.groups for task in group.tasks]
    assert pages == every
    assert len(every) == PAGE + 12
    assert second.next_url == ""
    assert inbox_page(rosa, query, rows=PAGE + 12).next_url == ""
    assert second.groups[0].is_continued == (first.groups[-1].label == second.groups[0].label)
    middle = ReviewTask.objects.get(pk=every[PAGE])
    assert neighbours(rosa, query, middle) == (every[PAGE - 1], every[PAGE + 1])


def test_a_place_of_another_order_or_made_up_is_the_first_page(rosa: User, shown: Shown) -> None:
    task = shown("A question?")
    for after in ("forged", SORTS["age"].cursor(task)):
        (group,) = inbox_page(rosa, Query(after=after)).groups
        assert group.tasks == [task]


def test_the_next_task_follows_the_order_of_the_list(rosa: User, shown: Shown) -> None:
    oldest, middle, newest = (
        shown(f"{name}?", created_at=now() - timedelta(hours=hours))
        for name, hours in (("Oldest", 3), ("Middle", 2), ("Newest", 1))
    )
    assert next_to_decide(rosa, Query(), middle) == oldest
    assert next_to_decide(rosa, Query(sort="age"), middle) == newest
    assert next_to_decide(rosa, Query(sort="age"), newest) == oldest
    assert next_to_decide(rosa, Query("decided"), middle) == oldest


# -- marks --------------------------------------------------------------------------------------


def test_a_snoozed_task_is_hidden_from_one_person_until_its_time_or_a_change(
    rosa: User, queue: Group, shown: Shown
) -> None:
    olga, task = make_user("olga", queue), shown("Later?")

    services.snooze_tasks(tasks=[task], person=rosa, until=now() + timedelta(hours=1))
    assert (found(rosa, ""), found(rosa, "", "snoozed")) == (set(), {"Later?"})
    assert found(rosa, "is:snoozed") == {"Later?"}
    assert found(olga, "") == {"Later?"}
    assert counts(rosa).open == "0"

    services.snooze_tasks(tasks=[task], person=rosa, until=now() - timedelta(seconds=1))
    assert found(rosa, "") == {"Later?"}

    services.snooze_tasks(tasks=[task], person=rosa, until=now() + timedelta(hours=1))
    ReviewTask.objects.move(task.pk, expect="open", to="failed")  # it moves on
    ReviewTask.objects.move(task.pk, expect="failed", to="open")
    assert found(rosa, "") == {"Later?"}


def test_a_task_that_was_read_is_unread_again_when_it_changes(rosa: User, shown: Shown) -> None:
    task = shown("Read me?")
    services.mark_read(task=task, person=rosa)
    assert found(rosa, "is:unread") == set()
    ReviewTask.objects.move(task.pk, expect="open", to="failed")
    ReviewTask.objects.move(task.pk, expect="failed", to="open")
    assert found(rosa, "is:unread") == {"Read me?"}


# -- what the box offers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("lamp", []),
        ("lamp is:unr", ["is:unread "]),
        ("-is:unc", ["-is:unclaimed "]),
        ("verd", ["verdict:"]),
        ("node:pub", ["node:publish "]),
        ('node:"two w', ['node:"two words" ']),
        ("tool:", ["tool:issue_refund "]),
        ("by:m", ["by:me "]),
        ("age:>1", ["age:>1d ", "age:>1w "]),
        ("nothing:", []),
    ],
)
def test_the_box_offers_how_a_filter_goes_on(
    typed: str, offered: list[str], rosa: User, shown: Shown
) -> None:
    shown("One?", node="publish", tools=["issue_refund"]), shown("Two?", node="two words")
    assert [suggestion.text for suggestion in suggestions(typed, rosa)] == offered


def test_an_address_says_the_whole_list_and_junk_in_it_means_the_first_page() -> None:
    query = Query(view="decided", q='by:me "late parcel"', sort="closed", saved=7)
    assert Query.of(QueryDict(query.url.partition("?")[2])) == query
    junk: dict[str, Any] = {"view": "x", "sort": "x", "saved": "9" * 40, "after": "", "q": "\0  a"}
    data = QueryDict(mutable=True)
    data.update(junk)
    assert Query.of(data) == Query(q="a")
    assert re.fullmatch(r"/inbox/\?view=open&q=is%3Afailed", Query.of(QueryDict("view=failed")).url)
