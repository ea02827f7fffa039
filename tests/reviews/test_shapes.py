"""What a graph receives, to the byte, for every shape of question and every verdict: both doors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group, User

from reviews.models import AuditEntry, Decision, ReviewPolicy, ReviewTask
from runs.models import Run, Scope
from tests.conftest import delete_policy, issue_key
from tests.console import Console, wait_for
from tests.reviews.pages import browser_of, url, words

pytestmark = pytest.mark.usefixtures("ledger_kept")

Open = Callable[..., ReviewTask]
CALL = {"name": "issue_refund", "args": {"order": 48213, "amount": 12.5, "notify": True}}
MAIL = {"name": "send_email", "args": {"to": "ann@example.com", "body": "On its way."}}
ALL = ["approve", "edit", "reject", "respond"]
BATCH = {
    "action_requests": [CALL, MAIL, CALL, MAIL],
    "review_configs": [
        {"action_name": "issue_refund", "allowed_decisions": ALL},
        {"action_name": "send_email", "allowed_decisions": ALL},
    ],
}
MESSAGE = {"properties": {"type": {"const": "approve"}}, "required": ["type"], "type": "object"}
PER_CALL = {
    "oneOf": [
        MESSAGE,
        {
            "properties": {"type": {"const": "reject"}, "message": {"type": "string"}},
            "required": ["type"],
            "type": "object",
        },
    ]
}
FLAGS = dict.fromkeys(("allow_accept", "allow_edit", "allow_respond", "allow_ignore"), True)
HUMAN = {
    "action_request": {"action": "book", "args": {"room": 7, "late": False}},
    "config": FLAGS,
    "description": "**Check** the room",
}
TREE = {"n": 1, "rate": 2.0, "deep": {"none": None, "on": False}, "tags": ["a", "b"]}
FORM = {
    "type": "object",
    "properties": {"amount": {"type": "integer", "maximum": 500}, "why": {"type": "string"}},
    "required": ["amount"],
}


@dataclass
class Case:
    """A question, one answer to it by API and by form, and what the graph must get."""

    name: str
    ask: Any
    shape: str
    verdict: dict[str, Any]
    form: dict[str, Any]
    gets: Any
    schema: Any = None
    policy: dict[str, Any] = field(default_factory=dict)


def one(kind: str, **rest: Any) -> dict[str, Any]:
    return {"actions": [{"kind": kind, **rest}]}


CASES = [
    Case(
        "a1 the text",
        {"text_to_revise": "Dear Ann", "case": 7},
        "a1",
        {"kind": "edit", "value": "Dear Bob"},
        {"text": "Dear Bob"},
        "Dear Bob",
    ),
    Case(
        "a1 unchanged",
        {"draft": "Dear\nAnn"},
        "a1",
        {"kind": "approve"},
        {"text": "Dear\r\nAnn"},  # as browsers post line ends
        "Dear\nAnn",
    ),
    Case(
        "a1 rejected as the policy says",
        {"draft": "Dear Ann"},
        "a1",
        {"kind": "reject"},
        {"kind": "reject", "text": "half a thought"},
        {"approved": False, "reason": None},
        policy={"reject_value": {"approved": False, "reason": None}},
    ),
    Case(
        "a2 an option, not its index",
        {"question": "Which?", "options": ["low", 2, {"label": "High", "value": [3]}]},
        "a2",
        {"kind": "respond", "value": 2},
        {"option": "1"},
        2,
    ),
    Case(
        "a2 yes",
        {"question": "Go?"},
        "a2",
        {"kind": "respond", "value": True},
        {"option": "yes"},
        True,
    ),
    Case(
        "a2 no",
        {"question": "Go?"},
        "a2",
        {"kind": "respond", "value": False},
        {"option": "no"},
        False,
    ),
    Case(
        "a2 text",
        {"question": "Who?"},
        "a2",
        {"kind": "respond", "value": "Ann"},
        {"text": "Ann"},
        "Ann",
    ),
    Case(
        "a3 types and unknown keys kept",
        TREE,
        "a3",
        {"kind": "edit", "value": {**TREE, "n": 5}},
        {
            "field:/n": "5",
            "field:/rate": "2.0",
            "field:/deep/none": "null",
            "field:/tags": "a\r\nb",
        },
        {**TREE, "n": 5},
    ),
    Case("a3 untouched", TREE, "a3", {"kind": "approve"}, {"kind": "approve"}, TREE),
    Case(
        "b mixed, in the order asked",
        BATCH,
        "b",
        {
            "actions": [
                {"kind": "approve"},
                {"kind": "edit", "args": {"to": "bob@example.com", "body": "On its way."}},
                {"kind": "reject", "message": "Too much"},
                {"kind": "respond", "message": "Sent by hand"},
            ]
        },
        {
            "action-3-kind": "respond",
            "action-3-message": "Sent by hand",
            "action-2-kind": "reject",
            "action-2-message": "Too much",
            "action-1-kind": "edit",
            "action-1-field:/to": "bob@example.com",
            "action-1-field:/body": "On its way.",
            "action-0-kind": "approve",
        },
        {
            "decisions": [
                {"type": "approve"},
                {
                    "type": "edit",
                    "edited_action": {
                        "name": "send_email",
                        "args": {"to": "bob@example.com", "body": "On its way."},
                    },
                },
                {"type": "reject", "message": "Too much"},
                {"type": "respond", "message": "Sent by hand"},
            ]
        },
    ),
    Case(
        "b all at once",
        BATCH,
        "b",
        {"kind": "approve"},
        {"kind": "approve"},
        {"decisions": [{"type": "approve"}] * 4},
    ),
    Case(
        "b2 one decision, not a list",
        {"type": "tool_approval", "tool_call_id": "c1", **CALL},
        "b2",
        one("reject", message="No"),
        {"action-0-kind": "reject", "action-0-message": "No"},
        {"type": "reject", "message": "No"},
        schema=PER_CALL,
    ),
    Case(
        "c accept, a list of one for a bare dict",
        HUMAN,
        "c",
        one("approve"),
        {"action-0-kind": "approve"},
        [{"type": "accept", "args": HUMAN["action_request"]}],
    ),
    Case(
        "c edit",
        [HUMAN],
        "c",
        one("edit", args={"room": 8, "late": True}),
        {"action-0-kind": "edit", "action-0-field:/room": "8", "action-0-field:/late": "on"},
        [{"type": "edit", "args": {"action": "book", "args": {"room": 8, "late": True}}}],
    ),
    Case(
        "c respond and ignore",
        [HUMAN, HUMAN],
        "c",
        {"actions": [{"kind": "respond", "message": "Which day?"}, {"kind": "reject"}]},
        {
            "action-0-kind": "respond",
            "action-0-message": "Which day?",
            "action-1-kind": "reject",
        },
        [{"type": "response", "args": "Which day?"}, {"type": "ignore", "args": None}],
    ),
    Case("d the string", "Who?", "d", {"kind": "respond", "value": "Ann"}, {"text": "Ann"}, "Ann"),
    Case(
        "f the validated instance",
        {"question": "How much?"},
        "f",
        {"kind": "respond", "value": {"amount": 500}},
        {"field:/amount": "500", "field:/why": ""},
        {"amount": 500},
        schema=FORM,
    ),
    Case("g a number", 7, "g", {"kind": "respond", "value": 1.0}, {"json": "1.0"}, 1.0),
    Case("g text", None, "g", {"kind": "respond", "value": "1"}, {"text": "1"}, "1"),
    Case("g null", [], "g", {"kind": "respond", "value": None}, {"json": "null"}, None),
    Case("g empty", [], "g", {"kind": "respond", "value": {}}, {"json": "{}"}, {}),
]


@pytest.fixture
def ask(api: httpx.Client, queue: Group, task_on: Callable[[str], ReviewTask]) -> Iterator[Open]:
    """Have a graph of `shape_graphs` ask, under a policy of the test's own."""
    made: list[ReviewPolicy] = []

    def start(graph: str, policy: dict[str, Any] | None = None, **state: Any) -> ReviewTask:
        fields = {"graph_id": graph, "queue": queue, "order": 0, **(policy or {})}
        made.append(ReviewPolicy.objects.create(**fields))
        thread = api.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": graph, "input": state}
        api.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
        return task_on(thread)

    yield start
    for policy in made:
        delete_policy(policy)


