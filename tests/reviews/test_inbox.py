"""The pages over HTTP: who sees what, what a decision shows and sends, and who was faster."""

from __future__ import annotations

import gzip
import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from reviews import services
from reviews.models import AuditEntry, Decision, Delivery, ReviewTask, SavedView
from tests.conftest import make_user
from tests.reviews.pages import BATCH, HTMX, browser_of, url, words

STATIC = Path(__file__).resolve().parents[2] / "static"
Ask = Callable[..., ReviewTask]


@pytest.fixture
def rosa(queue: Group) -> User:
    """Reviews this test's queue and no other: what others left open is not on her list."""
    return make_user("rosa", queue)


@pytest.fixture
def asked(waiting: Ask) -> Ask:
    """A task that a paused run waits for."""

    def ask(text: str = "original text") -> ReviewTask:
        return waiting("human_in_the_loop", some_text=text)

    return ask


# -- who sees what -------------------------------------------------------------------------------


def test_a_reviewer_sees_the_tasks_of_their_queues_only(
    rosa: User, omar: User, ada: User, shown: Ask
) -> None:
    task = shown("May it go out?")
    row = f'id="row-{task.pk}"'

    assert row in words(browser_of(rosa).get("/inbox/"))
    assert row in words(browser_of(ada).get("/inbox/"))
    assert row not in words(browser_of(omar).get("/inbox/"))
    for page in (url("task", task), f"/inbox/?task={task.pk}"):
        assert browser_of(omar).get(page).status_code == 404
    assert browser_of(omar).post(url("decide", task), {"text": "yes"}).status_code == 404
    assert browser_of(omar).post(url("claim", task)).status_code == 404


def test_only_people_who_signed_in_get_a_page(shown: Ask) -> None:
    task = shown("May it go out?")

    page = Client().get(url("task", task))
    assert (page.status_code, page["Location"]) == (302, f"/login/?next=/tasks/{task.pk}/")
    fragment = Client().get("/inbox/", headers={**HTMX, "HX-Target": "list"})
    assert fragment["HX-Redirect"].startswith("/login/")
    assert b"<form" not in fragment.content


def test_links_to_the_admin_and_the_api_are_for_staff(rosa: User, ada: User) -> None:
    assert 'href="/admin/"' in words(browser_of(ada).get("/inbox/"))
    assert 'href="/admin/"' not in words(browser_of(rosa).get("/inbox/"))


# -- the list ------------------------------------------------------------------------------------


def test_the_list_alone_is_a_fragment_with_the_counts_of_the_same_query(
    rosa: User, shown: Ask
) -> None:
    shown("One?"), shown("Two?")
    client = browser_of(rosa)

    fragment = client.get("/inbox/", headers={**HTMX, "HX-Target": "list"})

    assert "<html" not in words(fragment)
    assert 'id="count-open" hx-swap-oob="true">2<' in words(fragment)
    assert "HX-Request" in fragment["Vary"]
    assert "no-store" in fragment["Cache-Control"]
    assert "<html" in words(client.get("/inbox/"))


def test_pages_of_the_list_neither_repeat_nor_skip(rosa: User, shown: Ask) -> None:
    tasks = {shown(f"Question {n}?").pk for n in range(55)}
    client = browser_of(rosa)

    first = words(client.get("/inbox/"))
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following
    shown("A newer one that must not push a row to the next page")
    second = words(client.get(following[1]))

    rows = [{int(pk) for pk in re.findall(r'id="row-(\d+)"', page)} for page in (first, second)]
    assert [len(page) for page in rows] == [50, 5]
    assert rows[0] | rows[1] == tasks


