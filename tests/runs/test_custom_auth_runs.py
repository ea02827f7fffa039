"""Auth handlers of langgraph.json and what runs: for whom, and who answers what it asks."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.utils.timezone import now
from langgraph_sdk.client import SyncLangGraphClient
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from reviews.models import Decision, ReviewPolicy, ReviewTask
from reviews.services import decide
from runs import services
from runs.models import Cron, Run
from runs.runtime import registry
from runs.services.crons import ITS_KEY
from tests.conftest import delete_policy
from tests.console import ROOT, wait_for
from tests.runs.conftest import RULES, refusal

pytestmark = pytest.mark.usefixtures("ledger_kept")

ECHO = {"assistant_id": "echo_config", "input": {}}
SUBSCRIBE = {
    "id": 1,
    "method": "subscription.subscribe",
    "params": {"channels": ["lifecycle", "values"]},
}


# -- runs ------------------------------------------------------------------------------------

CLAIMED = {
    "langgraph_auth_user": {"identity": "bob"},
    "langgraph_auth_user_id": "bob",
    "langgraph_auth_permissions": ["everything"],
    "tone": "kind",
}


def test_a_graph_is_told_who_asked_whatever_they_say_of_themselves(sdk_of):
    alice = sdk_of("alice")
    at = alice.threads.create()["thread_id"]
    asked = {"configurable": CLAIMED}
    told = alice.runs.wait(at, "echo_config", input={}, config=asked)["cfg"]
    user = told["langgraph_auth_user"]
    assert (user["identity"], user["display_name"], user["is_authenticated"]) == (
        "alice",
        "Alice",
        True,
    )
    assert (user["seen"], user["asked_for"]) == (f"POST /threads/{at}/runs/wait", at)
    assert told["langgraph_auth_user_id"] == told["user_id"] == "alice"
    assert told["langgraph_auth_permissions"] == ["threads:delete"]
    assert told["tone"] == "kind"
    (run,) = alice.runs.list(at)
    assert run["metadata"]["owner"] == "alice"
    assert "langgraph_auth_user" not in run["kwargs"]["config"]["configurable"]
    assert "display_name" not in str(run["kwargs"])  # what a handler knows stays with the graph


def test_what_a_handler_knows_is_not_shown_to_administrators(sdk_of, ada):
    alice, at = asking(sdk_of, "alice")
    (run,) = (one["run_id"] for one in alice.runs.list(at))
    cron = alice.crons.create("echo_config", schedule="0 9 1 1 *")["cron_id"]
    browser = Client()
    browser.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    for path in (f"/admin/runs/run/{run}/change/", f"/admin/runs/cron/{cron}/change/"):
        page = browser.get(path)
        assert (page.status_code, "display_name" in page.content.decode()) == (200, False)
    assert "strict_resume" in browser.get(f"/admin/runs/run/{run}/change/").content.decode()
    alice.crons.delete(cron)


def test_without_handlers_nobody_claims_to_have_passed_them(api):
    asked = ECHO | {"config": {"configurable": CLAIMED}}
    told = api.post("/runs/wait", json=asked).json()["cfg"]
    assert "tone" in told
    assert not {name for name in told if name.startswith("langgraph_auth")}


def test_runs_go_by_the_rules_of_their_threads(person, sdk_of):
    alice, bob = sdk_of("alice"), sdk_of("bob")
    at = alice.threads.create()["thread_id"]
    alice.runs.wait(at, "echo_config", input={})
    (run,) = alice.runs.list(at)
    his = bob.threads.create()["thread_id"]
    calls = [
        lambda: bob.runs.get(at, run["run_id"]),
        lambda: bob.runs.get(his, run["run_id"]),
        lambda: bob.runs.cancel(at, run["run_id"]),
        lambda: bob.runs.cancel_many(thread_id=at, run_ids=[run["run_id"]]),
    ]
    assert [refusal(call) for call in calls] == [404] * len(calls)
    assert refusal(lambda: bob.runs.delete(at, run["run_id"])) == 403
    joined = person("bob").get(f"/threads/{at}/runs/{run['run_id']}/join").json()
    assert joined == {"__error__": {"error": "HTTPException", "message": "404: Run not found"}}
    assert person("bob").get(f"/runs/{run['run_id']}/stream").status_code == 404
    watched = list(bob.runs.join_stream(at, run["run_id"]))
    assert [part.event for part in watched] == ["error"]
    assert alice.runs.join(at, run["run_id"])["cfg"]["langgraph_auth_user_id"] == "alice"
    alice.runs.delete(at, run["run_id"])
    assert alice.runs.list(at) == []


def test_who_may_only_read_does_not_cancel_by_leaving(sdk_of):
    alice, reader = sdk_of("alice"), sdk_of("reader")
    at = alice.threads.create(metadata={"readers": ["reader"]})["thread_id"]
    alice.runs.wait(at, "echo_config", input={})
    (run,) = alice.runs.list(at)
    watched = [part.event for part in reader.runs.join_stream(at, run["run_id"])]
    assert "error" not in watched
    watched = list(reader.runs.join_stream(at, run["run_id"], cancel_on_disconnect=True))
    assert [part.event for part in watched] == ["error"]


def test_a_thread_made_for_a_run_is_its_owners(person, sdk_of):
    alice, bob = sdk_of("alice"), sdk_of("bob")
    named = str(uuid.uuid4())
    alice.runs.wait(named, "echo_config", input={}, if_not_exists="create")
    kept = person("alice").post("/runs", json=ECHO | {"on_completion": "keep"}).json()
    batch = person("alice").post("/runs/batch", json=[ECHO | {"on_completion": "keep"}]).json()
    for at in (named, kept["thread_id"], batch[0]["thread_id"]):
        assert alice.threads.get(at)["metadata"]["owner"] == "alice"
        assert refusal(lambda at=at: bob.threads.get(at)) == 404
    watched = list(alice.runs.join_stream(kept["thread_id"], kept["run_id"]))
    assert "error" not in [part.event for part in watched]


def test_nobody_stops_what_is_not_theirs(person):
    alice, bob = person("alice"), person("bob")
    at = alice.post("/threads", json={}).json()["thread_id"]
    slow = {"assistant_id": "slow", "input": {"seconds": 30}}
    run = alice.post(f"/threads/{at}/runs", json=slow).json()["run_id"]
    assert bob.post("/runs/cancel", json={"status": "all"}).status_code == 404
    assert Run.objects.active().filter(pk=run).exists()
    alice.post("/runs/cancel", json={"status": "all"}).raise_for_status()
    assert not Run.objects.active().filter(pk=run).exists()


# -- answers ---------------------------------------------------------------------------------


def asking(
    sdk_of: Callable[[str], SyncLangGraphClient], name: str
) -> tuple[SyncLangGraphClient, str]:
    """Somebody whose thread waits for a person."""
    mine = sdk_of(name)
    at = mine.threads.create()["thread_id"]
    assert "__interrupt__" in mine.runs.wait(at, "approve_once", input={})
    return mine, at


def test_the_ledger_names_who_answered(task_on, sdk_of):
    alice, at = asking(sdk_of, "alice")
    task = task_on(at)
    bob = sdk_of("bob")
    answer = {"resume": "yes"}
    assert refusal(lambda: bob.runs.wait(at, "approve_once", command=answer)) == 404
    assert ReviewTask.objects.get(pk=task.pk).is_open
    alice.runs.wait(at, "approve_once", command=answer)
    decision = Decision.objects.select_related("reviewer").get(task=task)
    assert decision.reviewer.username == "auth:alice"


def test_answers_by_the_protocol_go_by_the_same_rules(person, task_on, sdk_of):
    _, at = asking(sdk_of, "alice")
    task = task_on(at)
    params = {"interrupt_id": task.interrupt.key, "response": "yes"}
    command = {"id": 1, "method": "input.respond", "params": params}
    his = person("bob").post(f"/threads/{at}/commands", json=command).json()
    assert (his["type"], his["error"]) == ("error", "no_such_interrupt")
    hers = person("alice").post(f"/threads/{at}/commands", json=command).json()
    assert hers["type"] == "success", hers
    decision = Decision.objects.select_related("reviewer").get(task=task)
    assert decision.reviewer.username == "auth:alice"


def test_what_only_reviewers_answer_no_rule_opens(task_on, sdk_of):
    policy = ReviewPolicy.objects.create(
        graph_id="approve_once", queue=Group.objects.get(name="Reviewers"), reviewers_only=True
    )
    try:
        alice, at = asking(sdk_of, "alice")
        call = {"assistant_id": "approve_once", "command": {"resume": "yes"}}
        assert refusal(lambda: alice.runs.wait(at, **call)) == 403
        assert refusal(lambda: alice.threads.update_state(at, {"answers": ["yes"]})) == 403
        assert refusal(lambda: alice.threads.copy(at)) == 403
        assert task_on(at).is_open
    finally:
        delete_policy(policy)


def test_a_run_that_goes_on_is_still_for_who_asked(rosa, task_on, sdk_of):
    _, at = asking(sdk_of, "alice")
    rosa.groups.add(task_on(at).queue)
    decide(
        task=task_on(at),
        reviewer=rosa,
        verdict={"kind": "respond", "value": "yes"},
        via=Decision.Via.API,
    )
    going_on = Run.objects.on(uuid.UUID(at)).order_by("-pk")[0]
    assert going_on.created_by == rosa
    assert going_on.kwargs["caller"]["identity"] == "alice"


def test_a_waiting_thread_is_not_forced_away(person, sdk_of):
    _, at = asking(sdk_of, "alice")
    assert person("alice").delete(f"/threads/{at}").status_code == 409
    assert person("alice").delete(f"/threads/{at}?force=true").status_code == 403


# -- what goes on by itself ------------------------------------------------------------------


def fired(cron_id: str) -> Cron:
    """The cron after its time has come, in this process; the console's worker does not see it."""
    with transaction.atomic():
        Cron.objects.filter(pk=cron_id).update(next_run_at=now())
        services.fire_crons()
    return Cron.objects.get(pk=cron_id)