@pytest.fixture
def reviewer(console: Console, rosa: User) -> Iterator[httpx.Client]:
    with console.client() as client:
        client.headers["x-api-key"] = issue_key(
            "person", [Scope.TASKS_READ, Scope.TASKS_DECIDE], rosa
        )
        yield client


def values(api: httpx.Client, task: ReviewTask) -> dict[str, Any]:
    """The thread's values once its runs are over."""
    active = Run.objects.on(task.thread_id).active()
    wait_for(lambda: not active.exists(), what="runs are over")
    found: dict[str, Any] = api.get(f"/threads/{task.thread_id}/state").json()["values"]
    return found


@pytest.mark.parametrize("door", ["page", "api"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_graph_receives_exactly_this(
    case: Case, door: str, ask: Open, api: httpx.Client, reviewer: httpx.Client, rosa: User
) -> None:
    task = ask("recorder", case.policy, ask=case.ask, schema=case.schema)
    assert task.shape == case.shape

    if door == "api":
        answer = reviewer.post(f"/api/tasks/{task.pk}/decide/", json=case.verdict)
        assert answer.status_code == 200, answer.text
    else:
        page = browser_of(rosa)
        promised = words(page.post(url("preview", task), case.form))
        sent = page.post(url("decide", task), case.form)
        assert sent.status_code == 302, words(sent)
        assert "Nothing yet" not in promised

    assert values(api, task)["got"] == json.dumps(case.gets)
    assert_closed_form_is_filled(case, words(browser_of(rosa).get(url("task", task))))
    decision = Decision.objects.get(task=task)
    assert json.dumps(decision.value) == json.dumps(case.gets)
    assert AuditEntry.objects.filter(object=f"task:{task.pk}", action="task.decided").count() == 1


def assert_closed_form_is_filled(case: Case, said: str) -> None:
    """The same form, disabled, with what was sent."""
    assert '<fieldset class="sent" disabled>' in said
    assert "What was sent to the graph" in said
    for typed in case.form.values():
        if typed not in ("approve", "reject", "half a thought", "on", "{}", ""):
            assert typed.replace("\r\n", "\n") in said


# -- breakpoints -----------------------------------------------------------------------------


STATE = {"amount": 5, "note": "for Ann", "urgent": True}
WAYS = [
    ("continue", {"kind": "continue"}, {"kind": "continue"}, {}, ["draft", "publish"]),
    (
        "edit values",
        {"kind": "edit", "value": {"amount": 7, "urgent": False}},
        {
            "kind": "edit",
            "field:/amount": "7",
            "field:/note": "for Ann",
            "field:/urgent": "1",
            "how:/visited": "append",
            "append:/visited": "",
        },
        {"amount": 7, "urgent": False},
        ["draft", "publish"],
    ),
    (
        "append to a list",
        {"kind": "edit", "value": {"visited": ["x", "y"]}},
        {"kind": "edit", "how:/visited": "append", "append:/visited": "x\r\ny"},
        {"visited": ["draft", "x", "y"]},
        ["draft", "x", "y", "publish"],
    ),
    (
        "replace a list",
        {"kind": "edit", "value": {"visited": {"__overwrite__": ["z"]}}},
        {"kind": "edit", "how:/visited": "replace", "field:/visited": "z"},
        {"visited": ["z"]},
        ["z", "publish"],
    ),
    ("skip", {"kind": "skip"}, {"kind": "skip"}, None, ["draft"]),
    ("stop", {"kind": "stop"}, {"kind": "stop", "field:/amount": "9"}, None, ["draft"]),
]


@pytest.mark.parametrize("door", ["page", "api"])
@pytest.mark.parametrize(("name", "verdict", "form", "changed", "visited"), WAYS)
def test_a_breakpoint_is_left_exactly_so(
    name: str,
    verdict: dict[str, Any],
    form: dict[str, Any],
    changed: dict[str, Any] | None,
    visited: list[str],
    door: str,
    ask: Open,
    api: httpx.Client,
    reviewer: httpx.Client,
    rosa: User,
) -> None:
    task = ask("order", **STATE)
    assert (task.shape, task.title) == ("e", "Paused before publish")

    if door == "api":
        answer = reviewer.post(f"/api/tasks/{task.pk}/decide/", json=verdict)
        assert answer.status_code == 200, answer.text
    else:
        sent = browser_of(rosa).post(url("decide", task), form)
        assert sent.status_code == 302, words(sent)

    after = values(api, task)
    assert after["visited"] == visited
    if changed is not None:
        saw = json.loads(after["seen"])
        expected = {**STATE, "visited": ["draft"], **changed}
        assert {key: saw[key] for key in expected} == expected
    decision = Decision.objects.get(task=task)
    assert decision.kind == verdict["kind"]
    assert decision.value == verdict.get("value")
    assert decision.delivery.state == "consumed"


def test_messages_are_replaced_by_their_ids(ask: Open, api: httpx.Client, rosa: User) -> None:
    task = ask("order", amount=1, messages=[{"role": "user", "content": "Hi"}])
    said = task.value["messages"]
    changed = [{**said[1], "content": "Publish now."}, {"role": "user", "content": "Yes"}]
    form = {"kind": "edit", "how:/messages": "replace", "field:/messages": json.dumps(changed)}

    page = browser_of(rosa)
    preview = words(page.post(url("preview", task), {**form, "kind": ""}))
    assert page.post(url("decide", task), form).status_code == 302

    assert "Publish now." in preview
    saw = json.loads(values(api, task)["seen"])
    assert saw["messages"] == [["ai", "Publish now."], ["human", "Yes"]]


def test_an_edit_after_a_fan_in_forgets_none_of_its_branches(
    ask: Open, api: httpx.Client, reviewer: httpx.Client
) -> None:
    task = ask("joined_order", **STATE)
    verdict = {"kind": "edit", "value": {"note": "edited", "visited": ["by hand"]}}

    assert reviewer.post(f"/api/tasks/{task.pk}/decide/", json=verdict).status_code == 200

    after = values(api, task)
    assert sorted(after["visited"][:2]) == ["draft", "price"]
    assert after["visited"][2:] == ["by hand", "publish"]
    assert json.loads(after["seen"])["note"] == "edited"


def test_an_edit_that_leads_elsewhere_stops_at_the_breakpoint_there(
    ask: Open, api: httpx.Client, reviewer: httpx.Client, task_on: Callable[[str], ReviewTask]
) -> None:
    task = ask("order", **STATE)
    verdict = {"kind": "edit", "value": {"amount": 2000}}

    assert reviewer.post(f"/api/tasks/{task.pk}/decide/", json=verdict).status_code == 200

    assert values(api, task)["visited"] == ["draft"]
    assert task_on(str(task.thread_id)).title == "Paused before refuse"


@pytest.mark.parametrize(
    ("verdict", "visited"),
    [
        ({"kind": "skip"}, ["after"]),
        ({"kind": "continue"}, ["inner_first", "act", "after"]),
    ],
)
def test_a_pause_inside_a_subgraph_is_skipped_as_a_whole(
    ask: Open,
    api: httpx.Client,
    reviewer: httpx.Client,
    verdict: dict[str, Any],
    visited: list[str],
) -> None:
    task = ask("nested_breakpoint")
    assert task.node == "child"

    answer = reviewer.post(f"/api/tasks/{task.pk}/decide/", json=verdict)

    assert answer.status_code == 200, answer.text
    assert values(api, task)["visited"] == visited


@pytest.mark.parametrize(
    ("verdict", "pointer"),
    [
        ({"kind": "edit"}, "/value"),
        ({"kind": "edit", "value": {}}, "/value"),
        ({"kind": "edit", "value": {"amnt": 3}}, "/value/amnt"),
        ({"kind": "edit", "value": {"visited": "x"}}, "/value/visited"),
        ({"kind": "edit", "value": {"amount": {"__overwrite__": 1}}}, "/value/amount"),
        ({"kind": "edit", "value": {"messages": {"__overwrite__": []}}}, "/value/messages"),
        ({"kind": "respond", "value": 1}, "/kind"),
    ],
)
def test_what_a_state_cannot_take_changes_nothing_and_says_where(
    ask: Open, reviewer: httpx.Client, verdict: dict[str, Any], pointer: str
) -> None:
    task = ask("order", **STATE)

    answer = reviewer.post(f"/api/tasks/{task.pk}/decide/", json=verdict)

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    task.refresh_from_db()
    assert task.is_open


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"kind": "continue", "field:/amount": "9"}, "The state was changed"),
        ({"kind": "skip", "field:/amount": "9"}, "The state was changed"),
        ({"kind": "edit", "field:/amount": "5"}, "Nothing was changed"),
        ({"kind": "edit", "field:/amount": "nine"}, "Must be a number"),
        (
            {"kind": "edit", "how:/messages": "replace", "field:/messages": '[{"id": "x"}, 1]'},
            "Must be a list of messages",
        ),
    ],
)
def test_a_typed_change_is_never_dropped_unsaid(
    ask: Open, rosa: User, form: dict[str, Any], says: str
) -> None:
    task = ask("order", **STATE)

    answer = browser_of(rosa).post(url("decide", task), form)

    assert answer.status_code == 422
    assert says in words(answer)
    assert form.get("field:/amount", "5") in words(answer)
    task.refresh_from_db()
    assert task.is_open


