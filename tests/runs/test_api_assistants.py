"""Assistants over HTTP: system ones, own ones, their versions and graphs."""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

import pytest

KEYS = [
    "assistant_id",
    "graph_id",
    "config",
    "context",
    "metadata",
    "name",
    "created_at",
    "updated_at",
    "version",
    "description",
]
NAMESPACE = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
NOBODY = "00000000-0000-4000-8000-000000000000"
SYSTEM = str(uuid5(NAMESPACE, "human_in_the_loop"))


@pytest.fixture
def make_assistant(api):
    def make(**fields) -> dict:
        answer = api.post("/assistants", json={"graph_id": "echo_config"} | fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return make


def test_every_graph_has_its_own_assistant_under_the_id_every_server_gives_it(api):
    assistant = api.get(f"/assistants/{SYSTEM}").json()
    assert list(assistant) == KEYS
    assert assistant["assistant_id"] == "79f735ef-f318-51a7-a79b-b38feb02c070"
    assert assistant["metadata"] == {"created_by": "system"}
    assert (assistant["name"], assistant["version"]) == ("human_in_the_loop", 1)
    assert assistant["description"] is None


def test_a_new_assistant_is_untitled_at_version_one(make_assistant):
    assistant = make_assistant()
    assert UUID(assistant["assistant_id"]).version == 4
    assert (assistant["name"], assistant["version"]) == ("Untitled", 1)


def test_an_id_is_used_once(api, make_assistant):
    first = make_assistant(assistant_id=str(uuid4()), name="Mine")
    body = {"graph_id": "echo_config", "assistant_id": first["assistant_id"], "name": "Other"}
    again = api.post("/assistants", json=body)
    assert again.status_code == 409
    assert again.json() == {"detail": f"Assistant {first['assistant_id']} already exists"}
    assert api.post("/assistants", json=body | {"if_exists": "do_nothing"}).json() == first


def test_context_and_configurable_are_one_thing_said_twice(api, make_assistant):
    assert make_assistant(config={"configurable": {"a": 1}})["context"] == {"a": 1}
    assert make_assistant(context={"a": 1})["config"] == {"configurable": {"a": 1}}
    body = {"graph_id": "echo_config", "context": {"a": 1}, "config": {"configurable": {"b": 1}}}
    assert api.post("/assistants", json=body).status_code == 400


def test_every_change_is_a_version_that_can_be_gone_back_to(api, make_assistant):
    first = make_assistant(name="One", metadata={"team": "x"}, config={"configurable": {"a": 1}})
    place = f"/assistants/{first['assistant_id']}"
    change = {"name": "Two", "metadata": {"k": 1}, "config": {"configurable": {"a": 2}}}
    second = api.patch(place, json=change).json()
    assert second["version"] == 2
    assert second["metadata"] == {"team": "x", "k": 1}
    assert second["config"] == {"configurable": {"a": 2}}
    assert api.patch(place, json={}).json()["version"] == 3

    versions = api.post(f"{place}/versions", json={}).json()
    assert [one["version"] for one in versions] == [3, 2, 1]
    assert "updated_at" not in versions[0]
    assert [one["version"] for one in api.post(f"{place}/versions", json={"limit": 1}).json()] == [
        3
    ]

    back = api.post(f"{place}/latest", json={"version": 1}).json()
    assert (back["name"], back["version"], back["context"]) == ("One", 1, {"a": 1})
    assert api.get(place).json()["name"] == "One"
    for body in ({"version": 99}, {}):
        assert api.post(f"{place}/latest", json=body).status_code == 404


def test_a_deleted_assistant_is_gone_and_its_threads_are_not(api, make_assistant):
    assistant_id = make_assistant()["assistant_id"]
    thread_id = api.post("/threads", json={}).json()["thread_id"]
    run = {"assistant_id": assistant_id, "input": {}}
    api.post(f"/threads/{thread_id}/runs/wait", json=run)
    assert api.delete(f"/assistants/{assistant_id}").status_code == 204
    assert api.get(f"/assistants/{assistant_id}").status_code == 404
    assert api.get(f"/threads/{thread_id}").status_code == 200


def test_a_deleted_assistant_takes_its_threads_along_when_told_to(api, make_assistant):
    assistant_id = make_assistant()["assistant_id"]
    thread_id = api.post("/threads", json={}).json()["thread_id"]
    run = {"assistant_id": assistant_id, "input": {}}
    api.post(f"/threads/{thread_id}/runs/wait", json=run)
    assert api.delete(f"/assistants/{assistant_id}?delete_threads=true").status_code == 204
    assert api.get(f"/threads/{thread_id}").status_code == 404


def test_searches_filter_sort_select_and_count(api, make_assistant):
    team = uuid4().hex
    for name in ("b", "a", "c"):
        make_assistant(name=name, metadata={"team": team})
    mine = {"metadata": {"team": team}}
    newest = api.post("/assistants/search", json=mine | {"limit": 2, "select": ["name"]})
    assert newest.json() == [{"name": "c"}, {"name": "a"}]
    assert newest.headers["x-pagination-next"] == "2"
    sort = mine | {"sort_by": "name", "sort_order": "asc"}
    assert [one["name"] for one in api.post("/assistants/search", json=sort).json()] == list("abc")
    assert api.post("/assistants/count", json=mine).json() == 3
    assert api.post("/assistants/count", json=mine | {"graph_id": "static_steps"}).json() == 0


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/assistants", {}, 422),
        ("/assistants", {"graph_id": "nope"}, 404),
        ("/assistants", {"graph_id": 3}, 422),
        ("/assistants", {"graph_id": "echo_config", "assistant_id": "bad"}, 422),
        ("/assistants", {"graph_id": "echo_config", "if_exists": "maybe"}, 422),
        ("/assistants", {"graph_id": "echo_config", "name": "x" * 501}, 422),
        ("/assistants/search", {"limit": 0}, 422),
        ("/assistants/search", {"sort_by": "bogus"}, 422),
        ("/assistants/search", {"select": ["bogus"]}, 422),
        ("/assistants/search", {"graph_id": "nope"}, 404),
        (f"/assistants/{NOBODY}/versions", {}, 404),
        (f"/assistants/{NOBODY}/latest", {"version": 1}, 404),
    ],
)
def test_wrong_bodies_are_refused(api, path, body, status):
    assert api.post(path, json=body).status_code == status


