"""Nothing typed is lost: drafts by person and task, on every page, until they are sent."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from reviews import services
from reviews.models import AuditEntry, Draft, ReviewTask
from tests.conftest import make_user
from tests.reviews.pages import BATCH, HTMX, browser_of, url, words

Shown = Callable[..., ReviewTask]
PAGE = {"by": "page"}


@pytest.fixture
def olga(queue: Group) -> User:
    return make_user("olga", queue)


def box(text: str) -> str:
    return f">\n{text}</textarea>"


def test_a_draft_is_in_the_form_of_its_author_on_every_device_and_of_nobody_else(
    shown: Shown, rosa: User, olga: User
) -> None:
    task = shown({"text_to_revise": "It is late."})
    typed = {"text": "It is late. So", "comment": "ask Marta", "seen": task.edition}

    saved = browser_of(rosa).post(url("save_draft", task), typed | PAGE)

    assert (saved.status_code, saved.content) == (204, b"")
    hers = words(browser_of(rosa).get(url("task", task)))
    assert box("It is late. So") in hers
    assert box("ask Marta") in hers
    assert "Draft saved" in hers
    assert "The request changed" not in hers
    assert "It is late. So" not in words(browser_of(olga).get(url("task", task)))
    assert "It is late. So" in words(
        browser_of(rosa).get(f"/inbox/?task={task.pk}", headers=HTMX | {"HX-Target": "task"})
    )
    assert not AuditEntry.objects.filter(object=f"task:{task.pk}").exists()


def test_without_javascript_a_button_saves_and_the_form_is_as_it_was(
    shown: Shown, rosa: User
) -> None:
    task = shown("Go on?")
    client = browser_of(rosa)

    saved = client.post(url("save_draft", task), {"text": "half a thou"})

    assert saved.status_code == 200
    assert "<noscript><button" in words(saved)
    assert "Draft saved." in words(saved)
    assert box("half a thou") in words(saved)
    dropped = client.post(url("discard_draft", task), {"text": "half a thou"})
    assert box("half a thou") not in words(dropped)
    assert not Draft.objects.filter(task=task).exists()


def test_a_draft_holds_what_was_typed_and_nothing_else(shown: Shown, rosa: User) -> None:
    task = shown(BATCH)
    typed = {
        "action-0-kind": "edit",
        "field:/0/order": "48213",
        "action-1-kind": "reject",
        "action-1-message": "nul \0, bidi \u202e and <script>",
    }
    meant = {"seen": task.edition, "holder": "1", "confirmed": "on", "idempotency_key": "k"}

    browser_of(rosa).post(url("save_draft", task), typed | meant | {"view": "open", "q": "x"})

    draft = Draft.objects.get(task=task)
    assert draft.form == {name: [text] for name, text in typed.items()}
    assert draft.edition == task.edition
    page = words(browser_of(rosa).get(url("task", task)))
    assert "2 of 2 decided" in page
    assert "<script>" not in browser_of(rosa).get(url("task", task)).content.decode()


def test_a_draft_for_another_edition_says_so(shown: Shown, rosa: User) -> None:
    task = shown("Go on?")
    browser_of(rosa).post(url("save_draft", task), {"text": "yes", "seen": task.edition} | PAGE)
    ReviewTask.objects.filter(pk=task.pk).update(digest="1" * 64)

    page = words(browser_of(rosa).get(url("task", task)))

    assert "The request changed, look again." in page
    assert box("yes") in page


@pytest.mark.parametrize("seen", ["\0", "x" * 101])
def test_a_made_up_edition_loses_no_draft(shown: Shown, rosa: User, seen: str) -> None:
    task = shown("Go on?")

    browser_of(rosa).post(url("save_draft", task), {"text": "yes", "seen": seen} | PAGE)

    assert Draft.objects.get(task=task).form == {"text": ["yes"]}


def test_a_draft_without_end_is_refused_and_the_form_kept(shown: Shown, rosa: User) -> None:
    task, endless = shown("Go on?"), "x" * (2 * 2**20 + 1)

    by_page = browser_of(rosa).post(url("save_draft", task), {"text": endless} | PAGE)
    by_hand = browser_of(rosa).post(url("save_draft", task), {"text": endless})

    assert (by_page.status_code, by_hand.status_code) == (413, 413)
    assert endless in words(by_hand)
    assert not Draft.objects.filter(task=task).exists()


def test_sending_is_the_end_of_a_draft_and_a_late_save_does_not_bring_it_back(
    waiting: Callable[..., ReviewTask], rosa: User, olga: User
) -> None:
    task = waiting()
    typed = {"text": "yes", "mode": "text"}
    for person in (rosa, olga):
        browser_of(person).post(url("save_draft", task), typed | PAGE)

    sent = browser_of(rosa).post(url("decide", task), typed, headers=HTMX)
    late = browser_of(rosa).post(url("save_draft", task), typed | PAGE)

    assert (sent.status_code, late.status_code) == (200, 204)
    assert [draft.reviewer for draft in Draft.objects.filter(task=task)] == [olga]


def test_a_save_that_meets_the_decision_waits_for_it(
    waiting: Callable[..., ReviewTask], rosa: User
) -> None:
    task = waiting()

    def save() -> Draft | None:
        try:
            return services.save_draft(task=task, reviewer=rosa, form={"text": ["a"]}, edition="")
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            verdict = {"kind": "respond", "value": "yes"}
            services.decide(task=task, reviewer=rosa, verdict=verdict)
            saved = pool.submit(save)
        assert saved.result(timeout=10) is None
    assert not Draft.objects.filter(task=task).exists()


def test_what_was_typed_before_somebody_else_decided_is_beside_the_decision(
    waiting: Callable[..., ReviewTask], rosa: User, olga: User
) -> None:
    task = waiting()
    browser_of(olga).post(url("save_draft", task), {"text": "mine, half", "mode": "text"} | PAGE)
    browser_of(rosa).post(url("decide", task), {"text": "yes", "mode": "text"}, headers=HTMX)
    browser_of(olga).post(url("save_draft", task), {"text": "mine, whole", "mode": "text"} | PAGE)

    page = words(browser_of(olga).get(url("task", task)))

    assert "Rosa decided this: answered." in page
    assert "mine, whole" in page.split("Your unsent draft")[1].split("</pre>")[0]


def test_a_draft_is_given_to_the_holder_who_can_put_it_into_the_form(
    shown: Shown, rosa: User, olga: User
) -> None:
    task = services.claim_task(task=shown("Go on?"), reviewer=olga)
    browser_of(olga).post(url("save_draft", task), {"text": "what Olga has"} | PAGE)

    given = browser_of(rosa).post(url("give_draft", task), {"text": "what Rosa has"}, headers=HTMX)

    assert given.status_code == 200
    assert box("what Rosa has") in words(given)
    entry = AuditEntry.objects.get(object=f"task:{task.pk}", action="draft.given")
    assert (entry.actor, entry.details) == (rosa, {"to": olga.username})
    page = words(browser_of(olga).get(url("task", task)))
    assert box("what Olga has") in page
    assert "A draft from Rosa" in page
    draft = Draft.objects.aside().get(task=task)
    take = f"/tasks/{task.pk}/draft/{draft.pk}/take/"
    taken = words(browser_of(olga).post(take, {"text": "what Olga has now"}, headers=HTMX))
    assert box("what Rosa has") in taken
    assert "what Olga has now" in taken.split("Your own text from before")[1].split("</pre>")[0]

    before = Draft.objects.aside().get(task=task)
    back = f"/tasks/{task.pk}/draft/{before.pk}/take/"
    again = words(browser_of(olga).post(back, {"text": "what Rosa has, better"}, headers=HTMX))
    assert box("what Olga has now") in again
    assert "what Rosa has, better" in again
    assert Draft.objects.own().of(rosa).get(task=task).form == {"text": ["what Rosa has"]}


def test_a_form_that_nobody_touched_is_not_laid_aside(shown: Shown, rosa: User, olga: User) -> None:
    task = services.claim_task(task=shown("Go on?"), reviewer=olga)
    browser_of(rosa).post(url("give_draft", task), {"text": "for Olga"}, headers=HTMX)
    draft = Draft.objects.aside().get(task=task)
    take = f"/tasks/{task.pk}/draft/{draft.pk}/take/"

    browser_of(olga).post(take, {"text": ""}, headers=HTMX)

    assert not Draft.objects.aside().filter(task=task).exists()
    assert Draft.objects.own().of(olga).get(task=task).form == {"text": ["for Olga"]}
    services.give_draft(task=task, author=rosa)
    again = Draft.objects.aside().get(task=task)
    Draft.objects.own().of(olga).delete()
    take = f"/tasks/{task.pk}/draft/{again.pk}/take/"
    browser_of(olga).post(take, {"text": "a moment ago", "typed": "yes"}, headers=HTMX)
    assert Draft.objects.aside().get(task=task).form == {"text": ["a moment ago"]}


def test_a_draft_is_taken_by_nobody_it_was_not_given_to(
    shown: Shown, rosa: User, olga: User, ada: User
) -> None:
    task = services.claim_task(task=shown("Go on?"), reviewer=olga)
    browser_of(rosa).post(url("give_draft", task), {"text": "for Olga"}, headers=HTMX)
    draft = Draft.objects.aside().get(task=task)
    own = Draft.objects.own().get(task=task)

    for pk in (draft.pk, own.pk, 2**31):
        answer = browser_of(ada).post(f"/tasks/{task.pk}/draft/{pk}/take/", {"text": "x"})
        assert answer.status_code == 404
    other = browser_of(olga).post(f"/tasks/{shown('Else?').pk}/draft/{draft.pk}/take/")
    assert other.status_code == 404


def test_there_has_to_be_somebody_to_give_a_draft_to(shown: Shown, rosa: User) -> None:
    task = shown("Go on?")

    answer = browser_of(rosa).post(url("give_draft", task), {"text": "for whom"}, headers=HTMX)

    assert answer.status_code == 409
    assert "Nobody else holds this task." in words(answer)
    assert box("for whom") in words(answer)


def test_who_types_while_somebody_claims_is_told_and_the_send_button_says_so(
    shown: Shown, rosa: User, olga: User
) -> None:
    task = shown("Go on?")
    page = words(browser_of(rosa).get(url("task", task)))
    assert "Send answer" in page
    services.claim_task(task=task, reviewer=olga)

    heard = words(
        browser_of(rosa).post(url("preview", task), {"text": "half", "holder": ""}, headers=HTMX)
    )

    assert "Olga claimed this task while you were editing." in heard
    assert "Your draft is safe." in heard
    assert "Give Olga my draft" in heard
    assert 'id="decide"' in heard
    assert f'name="holder" value="{olga.pk}"' in heard
    assert "Take over and send" in heard
    known = {"text": "half", "holder": str(olga.pk)}
    again = words(browser_of(rosa).post(url("preview", task), known, headers=HTMX))
    assert 'id="decide"' not in again  # a bar that says it already is left alone
