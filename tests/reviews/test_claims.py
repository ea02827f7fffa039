"""Who has a task: taken, renewed, taken over, handed over, and what each of them is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.utils.timezone import now

from reviews import services
from reviews.exceptions import AlreadyDecided, CannotReview, ClaimedByOther
from reviews.models import AuditEntry, Decision, Draft, ReviewTask
from tests.conftest import make_user
from tests.reviews.pages import HTMX, browser_of, url, words

Shown = Callable[..., ReviewTask]


@pytest.fixture
def olga(queue: Group) -> User:
    """Reviews beside Rosa."""
    return make_user("olga", queue)


@pytest.fixture
def held(shown: Shown, olga: User) -> ReviewTask:
    """A task that Olga has claimed."""
    return services.claim_task(task=shown("Go on?"), reviewer=olga)


def entries(task: ReviewTask) -> list[tuple[str, str]]:
    rows = AuditEntry.objects.filter(object=f"task:{task.pk}").order_by("pk")
    return [(row.action, row.actor_name) for row in rows]


def test_a_claim_is_taken_over_from_the_one_who_was_seen_holding_it(
    held: ReviewTask, rosa: User, olga: User
) -> None:
    answer = browser_of(rosa).post(url("take_over", held), {"holder": olga.pk}, headers=HTMX)

    held.refresh_from_db()
    assert (answer.status_code, held.holder) == (200, rosa)
    assert entries(held) == [
        ("task.claimed", olga.username),
        ("task.taken_over", rosa.username),
    ]
    assert AuditEntry.objects.get(object=f"task:{held.pk}", action="task.taken_over").details == {
        "from": olga.username
    }
    theirs = words(browser_of(olga).get(url("task", held)))
    assert "Rosa took this task over from you." in theirs
    assert "Take over and send" in theirs


@pytest.mark.parametrize("holder", ["", "0", "nobody", "9" * 30, "\0"])
def test_nobody_takes_over_from_somebody_they_did_not_see(
    held: ReviewTask, rosa: User, olga: User, holder: str
) -> None:
    answer = browser_of(rosa).post(
        url("take_over", held), {"holder": holder, "text": "half a thou"}, headers=HTMX
    )

    held.refresh_from_db()
    assert (answer.status_code, held.holder) == (409, olga)
    assert ">\nhalf a thou</textarea>" in words(answer)


def test_what_nobody_holds_any_more_is_simply_claimed(
    held: ReviewTask, rosa: User, olga: User
) -> None:
    services.release_task(task=held, reviewer=olga)

    services.take_over_task(task=held, reviewer=rosa, holder_id=olga.pk)

    assert held.holder == rosa
    assert entries(held)[-1] == ("task.claimed", rosa.username)


def test_what_is_closed_is_not_taken_over(held: ReviewTask, rosa: User, olga: User) -> None:
    ReviewTask.objects.move(held.pk, expect="open", to="decided")

    with pytest.raises(AlreadyDecided):
        services.take_over_task(task=held, reviewer=rosa, holder_id=olga.pk)


def test_sending_takes_over_what_the_page_said_it_would(
    waiting: Callable[..., ReviewTask], rosa: User, olga: User
) -> None:
    task = services.claim_task(task=waiting(), reviewer=olga)
    form = {"text": "yes", "mode": "text"}

    refused = browser_of(rosa).post(url("decide", task), form, headers=HTMX)
    assert refused.status_code == 409
    assert not Decision.objects.filter(task=task).exists()
    sent = browser_of(rosa).post(url("decide", task), form | {"holder": olga.pk}, headers=HTMX)

    assert sent.status_code == 200
    assert Decision.objects.get(task=task).reviewer == rosa
    actions = [action for action, _ in entries(task)]
    assert actions.index("task.taken_over") < actions.index("task.decided")


def test_a_running_claim_goes_on_while_its_page_is_open_and_nobody_elses(
    held: ReviewTask, rosa: User, olga: User
) -> None:
    soon = now() + timedelta(minutes=2)
    ReviewTask.objects.filter(pk=held.pk).update(claimed_until=soon)

    browser_of(rosa).post(url("presence", held), {"here": "viewing"})
    held.refresh_from_db()
    assert held.claimed_until == soon
    browser_of(olga).post(url("presence", held), {"here": "gone"})
    held.refresh_from_db()
    assert held.claimed_until == soon
    browser_of(olga).post(url("presence", held), {"here": "editing"})

    held.refresh_from_db()
    assert held.claimed_until is not None
    assert held.claimed_until > now() + timedelta(minutes=14)
    assert entries(held) == [("task.claimed", olga.username)]  # nothing new was done


def test_a_claim_that_ran_out_is_not_renewed_by_a_page_left_open(
    held: ReviewTask, olga: User
) -> None:
    ReviewTask.objects.filter(pk=held.pk).update(claimed_until=now() - timedelta(seconds=1))

    services.renew_claim(task=held, reviewer=olga)

    held.refresh_from_db()
    assert held.holder is None


@pytest.mark.parametrize("here", ["", "dancing", "viewing\0"])
def test_only_known_words_are_passed_on(held: ReviewTask, rosa: User, here: str) -> None:
    assert browser_of(rosa).post(url("presence", held), {"here": here}).status_code == 422


def test_a_claim_is_handed_over_with_the_draft(held: ReviewTask, rosa: User, olga: User) -> None:
    services.save_draft(task=held, reviewer=olga, form={"text": ["half"]}, edition=held.edition)
    page = browser_of(olga).get(url("task", held))
    assert f'value="{rosa.username}"' in words(page)

    browser_of(olga).post(url("hand_over", held), {"to": rosa.username}, headers=HTMX)

    held.refresh_from_db()
    assert held.holder == rosa
    assert entries(held)[-1] == ("task.handed_over", olga.username)
    hers = words(browser_of(rosa).get(url("task", held)))
    assert "A draft from Olga" in hers
    assert Draft.objects.own().get(task=held).reviewer == olga


def test_a_claim_is_handed_to_nobody_who_does_not_review_the_task(
    held: ReviewTask, olga: User, omar: User
) -> None:
    for whom in (omar.username, "nobody", "", "\0"):
        answer = browser_of(olga).post(url("hand_over", held), {"to": whom}, headers=HTMX)
        assert answer.status_code == 404
    with pytest.raises(CannotReview):
        services.hand_over_task(task=held, reviewer=olga, to=omar)
    held.refresh_from_db()
    assert held.holder == olga


def test_nobody_hands_over_the_claim_of_another(held: ReviewTask, rosa: User) -> None:
    with pytest.raises(ClaimedByOther):
        services.hand_over_task(task=held, reviewer=rosa, to=rosa)