def test_views_and_search_narrow_the_list(rosa: User, queue: Group, shown: Ask) -> None:
    mine, other, done = shown("Lamp broken?"), shown("Lamp lost?"), shown("Chair?")
    services.claim_task(task=mine, reviewer=rosa)
    services.claim_task(task=other, reviewer=make_user("olga", queue))
    ReviewTask.objects.move(done.pk, expect="open", to="cancelled")
    client = browser_of(rosa)

    def rows(query: str) -> set[int]:
        return {int(pk) for pk in re.findall(r'id="row-(\d+)"', words(client.get(query)))}

    assert rows("/inbox/") == {mine.pk, other.pk}
    assert rows("/inbox/?view=mine") == {mine.pk}
    assert rows("/inbox/?view=unclaimed") == set()
    assert rows("/inbox/?view=decided") == {done.pk}
    assert rows("/inbox/?q=lamp+lost") == {other.pk}
    assert "Nothing found" in words(client.get("/inbox/?q=sofa"))


def test_pills_and_menus_write_the_query_and_keep_what_was_typed(rosa: User, shown: Ask) -> None:
    task, other = shown("Lamp broken?"), shown("Lamp lost?", high_risk=True)
    services.claim_task(task=task, reviewer=rosa)

    page = words(browser_of(rosa).get("/inbox/?q=lamp"))

    pills = dict(re.findall(r'id="pill-(\w+)" href="([^"]+)"', page))
    assert list(pills) == ["open", "unclaimed", "high", "mine"]
    assert parse_qs(pills["unclaimed"].partition("?")[2])["q"] == ["is:unclaimed lamp"]
    assert re.findall(r'class="num">(\d+)</b>', page) == ["2", "1", "1", "1"]
    client = browser_of(rosa)
    assert f'id="row-{other.pk}"' in words(client.get(pills["high"]))
    assert f'id="row-{task.pk}"' not in words(client.get(pills["high"]))
    narrowed = words(client.get(pills["mine"]))
    assert parse_qs(re.findall(r'id="pill-open" href="([^"]+)"', narrowed)[0])["q"] == ["lamp"]


def test_what_cannot_be_understood_is_said_under_the_box(rosa: User, shown: Ask) -> None:
    task = shown("A question?")

    page = words(browser_of(rosa).get("/inbox/?q=question+due:<1h"))

    assert "due:<1h" in page
    assert "There is no such filter." in page
    assert f'id="row-{task.pk}"' not in page


def test_a_task_is_unread_until_it_is_opened_and_can_be_so_again(rosa: User, shown: Ask) -> None:
    task, client = shown("Read me?"), browser_of(rosa)
    unread = f'class="row unread" href="/inbox/?view=open&task={task.pk}"'

    assert unread in words(client.get("/inbox/"))
    client.get(f"/inbox/?task={task.pk}", headers={**HTMX, "HX-Target": "task"})
    assert unread not in words(client.get("/inbox/"))
    marked = client.post(url("unread", task), headers=HTMX)

    assert json.loads(marked["HX-Trigger"]) == {"marked": {}}
    assert unread in words(client.get("/inbox/"))


def test_watching_and_snoozing_work_as_plain_forms(rosa: User, shown: Ask) -> None:
    task, client = shown("Later?"), browser_of(rosa)
    row = f'id="row-{task.pk}"'

    client.post(url("watch", task))
    back = client.post(url("snooze", task), {"until": "tomorrow", "next": "/inbox/?view=snoozed"})

    assert back["Location"] == "/inbox/?view=snoozed"
    assert row in words(client.get("/inbox/?view=watching"))
    assert row in words(client.get("/inbox/?view=snoozed"))
    assert row not in words(client.get("/inbox/"))
    client.post(url("snooze", task), {"until": "now"})
    client.post(url("watch", task), {"watch": "off"})
    assert row in words(client.get("/inbox/"))
    assert row not in words(client.get("/inbox/?view=watching"))
    assert client.post(url("snooze", task), {"until": "never"}).status_code == 400
    away = client.post(url("watch", task), {"next": "https://evil.example/"})
    assert away["Location"] == url("task", task)