# -- high risk -------------------------------------------------------------------------------

RISK = {"high_risk": True}
FACT = "issue_refund: Order 48213, Amount 12.5, Notify true"


def test_high_risk_needs_a_reason_and_a_confirmation(
    ask: Open, api: httpx.Client, reviewer: httpx.Client, rosa: User
) -> None:
    call = {"action_requests": [CALL, CALL], "review_configs": BATCH["review_configs"]}
    task = ask("recorder", RISK, ask=call)
    page, door = browser_of(rosa), f"/api/tasks/{task.pk}/decide/"

    shown = words(page.get(url("task", task)))
    refused = page.post(url("decide", task), {"kind": "approve", "comment": " "})
    unsaid = reviewer.post(door, json={"kind": "approve", "confirmed": True})
    unchecked = reviewer.post(door, json={"kind": "approve", "comment": "Ann is waiting"})

    assert FACT in shown
    assert "High risk" in shown
    assert "data-all" not in shown
    assert refused.status_code == 422
    assert "say why you decide so" in words(refused)
    assert [e["pointer"] for e in unsaid.json()["errors"]] == ["/comment"]
    assert [e["pointer"] for e in unchecked.json()["errors"]] == ["/confirmed"]
    task.refresh_from_db()
    assert task.is_open

    form = {"kind": "approve", "comment": "Ann is waiting", "confirmed": "on"}
    assert page.post(url("decide", task), form).status_code == 302
    assert values(api, task)["got"] == json.dumps({"decisions": [{"type": "approve"}] * 2})
    assert Decision.objects.get(task=task).comment == "Ann is waiting"


