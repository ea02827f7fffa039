"""The list over HTTP: who sees what, how it is narrowed and named, what is noted of a task."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from reviews import services
from reviews.models import AuditEntry, ReviewTask, SavedView
from tests.conftest import make_user
from tests.reviews.pages import HTMX, browser_of, url, words

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


def test_the_theme_is_right_from_the_first_byte(rosa: User) -> None:
    client = browser_of(rosa)
    assert "data-theme" not in words(client.get("/inbox/"))

    back = client.post("/theme/", {"theme": "dark", "next": "https://evil.example/"})

    assert back["Location"] == "/inbox/"
    assert '<html lang="en" data-theme="dark">' in words(client.get("/inbox/"))
