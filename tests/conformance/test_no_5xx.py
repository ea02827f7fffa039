"""Whatever is asked, however badly: no answer is the server's fault."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from io import StringIO
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core import NotSet

from hitl_console.urls import API_ROOTS
from reviews.models import ReviewPolicy, ReviewTask
from runs.models import Run, Scope
from tests.conftest import delete_policy, issue_key, make_user
from tests.console import Console
from tests.security.test_access import ROUTES

QUICK = settings(
    derandomize=True,  # the same requests in every run: a failure is never a surprise
    database=None,
    deadline=None,
    max_examples=6,
    suppress_health_check=list(HealthCheck),
)
TEXTS = [
    "\x00",
    "a\x00b",
    "\ud800",
    "\u202etxt.exe",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "%00%ff%",
    "../../etc/passwd",
    "x" * 5000,
    "-1",
    "9" * 30,
    "1e999",
    "NaN",
    "null",
    "[[[",
    '{"a": [1]}',
    "9999-99-99",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "a,b,,",
    "",
]
NUMBERS = [-1, 0, 2**31, 2**63, 10**30, -(2**63) - 1, 1e308]
JUNK = st.one_of(
    st.sampled_from([*TEXTS, *NUMBERS, None, True, [], {}, [None], {"": {}}, {"$eq": "\x00"}]),
    st.lists(st.sampled_from(TEXTS), max_size=2),
    st.dictionaries(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), max_size=2),
)
HOSTILE = st.one_of(st.sampled_from(TEXTS), st.text(max_size=20))
FIELD = re.compile(r'\bname="([\w.:-]{1,60})"')
KNOWN = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")


@pytest.fixture(scope="module", autouse=True)
def _only_what_requests_make() -> None:
    """Runs that other tests wrote by hand, as no request would, are over."""
    by_hand = [run.pk for run in Run.objects.active() if "checkpoint_id" not in run.kwargs]
    Run.objects.filter(pk__in=by_hand).update(status=Run.Status.ERROR)


@pytest.fixture(scope="module")
def queue_of_mine() -> Iterator[Group]:
    queue = Group.objects.create(name=f"no 5xx {uuid.uuid4().hex[:8]}")
    policy = ReviewPolicy.objects.create(graph_id="approve_once", queue=queue, order=1)
    yield queue
    delete_policy(policy)


@pytest.fixture(scope="module")
def ids(console: Console, queue_of_mine: Group) -> dict[str, str]:
    """What there is, by the names that paths have for it: all of this module's own."""
    with console.client() as api:
        thread = api.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": "approve_once", "input": {}}
        api.post(f"/threads/{thread}/runs/wait", json=body).raise_for_status()
        (run,) = api.get(f"/threads/{thread}/runs").json()
        state = api.get(f"/threads/{thread}/state").json()
        mine = api.post("/assistants", json={"graph_id": "approve_once"}).json()
        yearly = {"assistant_id": "approve_once", "schedule": "0 0 1 1 *", "input": {}}
        cron = api.post(f"/threads/{thread}/runs/crons", json=yearly).json()
    task = ReviewTask.objects.open().on(uuid.UUID(thread)).get()
    return {
        "thread_id": thread,
        "run_id": run["run_id"],
        "checkpoint_id": state["checkpoint"]["checkpoint_id"],
        "assistant_id": mine["assistant_id"],
        "cron_id": cron["cron_id"],
        "pk": str(task.pk),
    }


@pytest.fixture(scope="module")
def program() -> Client:
    """A program that may do everything."""
    key = issue_key("no 5xx", list(Scope.values))
    return Client(headers={"x-api-key": key}, raise_request_exception=False)


@pytest.fixture(scope="module")
def ada() -> Client:
    """Somebody who may open everything."""
    client = Client(raise_request_exception=False)
    ada = make_user("ada", is_staff=True, is_superuser=True)
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    return client


def judge(answer: HttpResponse, *what: object) -> None:
    answer.close()
    assert answer.status_code < 500, f"{answer.status_code}: {what}"


# -- the API, as it describes itself ---------------------------------------------------------


