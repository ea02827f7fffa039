"""The ledger cannot be changed unseen: triggers refuse it, and the chain shows what got past."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError
from django.test import Client

from reviews import ledger, services, verifier
from reviews.digests import digest_of
from reviews.models import AuditEntry, Decision, Delivery, ReviewPolicy
from reviews.services import audit
from runs.models import Run, Scope, Thread
from tests.conftest import issue_key
from tests.console import Console, wait_for

TABLE = "reviews_auditentry"
VERIFIER = Path(verifier.__file__)


@pytest.fixture
def places() -> list[int]:
    """Three entries that follow each other, by their place in the chain."""
    with transaction.atomic():
        for name in ("one", "two", "three"):
            audit.record(action="test.noted", object=name, details={"é": 'a "b" \u2028 \x1f'})
        ids = list(AuditEntry.objects.order_by("-pk").values_list("pk", flat=True)[:3])
    return list(AuditEntry.objects.filter(pk__in=ids).order_by("seq").values_list("seq", flat=True))


@pytest.fixture
def as_owner() -> Iterator[Callable[..., None]]:
    """SQL by the owner of the tables, who can switch off what guards them; rolled back."""

    def execute(sql: str, *parameters: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in (TABLE, "reviews_decision"):
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(sql, parameters)

    with transaction.atomic():
        yield execute
        transaction.set_rollback(True)


@pytest.fixture
def decided(waiting: Any, rosa: User) -> Decision:
    task = waiting()
    verdict = {"kind": "respond", "value": "yes"}
    return services.decide(
        task=task, reviewer=rosa, verdict=verdict, comment="fine", seen_digest="a" * 64
    )


def fault() -> str:
    return verifier.verify(AuditEntry.objects.exported()).fault


def exported(*arguments: str) -> list[dict[str, Any]]:
    said = StringIO()
    call_command("export_audit", *arguments, stdout=said)
    return [json.loads(line) for line in said.getvalue().splitlines()]


# -- what is written -------------------------------------------------------------------------


def test_a_task_has_an_entry_for_each_thing_that_was_done(decided: Decision, rosa: User) -> None:
    wait_for(lambda: Delivery.objects.get(decision=decided).state == Delivery.State.CONSUMED)
    entries = AuditEntry.objects.filter(object=f"task:{decided.task_id}").order_by("seq")

    assert [(entry.action, entry.actor, entry.via) for entry in entries] == [
        ("task.opened", None, "system"),
        ("task.decided", rosa, "api"),
        ("delivery.delivered", rosa, "api"),
        ("delivery.consumed", None, "system"),
    ]
    _, said, sent, taken = entries
    assert said.seen_digest == "a" * 64
    assert said.actor_name == rosa.username
    assert said.details == {
        "decision": decided.pk,
        "kind": "respond",
        "value": sha256(b'"yes"').hexdigest(),
        "comment": sha256(b"fine").hexdigest(),
        "task": decided.digest,
    }
    assert decided.task.interrupt is not None
    command = {"resume": {decided.task.interrupt.key: "yes"}}
    assert sent.details["sent"] == digest_of({"command": command, "state_update": None})
    assert sent.details["run"] == taken.details["run"]


def test_claims_are_in_the_audit(waiting: Any, rosa: User) -> None:
    task = waiting()
    services.claim_task(task=task, reviewer=rosa)
    services.release_task(task=task, reviewer=rosa)

    entries = AuditEntry.objects.filter(object=f"task:{task.pk}", actor=rosa).order_by("seq")
    assert [entry.action for entry in entries] == ["task.claimed", "task.released"]


def test_a_deleted_thread_leaves_its_deletion_and_its_cancelled_task(
    console: Console, waiting: Any, ada: User
) -> None:
    task = waiting()
    with console.client() as client:
        client.headers["x-api-key"] = issue_key("admin", [Scope.ADMIN], ada)
        client.delete(f"/threads/{task.thread_id}", params={"force": True}).raise_for_status()

    (deletion,) = AuditEntry.objects.filter(object=f"thread:{task.thread_id}")
    assert (deletion.action, deletion.actor) == ("thread.deleted", ada)
    assert deletion.details == {"forced": True}
    last = AuditEntry.objects.filter(object=f"task:{task.pk}").order_by("-seq")[0]
    assert last.action == "task.cancelled"


@pytest.mark.usefixtures("console")  # whose worker sweeps
def test_a_run_taken_from_a_dead_worker_is_in_the_audit() -> None:
    left = {"status": Run.Status.RUNNING, "lease_until": "2020-01-01T00:00Z"}
    run = Run.objects.create(thread=Thread.objects.create(), graph_id="approve_once", **left)

    wait_for(lambda: not Run.objects.get(pk=run.pk).is_active)

    actions = AuditEntry.objects.filter(object=f"run:{run.pk}").values_list("action", flat=True)
    assert list(actions) == ["run.handed_on"]


def test_policies_changed_in_the_admin_are_in_the_audit(queue: Group, ada: User) -> None:
    browser = Client()
    browser.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    given = {"order": 5, "graph_id": "audited", "queue": queue.pk, "undo_seconds": 10}
    browser.post("/admin/reviews/reviewpolicy/add/", given)
    policy = ReviewPolicy.objects.get(graph_id="audited")
    page = f"/admin/reviews/reviewpolicy/{policy.pk}"
    browser.post(f"{page}/change/", given | {"undo_seconds": 20})
    too_long = browser.post(f"{page}/change/", given | {"undo_seconds": 61})
    browser.post(f"{page}/delete/", {"post": "yes"})

    entries = AuditEntry.objects.filter(object=f"policy:{policy.pk}", actor=ada).order_by("seq")
    assert [(entry.action, entry.details["undo_seconds"]) for entry in entries] == [
        ("policy.created", 10),
        ("policy.changed", 20),
        ("policy.deleted", 20),
    ]
    assert "less than or equal to 60" in too_long.content.decode()


def test_administrators_read_the_audit_and_change_nothing(places: list[int], ada: User) -> None:
    browser = Client()
    browser.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    entry = AuditEntry.objects.get(seq=places[0])
    page = f"/admin/reviews/auditentry/{entry.pk}"

    assert browser.get(f"{page}/change/").status_code == 200
    assert browser.get("/admin/reviews/auditentry/").status_code == 200
    for refused in (f"{page}/change/", f"{page}/delete/", "/admin/reviews/auditentry/add/"):
        assert browser.post(refused, {"action": "x"}).status_code == 403


def test_what_is_rolled_back_leaves_no_gap(places: list[int]) -> None:
    with transaction.atomic():
        audit.record(action="test.noted", object="never")
        transaction.set_rollback(True)
    audit.record(action="test.noted", object="next")

    assert AuditEntry.objects.get(object="next", seq__gt=places[-1]).seq is not None
    assert not AuditEntry.objects.filter(object="never").exists()
    assert fault() == ""


def test_writers_at_once_make_one_chain() -> None:
    def write(number: int) -> None:
        try:
            for turn in range(5):
                with transaction.atomic():
                    audit.record(action="test.noted", object=f"writer:{number}:{turn}")
                    audit.record(action="test.noted", object=f"writer:{number}:{turn}:again")
        finally:
            connection.close()

    before = AuditEntry.objects.count()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write, range(20)))

    assert AuditEntry.objects.count() >= before + 200
    assert fault() == ""


# -- only added ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        f"UPDATE {TABLE} SET actor_name = 'nobody'",
        f"DELETE FROM {TABLE}",
        f"TRUNCATE {TABLE}",
        "UPDATE reviews_decision SET comment = 'changed'",
        "DELETE FROM reviews_decision",
        "TRUNCATE reviews_decision CASCADE",
        "TRUNCATE auth_user CASCADE",
    ],
)
def test_sql_that_changes_the_ledger_is_refused(sql: str, decided: Decision) -> None:
    refusal = pytest.raises(DatabaseError, match="pgtrigger: Cannot")
    with refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_code_that_changes_the_ledger_is_refused(decided: Decision, rosa: User) -> None:
    entry = AuditEntry.objects.get(object=f"task:{decided.task_id}", action="task.decided")
    for change in (
        decided.save,
        lambda: Decision.objects.filter(pk=decided.pk).update(comment="changed"),
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
    ):
        with pytest.raises(DatabaseError, match="pgtrigger: Cannot"):
            change()
    for loss in (decided.delete, rosa.delete):
        with pytest.raises(ProtectedError):
            loss()


# -- what got past ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "actor_name = 'nobody'",
        "at = at + interval '1 second'",
        'details = \'{"kind": "reject"}\'',
        "seen_digest = repeat('0', 64)",
        "hash = repeat('0', 64)",
        "actor_id = (SELECT min(id) FROM auth_user)",
    ],
)
def test_a_changed_entry_is_named(change: str, places: list[int], as_owner: Any) -> None:
    as_owner(f"UPDATE {TABLE} SET {change} WHERE seq = %s", places[1])

    assert fault().startswith(f"Entry {places[1]} (")
    assert fault().endswith("it does not say what it said when it was written.")
    assert f"audit entry {places[1]}" in ledger.violations()["I6"]


def test_a_removed_entry_is_named(places: list[int], as_owner: Any) -> None:
    as_owner(f"DELETE FROM {TABLE} WHERE seq = %s", places[1])

    assert fault().startswith(f"Entry {places[2]} (")
    assert f"it follows entry {places[0]}: entries are missing" in fault()
    assert f"audit entry {places[2]}" in ledger.violations()["I6"]


def test_a_removed_entry_is_named_though_the_places_were_closed_up(
    places: list[int], as_owner: Any
) -> None:
    as_owner(f"DELETE FROM {TABLE} WHERE seq = %s", places[1])
    as_owner(f"UPDATE {TABLE} SET seq = seq - 1 WHERE seq = %s", places[2])

    assert fault().startswith(f"Entry {places[1]} (")
    assert f"it was not written after entry {places[0]}" in fault()


def test_entries_that_changed_places_are_named(places: list[int], as_owner: Any) -> None:
    as_owner(f"UPDATE {TABLE} SET seq = 0 WHERE seq = %s", places[0])
    as_owner(f"UPDATE {TABLE} SET seq = %s WHERE seq = %s", places[0], places[1])
    as_owner(f"UPDATE {TABLE} SET seq = %s WHERE seq = 0", places[1])

    assert fault().startswith(f"Entry {places[0]} (")
    assert f"audit entry {places[0]}" in ledger.violations()["I6"]


def test_a_forged_entry_is_named(places: list[int], as_owner: Any) -> None:
    as_owner(
        f"""INSERT INTO {TABLE} (workspace, seq, at, actor_name, via, action, object, details,
                seen_digest, prev_hash, hash)
            SELECT workspace, seq + 1, at, 'Rosa', 'page', 'task.decided', 'task:1', '{{}}',
                '', hash, repeat('a', 64) FROM {TABLE} ORDER BY seq DESC LIMIT 1"""
    )

    assert "Rosa, task.decided task:1): it does not say" in fault()


def test_a_chain_written_anew_is_found_by_an_anchor(places: list[int], as_owner: Any) -> None:
    head = exported()[-1]
    anchor = f"{head['seq']}:{head['hash']}"
    as_owner(f"DELETE FROM {TABLE} WHERE seq >= %s", places[1])
    as_owner(f"ALTER TABLE {TABLE} ENABLE TRIGGER USER")
    audit.record(action="test.noted", object="another story")

    assert fault() == ""
    report = verifier.verify(AuditEntry.objects.exported(), anchor=anchor)
    assert report.fault == f"The anchor {anchor} is not in the chain."


def test_a_decision_without_its_entry_is_named(decided: Decision, as_owner: Any) -> None:
    entry = AuditEntry.objects.get(object=f"task:{decided.task_id}", action="task.decided")
    as_owner(f"DELETE FROM {TABLE} WHERE seq >= %s", entry.seq)

    assert fault() == ""
    assert f"decision {decided.pk}" in ledger.violations()["I6"]


def test_a_decision_changed_since_is_named(decided: Decision, as_owner: Any) -> None:
    as_owner("UPDATE reviews_decision SET kind = 'reject' WHERE id = %s", decided.pk)

    assert f"decision {decided.pk}" in ledger.violations()["I6"]


# -- commands --------------------------------------------------------------------------------


def test_the_command_verifies_and_prints_the_head(places: list[int]) -> None:
    said = StringIO()
    call_command("verify_audit", stdout=said)

    count, head = said.getvalue().splitlines()
    assert re.fullmatch(r"\d+ entries verified\.", count)
    assert int(count.split()[0]) >= len(places)
    anchor = head.removeprefix("default ends with ")
    audit.record(action="test.noted", object="later")
    call_command("verify_audit", anchor=anchor, stdout=said)
    with pytest.raises(CommandError, match="is not in the chain"):
        call_command("verify_audit", anchor="1:" + "0" * 64)


def test_the_command_fails_on_the_first_bad_entry(places: list[int], as_owner: Any) -> None:
    as_owner(f"UPDATE {TABLE} SET object = 'other' WHERE seq = %s", places[1])

    with pytest.raises(CommandError, match=rf"Entry {places[1]} \("):
        call_command("verify_audit")


def test_an_export_is_verified_without_the_console(places: list[int], tmp_path: Path) -> None:
    entries = exported()
    assert verify_file(tmp_path, entries).returncode == 0

    entries[places[1] - 1]["details"] = {}
    found = verify_file(tmp_path, entries)
    assert (found.returncode, found.stdout.startswith(f"Entry {places[1]} (")) == (1, True)


def test_an_export_since_a_day_is_a_part_of_the_chain(
    places: list[int], tmp_path: Path, as_owner: Any
) -> None:
    as_owner(f"UPDATE {TABLE} SET at = '2020-01-01T00:00Z' WHERE seq < %s", places[1])
    part = exported("--since", "2020-01-02")

    assert part[0]["seq"] == places[1]
    assert verify_file(tmp_path, part, "--part").returncode == 0
    assert verify_file(tmp_path, part).returncode == 1
    assert exported("--since", "2999-01-01") == []
    with pytest.raises(CommandError, match="--since takes a day"):
        exported("--since", "2020-13-41")


def verify_file(
    folder: Path, entries: list[dict[str, Any]], *options: str
) -> subprocess.CompletedProcess[str]:
    """As an auditor runs it, isolated from everything that is installed."""
    path = folder / "audit.jsonl"
    path.write_text("\n".join(json.dumps(entry) for entry in entries))
    argv = [sys.executable, "-I", "-S", str(VERIFIER), str(path), *options]
    return subprocess.run(argv, capture_output=True, text=True, cwd=folder, timeout=30)


def test_the_anchor_in_the_log_is_one_the_verifier_takes(
    places: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "reviews"):
        audit.anchor()

    noted = caplog.messages[-1].removeprefix("audit anchor ")
    assert re.fullmatch(r"\d+:[0-9a-f]{64}", noted)
    call_command("verify_audit", anchor=noted, stdout=StringIO())