def test_a_list_is_saved_shared_changed_and_deleted_with_an_entry_each(
    rosa: User, omar: User, queue: Group, shown: Ask
) -> None:
    shown("Lamp broken?"), shown("Vase lost?")
    client, olga = browser_of(rosa), make_user("olga", queue)
    form = {"name": "Lamps", "view": "open", "q": "lamp", "audience": f"queue:{queue.pk}"}

    made = client.post("/views/", form)

    saved = SavedView.objects.get(owner=rosa)
    assert made["Location"] == f"/inbox/?view=open&q=lamp&saved={saved.pk}"
    theirs = words(browser_of(olga).get("/inbox/"))
    assert re.search(rf'href="/views/{saved.pk}/".*?Lamps.*?id="count-saved-{saved.pk}">1<', theirs)
    assert browser_of(olga).get(f"/views/{saved.pk}/")["Location"] == made["Location"]
    assert "Lamps" not in words(browser_of(omar).get("/inbox/"))
    assert browser_of(omar).get(f"/views/{saved.pk}/").status_code == 404
    assert browser_of(olga).post(f"/views/{saved.pk}/delete/").status_code == 403

    changed = {**form, "name": "Vases", "q": "vase", "audience": "private"}
    client.post(f"/views/{saved.pk}/change/", changed)
    assert browser_of(olga).get(f"/views/{saved.pk}/").status_code == 404
    client.post(f"/views/{saved.pk}/delete/")
    assert not SavedView.objects.filter(owner=rosa).exists()
    entries = AuditEntry.objects.filter(object=f"view:{saved.pk}").order_by("pk")
    assert [entry.action for entry in entries] == ["view.saved", "view.changed", "view.deleted"]


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "x" * 61}, {"audience": "everyone"}])
def test_a_list_without_a_name_or_for_people_one_may_not_reach_is_not_saved(
    wrong: dict[str, str], rosa: User
) -> None:
    form = {"name": "Mine", "view": "open", "q": "lamp", "audience": "private", **wrong}

    refused = browser_of(rosa).post("/views/", form)

    assert refused.status_code == 422
    assert "A list needs a name" in words(refused)
    assert not SavedView.objects.filter(owner=rosa).exists()


def test_the_decided_list_says_who_did_what_last_first(rosa: User, asked: Ask) -> None:
    first, second = asked(), asked("another text")
    for task in (second, first):
        browser_of(rosa).post(url("decide", task), {"text": "better"}, headers=HTMX)

    page = words(browser_of(rosa).get("/inbox/?view=decided&q=by:me"))

    assert re.findall(r'id="row-(\d+)"', page) == [str(first.pk), str(second.pk)]
    assert page.count('<span class="word">edited</span>') == 2
    assert page.count("by Rosa") == 2


# -- deciding ------------------------------------------------------------------------------------


def test_the_page_shows_exactly_what_the_graph_then_receives(rosa: User, asked: Ask) -> None:
    task, text = asked(), 'a "better" text\nin two lines – ü'
    client = browser_of(rosa)

    preview = client.post(url("preview", task), {"text": text}, headers=HTMX)
    sent = client.post(url("decide", task), {"text": text.replace("\n", "\r\n")}, headers=HTMX)

    decision = Decision.objects.get(task=task)
    assert (decision.kind, decision.value, decision.via) == ("edit", text, "page")
    assert json.dumps(text, ensure_ascii=False) in words(preview)
    assert json.loads(sent["HX-Location"])["target"] == "#page"


def test_the_decision_works_as_a_plain_form(rosa: User, asked: Ask) -> None:
    task = asked()

    page = browser_of(rosa).post(url("decide", task), {"text": "original text"}, follow=True)

    assert "Sent. The run goes on." in words(page)
    assert Decision.objects.get(task=task).kind == "approve"


def test_the_same_form_sent_twice_is_one_decision(rosa: User, asked: Ask) -> None:
    task, client = asked(), browser_of(rosa)
    form = {"text": "better", "idempotency_key": str(uuid.uuid4())}

    first, second = (client.post(url("decide", task), form, headers=HTMX) for _ in range(2))

    assert first.status_code == second.status_code == 200
    assert Decision.objects.filter(task=task).count() == 1