def test_a_cron_acts_for_who_set_it_until_they_are_kept_out(sdk_of, settings):
    name = f"ann {uuid.uuid4().hex[:8]}"
    ann = sdk_of(name)
    cron_id = ann.crons.create(
        "echo_config", schedule="0 9 1 1 *", input={}, on_run_completed="keep"
    )["cron_id"]
    assert fired(cron_id).last_error == ITS_KEY  # the rules are gone: nobody stands for her

    settings.LANGGRAPH_CONFIG = RULES
    registry.forget()
    try:
        assert fired(cron_id).last_error == ""
        (thread,) = ann.threads.search()
        User.objects.filter(username=f"auth:{name}").update(is_active=False)
        assert fired(cron_id).last_error == ITS_KEY
    finally:
        settings.LANGGRAPH_CONFIG = ROOT / "tests" / "langgraph.json"
        registry.forget()
        Cron.objects.filter(pk=cron_id).delete()
    (run,) = Run.objects.on(uuid.UUID(thread["thread_id"]))
    wait_for(lambda: Run.objects.get(pk=run.pk).status == Run.Status.SUCCESS, seconds=60)
    run.refresh_from_db()
    assert run.output["cfg"]["langgraph_auth_user_id"] == name
    assert thread["metadata"]["owner"] == name


