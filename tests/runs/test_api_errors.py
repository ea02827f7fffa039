"""What the API says when it cannot do as it is told: always one sentence, in JSON."""

from __future__ import annotations

import json

import pytest
from django.db import OperationalError

from runs.api import negotiation

ZERO = "00000000-0000-4000-8000-000000000000"
BAD_JSON = {"detail": "Invalid JSON in request body"}


@pytest.fixture
def thread_id(api) -> str:
    return api.post("/threads", json={}).json()["thread_id"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{bad",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\\ud83d"}',
        b'{"a": 1e999}',
    ],
)
@pytest.mark.parametrize("path", ["/threads", "/runs/wait", "/assistants/search"])
def test_bodies_that_are_not_json_are_422(api, path, raw):
    answer = api.post(path, content=raw, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()) == (422, BAD_JSON)


@pytest.mark.parametrize("depth", [129, 1_000, 100_000])
def test_bodies_nested_too_deeply_are_422(api, depth):
    raw = b'{"metadata": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    answer = api.post("/threads", content=raw)
    assert answer.status_code == 422
    assert "nested too deeply" in answer.json()["detail"]


def test_what_the_parser_lets_through_is_kept_exactly():
    big = 123456789012345678901234567890
    assert negotiation.loads(b'{"n": %d}' % big) == {"n": big}
    assert json.loads(negotiation.dumps({"n": big})) == {"n": big}
    assert negotiation.loads(rb'["\u0000\u0000", "\\u0000", "\\\u0000"]') == [
        "\ufffd\ufffd",
        "\\u0000",
        "\\\ufffd",
    ]


def test_a_body_without_a_length_is_read_too(api):
    answer = api.post("/threads", content=iter([b'{"metadata":', b'{"a":1}}']))
    assert answer.json()["metadata"] == {"a": 1}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/png"])
def test_the_content_type_of_a_body_is_not_looked_at(api, kind):
    answer = api.post("/threads", content=b'{"metadata":{"a":1}}', headers={"content-type": kind})
    assert answer.json()["metadata"] == {"a": 1}


def test_a_body_beyond_the_limit_is_413(api, settings):
    raw = b'{"metadata": {"a": "' + b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b'"}}'
    assert api.post("/threads", content=raw).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/threads/nowhere/else", 404),
        ("GET", "/store/elsewhere", 404),
        ("POST", "/runs/batch", 422),
        ("GET", "/threads", 405),
        ("GET", "/runs", 405),
        ("OPTIONS", "/threads", 405),
        ("GET", f"/threads/{ZERO}", 404),
        ("GET", "/threads/bad", 422),
        ("GET", "/threads/bad/state", 422),
        ("GET", "/threads/bad/runs", 422),
        ("GET", f"/threads/{ZERO}/runs", 404),
        ("GET", f"/threads/{ZERO}/runs/bad", 422),
        ("GET", f"/threads/{ZERO}/state", 404),
        ("GET", f"/threads/{ZERO}/history", 404),
        ("GET", "/assistants/bad", 422),
        ("GET", f"/assistants/{ZERO}", 404),
        ("GET", f"/assistants/{ZERO}/graph", 404),
        ("GET", "/assistants/bad/graph", 422),
        ("DELETE", f"/threads/{ZERO}", 404),
        ("DELETE", f"/assistants/{ZERO}", 404),
        ("DELETE", f"/threads/{ZERO}/runs/{ZERO}", 404),
        ("POST", f"/threads/{ZERO}/copy", 404),
        ("POST", f"/threads/{ZERO}/runs/{ZERO}/cancel", 404),
        ("GET", f"/threads/{ZERO}/runs?limit=abc", 422),
        ("GET", f"/threads/{ZERO}/history?limit=0", 422),
    ],
)
def test_errors_are_json_with_one_sentence(api, method, path, status):
    answer = api.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    body = answer.json()
    assert list(body) == ["detail"]
    assert isinstance(body["detail"], str)


def test_a_trailing_slash_leads_to_the_bare_path(api):
    for path in ("/threads/?limit=1", "/ok/", "/threads/search//"):
        answer = api.request("POST", path, json={})
        assert answer.status_code == 307
        assert answer.headers["location"] == path.replace("//", "/").replace("/?", "?").rstrip("/")
        assert answer.headers["location"][0] == "/"