def test_who_comes_second_is_told_and_keeps_their_words(
    rosa: User, queue: Group, asked: Ask
) -> None:
    task, olga = asked(), make_user("olga", queue)
    browser_of(rosa).post(url("decide", task), {"text": "what Rosa wrote"}, headers=HTMX)

    late = browser_of(olga).post(url("decide", task), {"text": "what Olga wrote"}, headers=HTMX)

    assert late.status_code == 409
    assert "Rosa decided this: edited." in words(late)
    assert "Your unsent draft" in words(late)
    assert "what Olga wrote" in words(late)
    assert 'name="idempotency_key"' not in words(late)
    assert Decision.objects.get(task=task).value == "what Rosa wrote"


def test_a_form_under_edit_learns_from_its_preview_that_it_is_too_late(
    rosa: User, queue: Group, asked: Ask
) -> None:
    task, olga = asked(), make_user("olga", queue)
    browser_of(rosa).post(url("decide", task), {"text": "better"}, headers=HTMX)

    late = browser_of(olga).post(url("preview", task), {"text": "half a thou"}, headers=HTMX)

    assert (late.status_code, late["HX-Retarget"]) == (409, "#task")
    assert "half a thou" in words(late)


def test_nobody_sends_past_the_claim_of_another(rosa: User, queue: Group, asked: Ask) -> None:
    task, olga = asked(), make_user("olga", queue)
    assert browser_of(rosa).post(url("claim", task), headers=HTMX).status_code == 200

    refused = browser_of(olga).post(url("decide", task), {"text": "mine"}, headers=HTMX)
    assert refused.status_code == 409
    assert "Rosa claimed this task while you were editing." in words(refused)
    assert ">\nmine</textarea>" in words(refused)
    assert not Decision.objects.filter(task=task).exists()

    browser_of(rosa).post(url("release", task), headers=HTMX)
    sent = browser_of(olga).post(url("decide", task), {"text": "mine"}, headers=HTMX)
    assert sent.status_code == 200


def test_claiming_keeps_what_was_typed(rosa: User, asked: Ask) -> None:
    claimed = browser_of(rosa).post(url("claim", asked()), {"text": "half a tho"}, headers=HTMX)

    assert "Claimed by you" in words(claimed)
    assert ">\nhalf a tho</textarea>" in words(claimed)


def test_a_refused_form_comes_back_as_it_was_with_the_way_to_each_fault(
    rosa: User, shown: Ask
) -> None:
    task = shown(BATCH)
    form = {
        "action-0-kind": "edit",
        "action-0-field:/order": "48213",
        "action-0-field:/amount": "many",
        "comment": "note to self",
    }

    refused = browser_of(rosa).post(url("decide", task), form, headers=HTMX)

    page = words(refused)
    assert refused.status_code == 422
    assert not Decision.objects.filter(task=task).exists()
    assert "note to self" in page
    assert 'value="many"' in page
    anchors = re.findall(r'<a href="#(f-[0-9a-f]+)">', page)
    assert len(anchors) == 2  # the amount, and the second action without a decision
    assert all(f'id="{anchor}"' in page for anchor in anchors)


def test_an_action_shows_only_the_decisions_it_takes(rosa: User, shown: Ask) -> None:
    only = {**BATCH, "review_configs": [{"action_name": "issue_refund"}] * 2}
    only["review_configs"] = [
        {"action_name": "issue_refund", "allowed_decisions": ["approve", "reject"]},
        {"action_name": "send_email", "allowed_decisions": ["approve"]},
    ]

    page = words(browser_of(rosa).get(url("task", shown(only))))

    choices = re.findall(r'name="action-(\d)-kind" value="(\w+)"', page)
    assert choices == [("0", "approve"), ("0", "reject"), ("1", "approve")]
    assert 'data-all="approve"' in page
    assert 'data-all="reject"' not in page


