"""Auth handlers of langgraph.json: who they let in, and what of."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
from django.contrib.auth.models import User

from runs.models import Thread
from tests.console import wait_for
from tests.runs.conftest import refusal

# -- who is let in ---------------------------------------------------------------------------


def test_the_handler_says_who_is_let_in_and_why_not(ruled, person):
    def answer(**headers: str) -> httpx.Response:
        with httpx.Client(base_url=ruled.url, trust_env=False, timeout=60) as client:
            return client.post("/threads", json={}, headers=headers)

    for headers in ({}, {"authorization": "Basic YWxpY2U="}):
        shut_out = answer(**headers)
        assert (shut_out.status_code, shut_out.json()["detail"]) == (
            401,
            "Nobody is known by this token.",
        )
        assert shut_out.headers["www-authenticate"] == 'Bearer realm="elsewhere"'
    moody = answer(authorization="Bearer alice", **{"x-mood": "bad"})
    assert (moody.status_code, moody.json()) == (401, {"detail": "Not in this mood."})
    assert person("alice").post("/threads", json={}).status_code == 200


def test_a_handler_that_fails_lets_nobody_in_and_tells_nothing(ruled, person):
    for name in ("broken", "fails", "nonsense"):
        answer = person(name).post("/threads/search", json={})
        assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
        assert person(name).post("/threads", json={}).status_code == 500
        assert not Thread.objects.filter(metadata__owner=name).exists()
    wait_for(lambda: "hunter2" in ruled.web.output(), what="the reason in the log, and there alone")


def test_what_a_rule_raises_is_said(person):
    asserted = person("asserted").post("/threads", json={})
    assert (asserted.status_code, asserted.json()) == (403, {"detail": "That is not for you."})
    teapot = person("teapot").post("/runs/crons/search", json={})
    assert (teapot.status_code, teapot.json()) == (418, {"detail": "crons.search"})
    forbidden = person("mallory").post("/assistants/search", json={})
    assert (forbidden.status_code, forbidden.json()) == (403, {"detail": "Forbidden"})


def test_keys_open_what_is_the_consoles_own_and_tokens_do_not(ruled, console, person):
    with_key = httpx.Client(
        base_url=ruled.url, headers={"x-api-key": console.api_key}, trust_env=False, timeout=60
    )
    assert with_key.post("/threads", json={}).status_code == 401
    assert with_key.get("/breakpoints").status_code == 200
    assert with_key.get("/metrics").status_code == 200
    alice = person("alice")
    for path in ("/breakpoints", "/metrics", "/api/tasks/"):
        assert alice.get(path).status_code == 401, path
    assert alice.get("/inbox/").status_code == 302
    assert alice.get("/info").status_code == alice.get("/ok").status_code == 200


def test_who_comes_in_is_a_user_that_cannot_sign_in_and_can_be_kept_out(person):
    name = f"visitor {uuid.uuid4().hex[:8]}"
    assert person(name).post("/threads/search", json={}).status_code == 200
    user = User.objects.get(username=f"auth:{name}")
    assert not user.has_usable_password()
    assert not user.is_staff
    assert not user.groups.exists()
    assert (user.first_name, user.last_name) == ("", "")  # nobody can call themselves a reviewer
    User.objects.filter(pk=user.pk).update(is_active=False)
    answer = person(name).post("/threads/search", json={})
    assert (answer.status_code, answer.json()) == (401, {"detail": "This account is kept out."})


def test_names_nobody_can_keep_and_long_ones(person):
    long = "long-" + "x" * 400
    assert person(long).post("/threads/search", json={}).status_code == 200
    assert not User.objects.filter(username__startswith="auth:long-").exists()
    own = person(long).post("/threads", json={}).json()
    assert own["metadata"] == {"owner": long}


def names() -> tuple[str, str]:
    """Two people nobody knows."""
    some = uuid.uuid4().hex[:8]
    return f"ann {some}", f"ben {some}"


# -- what of ---------------------------------------------------------------------------------


def test_each_has_their_own_threads(sdk_of):
    alice, bob = sdk_of("alice"), sdk_of("bob")
    name = uuid.uuid4().hex
    hers = alice.threads.create(metadata={"name": name, "owner": "bob"})
    his = bob.threads.create(metadata={"name": name})
    at = hers["thread_id"]
    assert hers["metadata"] == {"name": name, "owner": "alice"}
    assert alice.threads.get(at)["thread_id"] == at
    for mine, other in ((alice, his), (bob, hers)):
        found = mine.threads.search(metadata={"name": name})
        assert [one["thread_id"] for one in found] != [other["thread_id"]]
        assert (len(found), mine.threads.count(metadata={"name": name})) == (1, 1)
    calls = [
        lambda: bob.threads.get(at),
        lambda: bob.threads.update(at, metadata={"name": "his"}),
        lambda: bob.threads.get_state(at),
        lambda: bob.threads.get_history(at),
        lambda: bob.threads.update_state(at, {"some_text": "his"}),
        lambda: bob.threads.copy(at),
        lambda: bob.threads.create(thread_id=at, if_exists="do_nothing"),
        lambda: bob.runs.list(at),
        lambda: bob.runs.create(at, "echo_config", input={}),
        lambda: bob.runs.create(at, "echo_config", input={}, if_not_exists="create"),
        lambda: bob.crons.create_for_thread(at, "echo_config", schedule="0 9 * * *"),
    ]
    assert [refusal(call) for call in calls] == [404] * len(calls)
    assert refusal(lambda: bob.threads.delete(at)) == 403  # bob has not the permission
    assert alice.threads.create(thread_id=at, if_exists="do_nothing")["thread_id"] == at
    assert alice.threads.copy(at)["metadata"]["owner"] == "alice"
    assert alice.threads.prune([at, his["thread_id"]])["pruned_count"] == 1
    assert refusal(lambda: alice.threads.get(at)) == 404
    assert bob.threads.get(his["thread_id"])["metadata"] == {"name": name, "owner": "bob"}


def test_a_filter_can_ask_for_what_a_list_holds(person):
    alice = person("alice")

    def thread(readers: Any) -> str:
        made = alice.post("/threads", json={"metadata": {"readers": readers}})
        return made.json()["thread_id"]

    one, both = thread(["reader"]), thread(["reader", "other reader"])
    nobodys = [thread(["readers"]), thread("reader")]

    def read_by(name: str) -> set[str]:
        answers = {at: person(name).get(f"/threads/{at}") for at in (one, both, *nobodys)}
        assert {answer.status_code for answer in answers.values()} <= {200, 404}
        return {at for at, answer in answers.items() if answer.status_code == 200}

    assert read_by("reader") == {one, both}
    assert read_by("other reader") == {both}
    assert read_by("both readers") == {both}
    assert read_by("bob") == set()


def test_each_has_their_own_assistants(sdk_of):
    ann, ben = names()
    alice, bob = sdk_of(ann), sdk_of(ben)
    hers = alice.assistants.create("echo_config", name="hers", metadata={"owner": ben})
    at = hers["assistant_id"]
    assert hers["metadata"] == {"owner": ann}
    assert alice.assistants.update(at, name="still hers")["version"] == 2
    assert [one["assistant_id"] for one in alice.assistants.search(graph_id="echo_config")] == [at]
    assert (alice.assistants.count(), bob.assistants.count()) == (1, 0)
    thread = bob.threads.create()["thread_id"]
    calls = [
        lambda: bob.assistants.get(at),
        lambda: bob.assistants.get_graph(at),
        lambda: bob.assistants.get_schemas(at),
        lambda: bob.assistants.get_versions(at),
        lambda: bob.assistants.set_latest(at, 1),
        lambda: bob.assistants.update(at, name="his"),
        lambda: bob.assistants.delete(at),
        lambda: bob.assistants.create("echo_config", assistant_id=at, if_exists="do_nothing"),
        lambda: bob.runs.create(thread, at, input={}),
        lambda: bob.crons.create(at, schedule="0 9 * * *"),
    ]
    assert [refusal(call) for call in calls] == [404] * len(calls)
    same = alice.assistants.create("echo_config", assistant_id=at, if_exists="do_nothing")
    assert same["name"] == "still hers"
    alice.assistants.delete(at)
    assert refusal(lambda: alice.assistants.get(at)) == 404


def test_an_assistant_takes_only_threads_of_its_owner_along(sdk_of):
    alice, bob = sdk_of("alice"), sdk_of("bob")
    at = alice.assistants.create("echo_config")["assistant_id"]
    his, hers = (
        mine.threads.create(metadata={"assistant_id": at})["thread_id"] for mine in (bob, alice)
    )
    alice.assistants.delete(at, delete_threads=True)
    assert refusal(lambda: alice.threads.get(hers)) == 404
    assert bob.threads.get(his)["thread_id"] == his


def test_each_has_their_own_items(sdk_of):
    ann, ben = names()
    alice, bob = sdk_of(ann), sdk_of(ben)
    label = uuid.uuid4().hex
    alice.store.put_item([label], "one", {"of": "alice"})
    bob.store.put_item([label], "one", {"of": "bob"})
    assert alice.store.get_item([label], "one")["value"] == {"of": "alice"}
    assert bob.store.get_item([ann, label], "one") is None
    (found,) = alice.store.search_items([label])["items"]
    assert (found["namespace"], found["value"]) == ([ann, label], {"of": "alice"})
    assert alice.store.list_namespaces(prefix=[label])["namespaces"] == [[ann, label]]
    every = bob.store.list_namespaces(limit=1000)["namespaces"]
    assert every
    assert {labels[0] for labels in every} == {ben}
    bob.store.delete_item([ann, label], "one")
    assert alice.store.get_item([label], "one") is not None
    alice.store.delete_item([label], "one")
    assert alice.store.get_item([label], "one") is None


def test_a_filter_on_the_store_is_refused_and_not_forgotten(person):
    answer = person("nonsense").put(
        "/store/items", json={"namespace": ["x"], "key": "k", "value": {}}
    )
    assert answer.status_code == 403
    assert "a handler of the store changes the namespace" in answer.json()["detail"]


def test_each_has_their_own_crons(sdk_of):
    ann, ben = names()
    alice, bob = sdk_of(ann), sdk_of(ben)
    hers = alice.crons.create("echo_config", schedule="0 9 1 1 *", metadata={"owner": ben})
    at = hers["cron_id"]
    assert hers["metadata"] == {"owner": ann}
    assert [one["cron_id"] for one in alice.crons.search()] == [at]
    assert (alice.crons.count(), bob.crons.count(), bob.crons.search()) == (1, 0, [])
    assert refusal(lambda: bob.crons.update(at, schedule="* * * * *")) == 404
    assert refusal(lambda: bob.crons.delete(at)) == 404
    assert alice.crons.update(at, enabled=False)["enabled"] is False
    alice.crons.delete(at)
    assert alice.crons.count() == 0