# -- following -------------------------------------------------------------------------------


async def test_a_socket_brings_only_runs_one_may_follow(ruled, sdk_of):
    at = str(uuid.uuid4())
    place = f"{ruled.url.replace('http', 'ws', 1)}/threads/{at}/stream/events"
    async with socket(place, "bob") as his, socket(place, "alice") as hers:
        for mine in (his, hers):  # the thread is not there yet
            await mine.send(json.dumps(SUBSCRIBE))
            assert json.loads(await mine.recv())["type"] == "success"
        alice = sdk_of("alice")
        await asyncio.to_thread(
            lambda: alice.runs.wait(at, "echo_config", input={}, if_not_exists="create")
        )
        async with asyncio.timeout(60):
            told = json.loads(await hers.recv())
        assert told["params"]["data"]["event"] == "running"
        await his.send(json.dumps({"id": 2, "method": "agent.getTree"}))
        async with asyncio.timeout(60):
            answer = json.loads(await his.recv())
        assert answer["id"] == 2  # the first thing he hears
    with pytest.raises(InvalidStatus):  # now that it is there, and Alice's
        await socket(place, "bob").__aenter__()


def socket(place: str, name: str) -> Any:
    return connect(place, additional_headers={"authorization": f"Bearer {name}"}, proxy=None)
