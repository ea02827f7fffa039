"""Answers by API: what each mode takes, refuses and keeps, rule by rule."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reviews.models import Decision, ReviewTask
from tests.console import Console

pytestmark = pytest.mark.usefixtures("ledger_kept")

UNKNOWN = "0" * 32


@pytest.fixture
def lenient(compatible: Console) -> Iterator[httpx.Client]:
    """A client of the console in compatible mode."""
    with compatible.client() as client:
        yield client


def post(client: httpx.Client, thread_id: str, graph: str, **body: Any) -> httpx.Response:
    return client.post(f"/threads/{thread_id}/runs/wait", json={"assistant_id": graph} | body)


def ask(client: httpx.Client, graph: str, **state: Any) -> tuple[str, list[str]]:
    """A thread that waits, and the ids of what it asks."""
    thread_id = client.post("/threads", json={}).json()["thread_id"]
    found = post(client, thread_id, graph, input=state).json()
    return thread_id, [one["id"] for one in found.get("__interrupt__", [])]


def answer(client: httpx.Client, thread_id: str, graph: str, value: Any, **body: Any) -> Any:
    return post(client, thread_id, graph, command={"resume": value}, **body)


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


# -- strict ----------------------------------------------------------------------------------


def test_strict_nothing_pending(api: httpx.Client) -> None:
    thread_id = api.post("/threads", json={}).json()["thread_id"]
    assert answer(api, thread_id, "approve_once", "yes").status_code == 409
    done, _ = ask(api, "static_steps")
    assert answer(api, done, "static_steps", "yes").status_code == 409


def test_strict_an_answered_id_names_who_answered(api: httpx.Client, tmp_path: Path) -> None:
    thread_id, [key] = ask(api, "approve_once", log=str(tmp_path / "log"))
    assert answer(api, thread_id, "approve_once", {key: "yes"}).status_code == 200

    late = answer(api, thread_id, "approve_once", {key: "no"})

    assert late.status_code == 409
    assert f"Interrupt {key} was already answered by key:" in late.json()["detail"]
    assert lines(tmp_path / "log") == ["acted"]


def test_strict_partial_and_unknown_maps(api: httpx.Client) -> None:
    thread_id, [left, right] = ask(api, "two_branches")

    partial = answer(api, thread_id, "two_branches", {left: "a"})
    unknown = answer(api, thread_id, "two_branches", {left: "a", right: "b", UNKNOWN: "c"})
    empty = answer(api, thread_id, "two_branches", {})
    single = answer(api, thread_id, "two_branches", "a")

    assert [one.status_code for one in (partial, unknown, empty, single)] == [409, 409, 409, 422]
    assert right in partial.json()["detail"]
    assert UNKNOWN in unknown.json()["detail"]
    assert not Decision.objects.filter(task__thread_id=thread_id).exists()
    whole = answer(api, thread_id, "two_branches", {left: "a", right: "b"})
    assert sorted(whole.json()["answers"]) == ["joined", "left=a", "right=b"]


@pytest.mark.parametrize("value", ["", 0, False, [], None])
def test_strict_falsy_values_are_answers(api: httpx.Client, value: Any) -> None:
    thread_id, _ = ask(api, "approve_once")

    assert answer(api, thread_id, "approve_once", value).json()["answers"] == [f"{value}"]
    assert Decision.objects.get(task__thread_id=thread_id).value == value


def test_strict_no_input_asks_the_same_again(api: httpx.Client) -> None:
    thread_id, [key] = ask(api, "approve_once")

    again = post(api, thread_id, "approve_once", input=None)

    assert again.json()["__interrupt__"][0]["id"] == key
    assert ReviewTask.objects.filter(thread_id=thread_id).count() == 1


def test_strict_no_input_never_gives_an_old_answer_to_a_new_question(
    api: httpx.Client, tmp_path: Path
) -> None:
    thread_id, _ = ask(api, "two_interrupts", log=str(tmp_path / "log"))
    answer(api, thread_id, "two_interrupts", "one")

    assert post(api, thread_id, "two_interrupts", input=None).status_code == 409
    assert "second" not in str(lines(tmp_path / "log"))


def test_strict_another_graph_or_assistant_is_not_asked(api: httpx.Client) -> None:
    thread_id, [key] = ask(api, "approve_once")
    other = api.post("/assistants", json={"graph_id": "approve_once"}).json()["assistant_id"]

    for name in ("two_interrupts", other):
        late = answer(api, thread_id, name, {key: "yes"})
        assert (late.status_code, late.json()["detail"][:8]) == (409, "Another ")
    assert answer(api, thread_id, "approve_once", {key: "yes"}).status_code == 200


def test_strict_an_old_checkpoint_takes_no_answer(api: httpx.Client, tmp_path: Path) -> None:
    thread_id, [key] = ask(api, "approve_once", log=str(tmp_path / "log"))
    now = api.get(f"/threads/{thread_id}/state").json()["checkpoint"]
    old = api.get(f"/threads/{thread_id}/history?limit=9").json()[-1]["checkpoint"]

    assert answer(api, thread_id, "approve_once", "yes", checkpoint=old).status_code == 409
    assert answer(api, thread_id, "approve_once", {key: "yes"}).status_code == 200
    assert answer(api, thread_id, "approve_once", {key: "yes"}, checkpoint=now).status_code == 409
    assert lines(tmp_path / "log") == ["acted"]


# -- compatible ------------------------------------------------------------------------------


def test_compatible_nothing_pending_is_no_error(lenient: httpx.Client) -> None:
    thread_id, _ = ask(lenient, "static_steps")

    assert answer(lenient, thread_id, "static_steps", "yes").json()["visited"][0] == "step_1"
    assert lenient.get(f"/threads/{thread_id}").json()["status"] == "idle"


def test_compatible_a_second_answer_is_dropped(lenient: httpx.Client, tmp_path: Path) -> None:
    thread_id, [key] = ask(lenient, "approve_once", log=str(tmp_path / "log"))
    answer(lenient, thread_id, "approve_once", {key: "yes"})

    late = answer(lenient, thread_id, "approve_once", {key: "no"})

    assert late.json()["answers"] == ["yes"]
    assert Decision.objects.get(task__thread_id=thread_id).value == "yes"
    assert lines(tmp_path / "log") == ["acted"]


def test_compatible_a_partial_map_leaves_the_rest(lenient: httpx.Client) -> None:
    thread_id, [left, right] = ask(lenient, "two_branches")

    rest = answer(lenient, thread_id, "two_branches", {left: "a"})

    assert [one["id"] for one in rest.json()["__interrupt__"]] == [right]
    statuses = {task.node: task.status for task in ReviewTask.objects.filter(thread_id=thread_id)}
    assert statuses == {"left": "decided", "right": "open"}
    done = answer(lenient, thread_id, "two_branches", "b")
    assert sorted(done.json()["answers"]) == ["joined", "left=a", "right=b"]


def test_compatible_unknown_ids_ask_again(lenient: httpx.Client) -> None:
    thread_id, [key] = ask(lenient, "approve_once")

    same = answer(lenient, thread_id, "approve_once", {UNKNOWN: "yes"})

    assert [one["id"] for one in same.json()["__interrupt__"]] == [key]
    assert not Decision.objects.filter(task__thread_id=thread_id).exists()


def test_compatible_one_value_for_several_questions_is_an_error(lenient: httpx.Client) -> None:
    thread_id, keys = ask(lenient, "two_branches")

    assert "__error__" in answer(lenient, thread_id, "two_branches", "a").json()
    assert lenient.get(f"/threads/{thread_id}").json()["status"] == "error"
    assert ReviewTask.objects.open().filter(thread_id=thread_id).count() == 2
    both = answer(lenient, thread_id, "two_branches", dict.fromkeys(keys, "b"))
    assert sorted(both.json()["answers"]) == ["joined", "left=b", "right=b"]


def test_strict_resume_is_honoured_by_a_compatible_server(
    lenient: httpx.Client, tmp_path: Path
) -> None:
    thread_id, [key] = ask(lenient, "approve_once", log=str(tmp_path / "log"))
    strict = {"strict_resume": True}

    assert answer(lenient, thread_id, "approve_once", {UNKNOWN: 1}, **strict).status_code == 409
    assert answer(lenient, thread_id, "approve_once", {key: "yes"}, **strict).status_code == 200
    assert answer(lenient, thread_id, "approve_once", {key: "no"}, **strict).status_code == 409
    assert lines(tmp_path / "log") == ["acted"]


def test_compatible_a_value_at_a_breakpoint_is_not_kept_for_the_next_question(
    lenient: httpx.Client, tmp_path: Path
) -> None:
    thread_id, _ = ask(lenient, "stop_then_ask", log=str(tmp_path / "log"))

    asked = answer(lenient, thread_id, "stop_then_ask", "yes")

    assert "__interrupt__" in asked.json(), asked.text
    assert lines(tmp_path / "log") == ["step_1"]


# -- hostile ---------------------------------------------------------------------------------


def nested(levels: int) -> bytes:
    return b"[" * levels + b"1" + b"]" * levels


HOSTILE = {
    "nul": rb'"a\u0000b"',
    "raw nul": b'"a\x00b"',
    "nan": b"NaN",
    "infinity": b"-Infinity",
    "1e400": b"1e400",
    "lone surrogate": rb'"\ud800"',
    "not utf-8": b'"\xff\xfe"',
    "bom": b'\xef\xbb\xbf"a"',
    "bidi": '"\u202eevil\u200b"'.encode(),
    "deep": nested(1_000),
    "deeper": nested(100_000),
    "huge": b'"' + b"a" * 10_000_000 + b'"',
    "too huge": b'"' + b"a" * 13_000_000 + b'"',
    "big number": b"9" * 4_400,
    "proto": b'{"__proto__": {"polluted": 1}, "constructor": {"prototype": {}}}',
    "interrupt": b'{"__interrupt__": [{"id": "x", "value": 1}]}',
    "pregel": b'{"__pregel_resume_map": {}, "__resume__": 1, "__error__": {"error": "x"}}',
    "envelope": b'{"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"a": "id"}}',
    "secret": b'{"lc": 1, "type": "secret", "id": ["DATABASE_URL"]}',
    "reference": b'{"$ref": "file:///etc/passwd"}',
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_answer_is_taken_as_it_is_or_refused(api: httpx.Client, raw: bytes) -> None:
    thread_id, _ = ask(api, "human_in_the_loop", some_text="x")
    body = b'{"assistant_id": "human_in_the_loop", "command": {"resume": ' + raw + b"}}"

    said = api.post(f"/threads/{thread_id}/runs/wait", content=body)

    assert said.status_code in (200, 400, 413, 422), said.text[:300]
    if said.status_code != 200:
        assert ReviewTask.objects.open().filter(thread_id=thread_id).count() == 1
        assert answer(api, thread_id, "human_in_the_loop", "fine").status_code == 200
        return
    meant = json.loads(raw.replace(rb"\u0000", rb"\ufffd"))
    assert said.json()["some_text"] == meant
    assert Decision.objects.get(task__thread_id=thread_id).value == meant
    assert api.get(f"/threads/{thread_id}/state").json()["values"]["some_text"] == meant


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_request_is_asked_and_shown(api: httpx.Client, raw: bytes) -> None:
    thread_id = api.post("/threads", json={}).json()["thread_id"]
    start = b'{"assistant_id": "human_in_the_loop", "input": {"some_text": ' + raw + b"}}"

    said = api.post(f"/threads/{thread_id}/runs/wait", content=start)

    assert said.status_code in (200, 400, 413, 422), said.text[:300]
    if said.status_code == 200:
        task = ReviewTask.objects.open().get(thread_id=thread_id)
        meant = json.loads(raw.replace(rb"\u0000", rb"\ufffd"))
        assert task.value == {"text_to_revise": meant}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("field", ["goto", "update"])
def test_a_hostile_command_is_no_500(api: httpx.Client, raw: bytes, field: str) -> None:
    thread_id, _ = ask(api, "human_in_the_loop", some_text="x")
    body = b'{"assistant_id": "human_in_the_loop", "command": {"%s": %s}}' % (field.encode(), raw)

    said = api.post(f"/threads/{thread_id}/runs/wait", content=body)

    assert said.status_code in (200, 400, 413, 422), said.text[:300]
    assert api.get(f"/threads/{thread_id}").status_code == 200
    assert ReviewTask.objects.open().filter(thread_id=uuid.UUID(thread_id)).count() == 1