def test_a_wrong_method_is_told_the_right_ones(api):
    answer = api.put("/threads", json={})
    assert (answer.json(), answer.headers["allow"]) == ({"detail": "Method Not Allowed"}, "POST")


def test_a_malformed_id_is_named(api):
    assert api.get("/threads/bad").json() == {"detail": "Invalid thread ID: must be a UUID"}
    assert api.get("/assistants/bad").json() == {"detail": "Invalid assistant ID: must be a UUID"}


@pytest.mark.parametrize("body", [[], "text", None, 3])
@pytest.mark.parametrize("path", ["/threads", "/runs", "/threads/search"])
def test_only_objects_are_bodies(api, path, body):
    assert api.post(path, content=json.dumps(body)).status_code == 422


@pytest.mark.parametrize(
    "field",
    [
        {"assistant_id": None},
        {"assistant_id": 5},
        {"config": None},
        {"config": "x"},
        {"config": {"recursion_limit": "5"}},
        {"config": {"tags": "a"}},
        {"metadata": None},
        {"metadata": []},
        {"webhook": None},
        {"interrupt_before": None},
        {"interrupt_before": "step_1"},
        {"interrupt_after": [1]},
        {"stream_mode": 5},
        {"stream_mode": "bogus"},
        {"stream_mode": [["values"]]},
        {"multitask_strategy": "bogus"},
        {"if_not_exists": "bogus"},
        {"durability": "bogus"},
        {"stream_resumable": "yes"},
        {"after_seconds": "1"},
        {"after_seconds": 1e300},
        {"command": {"goto": 5}},
        {"command": {"update": "x"}},
        {"command": []},
        {"checkpoint": "x"},
        {"checkpoint": {"checkpoint_id": "x"}},
        {"checkpoint_id": "x"},
        {"checkpoint": {"checkpoint_ns": "child:1"}},
    ],
    ids=json.dumps,
)
def test_wrong_fields_of_a_run_are_422_and_nothing_runs(api, thread_id, field):
    body = {"assistant_id": "static_steps", "input": {}} | field
    answer = api.post(f"/threads/{thread_id}/runs/wait", json=body)
    assert answer.status_code == 422, answer.text
    assert next(iter(field)) in answer.json()["detail"]
    assert api.get(f"/threads/{thread_id}/runs").json() == []


def test_an_assistant_that_is_not_there(api, thread_id):
    answer = api.post(f"/threads/{thread_id}/runs", json={"assistant_id": "nope"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(
        "Invalid assistant: 'nope'. Must be either:\n- A valid assistant UUID, or\n"
        "- One of the registered graphs: human_in_the_loop, "
    )
    answer = api.post(f"/threads/{thread_id}/runs", json={"assistant_id": ZERO})
    assert (answer.status_code, answer.json()) == (
        404,
        {"detail": "Thread or assistant not found."},
    )


def test_context_and_configurable_together_are_400(api, thread_id):
    body = {
        "assistant_id": "echo_config",
        "context": {"tone": "a"},
        "config": {"configurable": {"x": 1}},
    }
    assert api.post(f"/threads/{thread_id}/runs/wait", json=body).status_code == 400


def test_a_breakpoint_at_no_node_is_refused_by_name(api, thread_id):
    body = {"assistant_id": "static_steps", "input": {}, "interrupt_before": ["step_9"]}
    answer = api.post(f"/threads/{thread_id}/runs/wait", json=body)
    assert answer.status_code == 422
    assert "'step_9'" in answer.json()["detail"]
    assert "step_1, step_2, step_3" in answer.json()["detail"]


def test_unknown_fields_are_ignored(api):
    assert api.post("/threads", json={"bogus": 1}).status_code == 200


def test_a_database_that_is_away_is_said_so_that_clients_try_again() -> None:
    response = negotiation.error_response(
        OperationalError("server closed the connection"), {"view": None}
    )

    assert response.status_code == 503
    assert response["Retry-After"] == "1"
    assert "try again" in response.data["detail"]