def test_a_breakpoint_shows_its_state_and_offers_to_go_on_or_stop(rosa: User, shown: Ask) -> None:
    state = {"messages": [{"type": "human", "content": "Write about light."}], "score": 0.5}
    task = shown(state, is_breakpoint=True, position="before", node="publish")

    page = words(browser_of(rosa).get(url("task", task)))

    assert "Paused before" in page
    assert "Write about light." in page
    assert re.findall(r'name="kind" value="(\w+)"', page) == ["skip", "stop", "continue"]


@pytest.mark.parametrize(
    "value",
    [
        "Which one?",
        {"text_to_revise": "Hi"},
        {"question": "Which?", "options": ["a", "b"]},
        {"question": "Ship?"},
        {"amount": 12, "booked": False, "lines": ["a"]},
        BATCH,
        {"type": "tool_approval", "name": "purge", "args": {}},
        42,
        None,
        [[]] * 100,
        {"": {"deep": [[[[[[[[[[1]]]]]]]]]]}},
    ],
)
def test_every_shape_has_a_page(rosa: User, shown: Ask, value: Any) -> None:
    page = browser_of(rosa).get(url("task", shown(value)))

    assert page.status_code == 200
    assert "What the graph will receive" in words(page)


def test_an_answer_the_graph_gave_back_is_told(rosa: User, shown: Ask) -> None:
    task = shown({"text_to_revise": "Hi"})
    given_back = Decision.objects.create(
        task=task, reviewer=rosa, kind="edit", value="Ho", digest=task.digest, via="page"
    )
    Delivery.objects.create(decision=given_back, task=task, state="refused")

    page = words(browser_of(rosa).get(url("task", task)))

    assert "The graph did not accept the last answer." in page
    assert "Rosa: edited" in page
    assert 'name="text"' in page


# -- the rest ------------------------------------------------------------------------------------


def test_the_theme_is_right_from_the_first_byte(rosa: User) -> None:
    client = browser_of(rosa)
    assert "data-theme" not in words(client.get("/inbox/"))

    back = client.post("/theme/", {"theme": "dark", "next": "https://evil.example/"})

    assert back["Location"] == "/inbox/"
    assert '<html lang="en" data-theme="dark">' in words(client.get("/inbox/"))


def loaded(page: str) -> dict[str, set[Path]]:
    """The styles and scripts a page names, with what these import."""
    styles = {
        STATIC / path for path in re.findall(r'<link rel="stylesheet" href="/static/([^"]+)', page)
    }
    scripts = {STATIC / path for path in re.findall(r'<script [^>]*src="/static/([^"]+)', page)}
    for script in list(scripts):
        imported = re.findall(r'^import .* from "(\.[^"]+)"', script.read_text(), re.M)
        scripts |= {(script.parent / path).resolve() for path in imported}
    return {"css": styles, "js": scripts}


def packed(files: set[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)


def test_what_a_browser_loads_stays_within_its_budget(rosa: User, shown: Ask) -> None:
    tasks = [shown(f"Question {number} about a parcel that is late?") for number in range(50)]
    client = browser_of(rosa)
    inbox = client.get(f"/inbox/?task={tasks[0].pk}")
    here, elsewhere = loaded(words(inbox)), loaded(words(client.get("/me/")))
    walk = client.get("/walk/", follow=True)

    assert len(re.findall(r'id="row-\d+"', words(inbox))) == 50
    assert len(gzip.compress(inbox.content)) <= 20_000
    assert 0 < packed(here["js"] & elsewhere["js"]) <= 36_000  # every page
    assert 0 < packed(here["js"]) <= 42_000  # the list, a task, and what is typed into it
    for page in (inbox, walk, client.get(f"/tasks/{tasks[0].pk}/")):
        assert 0 < packed(loaded(words(page))["css"]) <= 14 * 1024