def test_the_api_by_its_own_description(program: Client, ids: dict[str, str]) -> None:
    described = program.get("/api/schema/").content.decode()
    schema = schemathesis.openapi.from_file(StringIO(described))
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 60
    for operation in operations:
        try_operation(program, operation, ids)


def try_operation(program: Client, operation: Any, ids: dict[str, str]) -> None:
    @QUICK
    @given(operation.as_strategy(), st.booleans(), st.data())
    def once(case: Any, is_known: bool, data: st.DataObject) -> None:
        places = dict(case.path_parameters or {})
        if is_known:
            places |= {name: ids[name] for name in places if name in ids}
        path = re.sub(r"{(\w+)}", lambda m: quote(str(places[m[1]]), safe="%"), case.path)
        query = {name: spoiled(value, data) for name, value in (case.query or {}).items()}
        body = b"" if isinstance(case.body, NotSet) else json.dumps(spoiled(case.body, data))
        target = f"{path}?{urlencode(query, doseq=True, errors='replace')}"
        answer = program.generic(case.method, target, body, "application/json")
        judge(answer, case.method, target, body)

    once()


def spoiled(value: Any, data: st.DataObject) -> Any:
    """The value with one of its parts, or all of it, as nobody should send it."""
    if not isinstance(value, dict) or not value:
        return data.draw(st.one_of(st.just(value), JUNK))
    name = data.draw(st.sampled_from(sorted(value)))
    return value | {name: data.draw(st.one_of(st.just(value[name]), JUNK))}


# -- every other address ---------------------------------------------------------------------


# Signing out would end the journey; what is changed in Django's admin may be others'.
PAGES = [
    route
    for route in ROUTES
    if route.split("/")[0] not in API_ROOTS and not route.startswith(("logout/", "admin/logout/"))
]


def place(route: str, ids: dict[str, str], data: st.DataObject, *, is_read: bool) -> str:
    """An address of the route: with what there is, with what there is not, or with junk."""
    others = range(25) if is_read else ()  # what others of the session have is only looked at

    def part(match: re.Match[str]) -> str:
        name, kind = match[1] or match[2], match[0]
        nobody = [str(uuid.UUID(int=7))] if "uuid" in kind else [*others, *NUMBERS[1:5]]
        junk = [] if kind.startswith(("<int", "<uuid")) else TEXTS
        is_ours = name in ids and (name != "pk" or "tasks/" in route)
        known = [ids[name]] if is_ours else []
        found = data.draw(st.sampled_from([*known, *known, *nobody, *junk]))
        return quote(str(found), safe="", errors="replace") or "-"

    return "/" + KNOWN.sub(part, route)


def test_every_page_with_whatever_a_browser_can_send(ada: Client, ids: dict[str, str]) -> None:
    fields = sorted({name for route in PAGES for name in fields_of(ada, route, ids)})
    assert len(fields) > 30
    given_fields = st.dictionaries(st.sampled_from(fields), HOSTILE, max_size=5)
    for route in PAGES:
        try_page(ada, route, ids, given_fields)


def fields_of(ada: Client, route: str, ids: dict[str, str]) -> list[str]:
    """The names of the fields on a page."""
    path = "/" + KNOWN.sub(lambda m: ids.get(m[1] or m[2], "1"), route)
    answer = ada.get(path)
    judge(answer, path)
    return [] if answer.streaming else FIELD.findall(answer.content.decode(errors="replace"))


def try_page(
    ada: Client, route: str, ids: dict[str, str], fields: st.SearchStrategy[dict[str, str]]
) -> None:
    is_safe = route.startswith("admin/") or route == "password/<uidb64>/<token>/"

    @QUICK
    @given(fields, fields, st.data())
    def once(query: dict[str, str], form: dict[str, str], data: st.DataObject) -> None:
        target = f"{place(route, ids, data, is_read=True)}?{urlencode(query, errors='replace')}"
        judge(ada.get(target), "GET", target)
        if not is_safe:
            sent = {name: text.encode(errors="surrogatepass") for name, text in form.items()}
            target = place(route, ids, data, is_read=False)
            kind = "application/x-www-form-urlencoded"
            judge(ada.generic("POST", target, urlencode(sent), kind), "POST", target, sent)

    once()