def test_a_graph_is_drawn_by_id_or_by_name(api):
    drawn = api.get(f"/assistants/{SYSTEM}/graph").json()
    assert [node["id"] for node in drawn["nodes"]] == ["__start__", "human_node", "__end__"]
    assert drawn["edges"][0] == {"source": "__start__", "target": "human_node"}
    assert api.get("/assistants/human_in_the_loop/graph").json() == drawn


def test_xray_opens_subgraphs(api):
    for xray in ("true", "1"):
        drawn = api.get(f"/assistants/subgraph_interrupt/graph?xray={xray}").json()
        assert any(":" in node["id"] for node in drawn["nodes"])
    for xray in ("-1", "abc"):
        answer = api.get(f"/assistants/subgraph_interrupt/graph?xray={xray}")
        assert (answer.status_code, answer.json()) == (422, {"detail": "Invalid xray value"})


def test_schemas_and_subgraphs(api):
    schemas = api.get(f"/assistants/{SYSTEM}/schemas").json()
    assert schemas["graph_id"] == "human_in_the_loop"
    assert "some_text" in schemas["input_schema"]["properties"]
    assert api.get(f"/assistants/{SYSTEM}/subgraphs").json() == {}
    outer = uuid5(NAMESPACE, "subgraph_interrupt")
    (name,) = api.get(f"/assistants/{outer}/subgraphs").json()
    assert list(api.get(f"/assistants/{outer}/subgraphs/{name}").json()) == [name]
    assert api.get(f"/assistants/{outer}/subgraphs/nope").json() == {}