def test_a_program_cannot_answer_what_is_high_risk_without_a_reason(
    ask: Open, api: httpx.Client, console: Console
) -> None:
    task = ask("recorder", RISK, ask="Delete all?")
    resume = {"assistant_id": "recorder", "command": {"resume": "yes"}}
    around = {"assistant_id": "recorder", "command": {"goto": "__end__"}}
    runs = f"/threads/{task.thread_id}/runs/wait"

    with console.client() as admin:
        admin.headers["x-api-key"] = issue_key("admin", list(Scope.values))
        answers = [admin.post(runs, json=resume), api.post(runs, json=resume)]
    answers.append(api.post(runs, json=around))

    assert [answer.status_code for answer in answers] == [403] * 3
    assert "decided with a reason" in answers[0].text
    task.refresh_from_db()
    assert task.is_open


# -- around a task ---------------------------------------------------------------------------


def test_a_task_shows_its_siblings_and_what_its_thread_asked_before(
    api: httpx.Client, ask: Open, reviewer: httpx.Client, rosa: User, queue: Group
) -> None:
    ReviewPolicy.objects.filter(graph_id="two_branches").delete()
    policy = ReviewPolicy.objects.create(graph_id="two_branches", queue=queue, order=0)
    thread = api.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "two_branches", "input": {}}
    for _ in range(2):
        api.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
        tasks = list(ReviewTask.objects.open().filter(thread_id=thread).order_by("pk"))
        said = words(browser_of(rosa).get(url("task", tasks[1])))
        assert "2 of 2 in this turn" in said
        assert f'href="/tasks/{tasks[0].pk}/"' in said
        for task in tasks:
            answer = {"kind": "respond", "value": "yes"}
            reviewer.post(f"/api/tasks/{task.pk}/decide/", json=answer).raise_for_status()
        values(api, tasks[0])
    delete_policy(policy)

    said = words(browser_of(rosa).get(url("task", tasks[1])))

    assert said.count("Rosa: answered") >= 4  # the two before, its sibling, and its own
    assert tasks[1].digest in said
    assert "none: the default queue" in said  # the policy is gone


def test_quick_answers_come_from_the_policy(ask: Open, rosa: User) -> None:
    task = ask("recorder", {"quick_answers": ["Yes, <do>", "Not today"]}, ask="Ship it?")

    said = browser_of(rosa).get(url("task", task)).content.decode()

    assert 'data-fill="Yes, &lt;do&gt;"' in said
    assert "Not today" in said
