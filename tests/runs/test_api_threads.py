"""Threads over HTTP: the objects byte for byte, searches, states, copies."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
FRESH = [
    "thread_id",
    "created_at",
    "updated_at",
    "state_updated_at",
    "metadata",
    "status",
    "config",
    "values",
]
STATE = [
    "values",
    "next",
    "tasks",
    "metadata",
    "created_at",
    "checkpoint",
    "parent_checkpoint",
    "interrupts",
    "checkpoint_id",
    "parent_checkpoint_id",
]


@pytest.fixture
def batch() -> str:
    """Marks the threads of one test."""
    return uuid4().hex


@pytest.fixture
def make_thread(api, batch):
    def make(assistant: str | None = None, **fields) -> str:
        body = {"metadata": {"batch": batch} | fields.pop("metadata", {})}
        thread_id = api.post("/threads", json=body).json()["thread_id"]
        if assistant:
            run = {"assistant_id": assistant, "input": {"some_text": "x"}} | fields
            assert api.post(f"/threads/{thread_id}/runs/wait", json=run).status_code == 200
        return thread_id

    return make


def test_a_fresh_thread_has_exactly_these_keys(api):
    thread = api.post("/threads", json={}).json()
    assert list(thread) == FRESH
    assert UUID(thread["thread_id"]).version == 7
    assert TIME.fullmatch(thread["created_at"])
    assert thread["created_at"] == thread["updated_at"] == thread["state_updated_at"]
    assert [thread[key] for key in FRESH[4:]] == [{}, "idle", {}, None]
    assert api.get(f"/threads/{thread['thread_id']}").json() == thread


def test_a_thread_that_ran_has_an_error_and_interrupts_as_well(api, make_thread):
    thread = api.get(f"/threads/{make_thread('human_in_the_loop')}").json()
    assert list(thread) == [*FRESH, "error", "interrupts"]
    assert thread["status"] == "interrupted"
    assert thread["error"] is None
    (asked,) = thread["interrupts"].values()
    assert [list(item) for item in asked] == [["id", "value"]]
    assert asked[0]["value"] == {"text_to_revise": "x"}
    assert "__interrupt__" not in thread["values"]
    assert thread["metadata"]["graph_id"] == "human_in_the_loop"


def test_a_thread_keeps_the_id_it_is_given_once(api):
    thread_id = str(uuid4())
    first = api.post("/threads", json={"thread_id": thread_id, "metadata": {"a": 1}}).json()
    assert first["thread_id"] == thread_id
    again = api.post("/threads", json={"thread_id": thread_id})
    assert again.status_code == 409
    assert again.json() == {"detail": f"Thread with ID {thread_id} already exists"}
    body = {"thread_id": thread_id, "if_exists": "do_nothing", "metadata": {"b": 2}}
    assert api.post("/threads", json=body).json() == first
    assert api.get(f"/threads/{thread_id.upper()}").json() == first


@pytest.mark.parametrize(
    "field",
    [{"thread_id": "bad"}, {"metadata": 3}, {"if_exists": "x"}, {"ttl": 5}, {"supersteps": {}}],
    ids=str,
)
def test_wrong_fields_of_a_thread_are_422(api, field):
    answer = api.post("/threads", json=field)
    assert answer.status_code == 422
    assert next(iter(field)) in answer.json()["detail"]


def test_metadata_is_merged_at_its_top_level(api):
    body = {"metadata": {"a": 1, "nested": {"x": 1}}}
    place = f"/threads/{api.post('/threads', json=body).json()['thread_id']}"
    change = {"metadata": {"a": None, "nested": {"y": 2}, "b": 3}}
    assert api.patch(place, json=change).json()["metadata"] == change["metadata"]
    assert api.patch(place, json={}).json()["metadata"] == change["metadata"]
    quiet = api.patch(place, json={"metadata": {"c": 4}}, headers={"prefer": "return=minimal"})
    assert (quiet.status_code, quiet.content) == (204, b"")
    assert api.get(place).json()["metadata"]["c"] == 4


def test_a_deleted_thread_is_gone(api):
    place = f"/threads/{api.post('/threads', json={}).json()['thread_id']}"
    gone = api.delete(place)
    assert (gone.status_code, gone.content) == (204, b"")
    assert api.get(place).status_code == 404
    assert api.delete(place).status_code == 404


def test_searches_filter_sort_and_page(api, batch, make_thread):
    first, second, third = (make_thread(metadata={"n": n}) for n in range(3))
    mine = {"metadata": {"batch": batch}}

    answer = api.post("/threads/search", json=mine | {"limit": 2})
    assert [thread["thread_id"] for thread in answer.json()] == [third, second]
    assert answer.headers["x-pagination-total"] == "3"
    assert answer.headers["x-pagination-next"] == "2"
    answer = api.post("/threads/search", json=mine | {"limit": 2, "offset": 2})
    assert [thread["thread_id"] for thread in answer.json()] == [first]
    assert "x-pagination-next" not in answer.headers

    api.patch(f"/threads/{first}", json={"metadata": {"moved": True}})
    newest = api.post("/threads/search", json=mine | {"limit": 1}).json()
    assert newest[0]["thread_id"] == first  # by updated_at, newest first
    oldest = mine | {"sort_by": "thread_id", "sort_order": "asc", "select": ["thread_id"]}
    assert api.post("/threads/search", json=oldest).json() == [
        {"thread_id": one} for one in (first, second, third)
    ]
    by_id = {"ids": [second, str(uuid4())]}
    assert len(api.post("/threads/search", json=by_id).json()) == 1
    assert api.post("/threads/count", json=mine).json() == 3


def test_searches_find_by_status_and_values_and_extract_from_them(api, batch, make_thread):
    make_thread()
    asking = make_thread("human_in_the_loop")
    done = make_thread("static_steps")
    mine = {"metadata": {"batch": batch}}
    for status, thread_id in (("interrupted", asking), ("idle", done)):
        search = mine | {"status": status, "values": {"some_text": "x"}}
        assert [one["thread_id"] for one in api.post("/threads/search", json=search).json()] == [
            thread_id
        ]
        assert api.post("/threads/count", json=search).json() == 1
    paths = {"text": "values.some_text", "last": "values.visited[-1]", "none": "values.a.b[7]"}
    search = mine | {"extract": paths, "select": ["thread_id"], "status": "idle"}
    found = api.post("/threads/search", json=search | {"values": {"some_text": "x"}}).json()
    assert found == [
        {"thread_id": done, "extracted": {"text": "x", "last": "step_3", "none": None}}
    ]


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ({"limit": 0}, 422),
        ({"limit": 1001}, 422),
        ({"limit": "x"}, 422),
        ({"offset": -1}, 422),
        ({"offset": 2**70}, 422),
        ({"status": "bogus"}, 422),
        ({"sort_by": "bogus"}, 422),
        ({"select": ["bogus"]}, 422),
        ({"extract": {"a": "bogus.path"}}, 422),
        ({"extract": {"a": 1}}, 422),
        ({"ids": ["bad"]}, 400),
    ],
    ids=str,
)
def test_wrong_searches_are_refused(api, field, status):
    assert api.post("/threads/search", json=field).status_code == status


def test_a_thread_that_never_ran_has_an_empty_state(api, make_thread):
    thread_id = make_thread()
    state = api.get(f"/threads/{thread_id}/state").json()
    assert list(state) == STATE
    assert (state["values"], state["next"], state["checkpoint"]) == ({}, [], None)
    assert api.get(f"/threads/{thread_id}/history").json() == []
    assert api.post(f"/threads/{thread_id}/history", json={}).json() == []
    assert api.get(f"/threads/{thread_id}/state/nowhere").json()["checkpoint_id"] == "nowhere"
    answer = api.post(f"/threads/{thread_id}/state", json={"values": {"some_text": "x"}})
    assert "no assigned graph ID" in answer.json()["detail"]


def test_states_are_read_by_checkpoint_and_listed_newest_first(api, make_thread):
    thread_id = make_thread("static_steps", interrupt_before=["step_2"])
    place = f"/threads/{thread_id}"
    state = api.get(f"{place}/state").json()
    assert list(state) == STATE
    assert state["next"] == ["step_2"]
    assert api.get(f"{place}/history").json() == [state]  # one, unless asked for more
    history = api.get(f"{place}/history?limit=10").json()
    assert [one["next"] for one in history] == [["step_2"], ["step_1"], ["__start__"]]
    assert api.post(f"{place}/history", json={"limit": 10}).json() == history
    start = history[2]["checkpoint_id"]
    assert api.get(f"{place}/state/{start}").json()["next"] == ["__start__"]
    body = {"checkpoint": {"checkpoint_id": start, "thread_id": thread_id, "checkpoint_ns": ""}}
    assert api.post(f"{place}/state/checkpoint", json=body).json()["next"] == ["__start__"]
    for before in ({"checkpoint_id": start}, {"configurable": {"checkpoint_id": start}}):
        assert api.post(f"{place}/history", json={"before": before}).json() == []
    found = api.post(f"{place}/history", json={"limit": 9, "metadata": {"source": "input"}})
    assert [one["next"] for one in found.json()] == [["__start__"]]


def test_writing_a_state_moves_the_thread(api, make_thread):
    place = f"/threads/{make_thread('static_steps', interrupt_before=['step_2'])}"
    written = api.post(
        f"{place}/state", json={"values": {"visited": ["by hand"]}, "as_node": "step_2"}
    )
    assert list(written.json()) == ["checkpoint", "configurable", "checkpoint_id"]
    assert api.get(f"{place}/state").json()["next"] == ["step_3"]
    assert api.get(place).json()["status"] == "interrupted"
    ended = api.post(f"{place}/state", json={"values": None, "as_node": "__end__"})
    assert ended.status_code == 200
    assert api.get(place).json()["status"] == "idle"
    bogus = api.post(f"{place}/state", json={"values": {}, "as_node": "bogus"})
    assert bogus.json() == {"detail": "Node bogus does not exist"}
    assert api.post(f"{place}/state", json={"values": "text"}).status_code == 422
    assert api.patch(f"{place}/state", json={}).status_code == 405


def test_a_copy_has_the_checkpoints_and_not_the_runs(api, make_thread):
    thread_id = make_thread("human_in_the_loop")
    copy = api.post(f"/threads/{thread_id}/copy").json()
    assert list(copy) == FRESH[:-1]
    assert copy["status"] == "idle"
    place = f"/threads/{copy['thread_id']}"
    original = api.get(f"/threads/{thread_id}/state").json()
    assert api.get(f"{place}/state").json()["interrupts"] == original["interrupts"]
    assert api.get(f"{place}/runs").json() == []


def test_a_past_has_supersteps_of_several_nodes_and_commands(api):
    both = {
        "updates": [
            {"values": {"answers": ["left=L"]}, "as_node": "left"},
            {"values": {"answers": ["right=R"]}, "as_node": "right"},
        ]
    }
    start = {"updates": [{"values": {"some_text": "x"}, "as_node": "__start__"}]}
    body = {"metadata": {"graph_id": "two_branches"}, "supersteps": [start, both]}
    made = api.post("/threads", json=body)
    assert (made.status_code, made.json()["status"]) == (200, "interrupted")
    state = api.get(f"/threads/{made.json()['thread_id']}/state").json()
    assert (state["next"], state["values"]["answers"]) == (["join"], ["left=L", "right=R"])

    jump = {"command": {"update": {"visited": ["told"]}, "goto": "step_3"}, "as_node": "step_1"}
    start = {"updates": [{"values": {"some_text": "x"}, "as_node": "__start__"}]}
    body = {"metadata": {"graph_id": "static_steps"}, "supersteps": [start, {"updates": [jump]}]}
    thread = api.post("/threads", json=body).json()["thread_id"]
    assert "step_3" in api.get(f"/threads/{thread}/state").json()["next"]


def test_a_past_that_cannot_be_leaves_the_thread_and_says_so(api):
    bad = {"updates": [{"values": {"some_text": "x"}, "as_node": "bogus"}]}
    body = {"metadata": {"graph_id": "static_steps"}, "supersteps": [bad]}
    made = api.post("/threads", json=body)
    assert made.status_code == 201
    assert "was created, but there were problems updating the state" in made.json()["detail"]
    thread = made.json()["detail"].split()[1]
    assert api.get(f"/threads/{thread}/state").json()["next"] == []
    assert api.post("/threads", json={"supersteps": [bad]}).status_code == 201  # no graph named
