"""The audit log as it is read: narrowed, verified, exported."""

from __future__ import annotations

import csv
import io
import json
import re
import uuid

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.utils.timezone import now

from reviews import audit_words, verifier
from reviews.models import AuditEntry
from reviews.people import READS_AUDIT, permissions
from reviews.services import audit
from tests.conftest import PASSWORD
from tests.console import Console
from tests.reviews.pages import browser_of, words
from tests.security.people import browser, session_of


def entries_of(object_: str) -> list[str]:
    return list(
        AuditEntry.objects.filter(object=object_).order_by("seq").values_list("action", flat=True)
    )


@pytest.fixture
def marked() -> str:
    """What sixty entries are about, which hold hostile words."""
    mark = f"test:{uuid.uuid4().hex}"
    with transaction.atomic():
        for number in range(60):
            audit.record(
                action="test.noted",
                object=mark,
                details={"n": number, "text": "=1+1\u202e<script>alert(1)</script>\ud800"[:-1]},
            )
    return mark


def test_the_audit_is_narrowed_by_its_address_and_paged(ada: User, marked: str) -> None:
    client = browser_of(ada)
    first = words(client.get("/audit/", {"object": marked}))
    assert first.count('id="entry-') == 50
    assert "Each entry below is as it was written." in first
    (older,) = re.findall(r'href="([^"]+)" rel="next"', first)
    assert words(client.get(older)).count('id="entry-') == 10
    today = now().date().isoformat()
    found = {"object": marked, "action": "test.noted", "since": today, "until": today}
    assert words(client.get("/audit/", found)).count('id="entry-') == 50
    for nothing in ({"action": "task.decided"}, {"until": "2020-01-01"}, {"who": "nobody at all"}):
        page = words(client.get("/audit/", {"object": marked} | nothing))
        assert "Nothing like that was done" in page


def test_the_audit_is_found_by_who_and_by_kind_of_thing(ada: User, rosa: User) -> None:
    browser_of(rosa)
    client = browser_of(ada)
    assert f"user:{rosa.pk}" in words(client.get("/audit/", {"who": rosa.username}))
    page = words(client.get("/audit/", {"object": "user", "who": rosa.username}))
    assert page.count('id="entry-') == 1


@pytest.mark.parametrize(
    "given",
    [
        {"before": "x"}, {"before": "9" * 30}, {"since": "9999-99-99"}, {"until": "9999-12-31"},
        {"since": "0001-01-01"}, {"object": "a\0b"}, {"who": "\0"}, {"action": "'--"},
    ],
)  # fmt: skip
def test_an_address_nobody_made_is_no_error(ada: User, given: dict[str, str]) -> None:
    assert browser_of(ada).get("/audit/", given).status_code == 200


def test_what_entries_hold_is_shown_as_text(ada: User, marked: str) -> None:
    page = browser_of(ada).get("/audit/", {"object": marked}).content.decode()
    assert "<script>alert" not in page
    assert "⟨U+202E⟩" in page


def test_an_entry_that_was_changed_is_marked_and_breaks_the_chain(ada: User, marked: str) -> None:
    client = browser_of(ada)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE reviews_auditentry DISABLE TRIGGER USER")
            cursor.execute(
                "UPDATE reviews_auditentry SET action = 'test.forged' WHERE id ="
                " (SELECT max(id) FROM reviews_auditentry WHERE object = %s)",
                [marked],
            )
        page = words(client.get("/audit/", {"object": marked}))
        report = words(client.post("/audit/verify/"))
        transaction.set_rollback(True)
    assert page.count("is-damaged") == 1
    assert "Changed since they were written:" in page
    assert "The chain is broken" in report


def test_the_whole_chain_is_verified_and_says_where_it_ends(ada: User, marked: str) -> None:
    page = words(browser_of(ada).post("/audit/verify/", {"object": marked}))
    head = AuditEntry.objects.filter(action="audit.verified").latest("seq")
    before = AuditEntry.objects.get(seq=(head.seq or 0) - 1)
    assert "as they were written" in page
    assert f"{before.seq}:{before.hash}" in page


def test_an_export_is_what_the_filters_let_through_and_is_noted(
    console: Console, ada: User, marked: str
) -> None:
    client = browser(console.url, session_of(ada))
    lines = client.post("/audit/export/", data={"format": "jsonl", "object": marked})
    assert lines.headers["content-disposition"].endswith('.jsonl"')
    entries = [json.loads(line) for line in lines.text.splitlines()]
    assert [entry["details"]["n"] for entry in entries] == list(range(60))
    assert verifier.verify(entries, is_whole=False).fault == ""
    table = client.post("/audit/export/", data={"format": "csv", "object": marked})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert len(rows) == 60
    assert rows[0]["hash"] == entries[0]["hash"]
    noted = AuditEntry.objects.filter(actor=ada, action="audit.exported").order_by("seq")
    assert [entry.details["format"] for entry in noted] == ["jsonl", "csv"]
    assert noted[0].details["filters"] == {"object": marked}
    assert client.post("/audit/export/", data={"format": "exe"}).status_code == 400


def test_no_cell_of_a_table_is_a_formula() -> None:
    from reviews.audit_export import COLUMNS, csv_line

    row = csv_line(dict.fromkeys(COLUMNS, "=1+1"))
    assert next(csv.reader([row])) == ["'=1+1"] * len(COLUMNS)


def test_an_auditor_reads_the_audit_and_nothing_else_of_it(rosa: User) -> None:
    client = browser_of(rosa)
    assert client.get("/audit/").status_code == 403
    assert "Audit log" not in words(client.get("/inbox/"))
    rosa.user_permissions.add(*permissions([READS_AUDIT]))
    assert client.get("/audit/").status_code == 200
    assert "Audit log" in words(client.get("/inbox/"))
    assert client.get("/settings/members/").status_code == 403


def test_logins_and_wrong_passwords_are_in_the_audit_without_the_password(rosa: User) -> None:
    client = Client()
    client.post("/login/", {"username": rosa.username, "password": "correct horse"})
    client.post("/login/", {"username": "correct horse", "password": PASSWORD})
    client.post("/login/", {"username": rosa.username, "password": PASSWORD})
    client.post("/logout/")
    assert entries_of(f"user:{rosa.pk}") == ["login.refused", "login.opened", "login.closed"]
    said = AuditEntry.objects.filter(object=f"user:{rosa.pk}").values_list("details", flat=True)
    assert "horse" not in json.dumps(list(said))


def test_every_action_has_words() -> None:
    for action in AuditEntry.objects.values_list("action", flat=True).distinct():
        assert audit_words.action_words(action)
    assert audit_words.action_words("lamp.switched_on") == "switched on lamp"
