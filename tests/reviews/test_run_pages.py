"""Runs as people see them: found, started from a form, watched, cancelled."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from reviews.models import AuditEntry, ReviewTask
from runs.models import Assistant, Run, Thread
from tests.console import wait_for
from tests.reviews.pages import HTMX, browser_of
from tests.reviews.threads import settled, words

Ask = Callable[..., ReviewTask]


@pytest.fixture
def asked(waiting: Ask) -> ReviewTask:
    """A text to revise that a paused run waits for."""
    return waiting("human_in_the_loop", some_text="It is late.")


def test_runs_are_for_operators(rosa: User, olga: User, finished: Callable[..., Thread]) -> None:
    run = finished("failing").runs.get()
    pages = [reverse("reviews:runs"), reverse("reviews:run", args=[run.pk])]

    assert [browser_of(rosa).get(page).status_code for page in pages] == [403, 403]
    assert [browser_of(olga).get(page).status_code for page in pages] == [200, 200]
    failed = words(browser_of(olga).get(pages[0], {"status": "error", "q": str(run.pk)}))
    assert "ValueError: boom: one" in failed


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
