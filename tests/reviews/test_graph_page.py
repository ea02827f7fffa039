"""The page of a graph: its breakpoints seen, changed, saved as versions, and fought over."""

from __future__ import annotations

import gzip
import json
import uuid
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from reviews.models import AuditEntry
from runs import services
from runs.exceptions import BrokenBreakpoint
from runs.models import Assistant, Breakpoint, BreakpointVersion, Run, Thread
from tests.conftest import make_user
from tests.reviews.pages import HTMX, browser_of, words

GRAPH = "nested_breakpoint"


@pytest.fixture
def mine() -> Assistant:
    """An assistant of this test's own."""
    return services.create_assistant(graph_id=GRAPH, name=f"Ours {uuid.uuid4().hex[:6]}")


@pytest.fixture
def admin(ada: User) -> Client:
    return browser_of(ada)


def url(assistant: Assistant, name: str = "graph") -> str:
    return reverse(f"reviews:{name}", args=[assistant.pk])


def seen(client: Client, assistant: Assistant) -> int:
    newest = client.get(url(assistant)).context["page"].seen
    assert isinstance(newest, int)
    return newest


def save(client: Client, assistant: Assistant, **form: Any) -> Any:
    return client.post(url(assistant), {"seen": seen(client, assistant)} | form)


def stops(assistant: Assistant) -> set[str]:
    return {str(stop) for stop in Breakpoint.objects.filter(assistant=assistant, is_on=True)}


# -- seen ------------------------------------------------------------------------------------


def test_every_node_is_in_the_picture_and_in_the_list(admin: Client, mine: Assistant) -> None:
    picture = admin.get(url(mine))
    table = admin.get(url(mine), {"view": "list"})

    drawn = json.loads(
        words(picture).split('id="drawing" type="application/json">')[1].split("<")[0]
    )
    child = next(node for node in drawn["nodes"] if node["id"] == "child")
    assert [node["id"] for node in drawn["nodes"]] == ["before", "child", "after"]
    assert [node["id"] for node in child["inside"]["nodes"]] == ["child:inner_first", "child:act"]
    assert child["inside"]["nodes"][1]["before"]  # compiled into the subgraph
    for page in (picture, table):
        assert {node.path for node, _ in page.context["page"].rows} == {
            *("before", "child", "child:inner_first", "child:act", "after")
        }
        assert 'value="assistant:before:after"' in words(page)
        assert 'value="assistant:before:act"' not in words(page)  # takes none: it is inside
        assert "Compiled into the graph, always on" in words(page)


def test_it_is_for_admins(rosa: User, mine: Assistant) -> None:
    for name in ("graph", "graph_now", "assistant", "assistant_versions"):
        assert browser_of(rosa).get(url(mine, name)).status_code == 403
    assert browser_of(rosa).get(reverse("reviews:assistants")).status_code == 403
    assert browser_of(rosa).post(url(mine), {"seen": 0}).status_code == 403


def test_names_of_nodes_are_text(admin: Client) -> None:
    hostile = Assistant.objects.get(pk=services.get_assistant("hostile_names").pk)

    for view in ("", "list"):
        page = admin.get(url(hostile), {"view": view})
        assert page.status_code == 200
        assert b"<script>alert" not in page.content
        assert b"<img src" not in page.content


def test_a_graph_that_is_gone_is_said_and_what_is_stored_can_go(admin: Client, ada: User) -> None:
    orphan = Assistant.objects.create(graph_id="no_such_graph", name="Orphan")
    stop = Breakpoint.objects.create(
        assistant=orphan, graph_id="no_such_graph", node="step", author=ada
    )

    page = admin.get(url(orphan))
    assert page.status_code == 200
    assert "no graph 'no_such_graph'" in words(page)
    assert admin.get(url(orphan, "assistant")).status_code == 200

    save(admin, orphan, remove=[stop.pk])
    assert stops(orphan) == set()


# -- saved -----------------------------------------------------------------------------------


def test_what_is_saved_is_one_version_with_its_author(
    admin: Client, ada: User, mine: Assistant
) -> None:
    services.set_breakpoint(node="before", position="before", author=ada, assistant=mine)

    answer = save(
        admin,
        mine,
        was=["assistant:before:before"],
        stop=["assistant:after:before", "assistant:before:after"],
    )

    assert answer.status_code == 302
    assert stops(mine) == {"after before", "before after"}
    version = BreakpointVersion.objects.about(mine).first()
    assert version is not None
    assert version.author == ada
    assert {(str(c), c.was) for c in version.changes.all()} == {
        ("before before: gone", "on"),
        ("after before: on", "gone"),
        ("before after: on", "gone"),
    }
    entries = AuditEntry.objects.filter(actor=ada, via="page", action__startswith="breakpoint.")
    assert {(entry.action, entry.via, entry.details["version"]) for entry in entries} == {
        ("breakpoint.set", "page", version.number),
        ("breakpoint.removed", "page", version.number),
    }
    told = words(admin.get(url(mine, "assistant_versions")))
    assert f"Version {version.number}" in told
    assert "Pause after before" in told


@pytest.mark.parametrize("scope", ["graph", "every"])
def test_a_pause_for_others_says_who_is_affected(
    admin: Client, mine: Assistant, scope: str
) -> None:
    other = services.create_assistant(graph_id=GRAPH, name="Another of this graph")
    wish = f"{scope}:after:after"

    told = admin.post(url(mine, "graph_changes"), {"stop": [wish]}, headers=HTMX)
    assert "Pause after after" in words(told)
    assert f"{Assistant.objects.filter(graph_id=GRAPH).count()} assistants" in words(told) or (
        scope == "every"
    )
    assert not Breakpoint.objects.filter(node="after", assistant=None).exists()  # nothing is saved

    save(admin, mine, stop=[wish])
    assert services.stops_of(other.pk, GRAPH)["after"] == ("after",)
    save(admin, mine, was=[wish])
    assert services.stops_of(other.pk, GRAPH)["after"] == ()


def test_without_a_script_the_changes_are_shown_before_they_are_saved(
    admin: Client, mine: Assistant
) -> None:
    shown = admin.post(url(mine, "graph_changes"), {"stop": ["assistant:before:after"], "seen": 0})

    assert shown.status_code == 200
    assert "Pause before after" in words(shown)
    (switch,) = [
        switch
        for node, _ in shown.context["page"].rows
        for side in node.sides
        for switch in side.switches
        if switch.is_wanted
    ]
    assert (switch.value, switch.is_on) == ("assistant:before:after", False)
    assert stops(mine) == set()


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"stop": ["assistant:before:no_such_node"]}, 422),
        ({"stop": ["assistant:before:act"]}, 422),  # inside the subgraph
        ({"stop": ["assistant:beside:after"]}, 400),
        ({"stop": ["nobody:before:after"]}, 400),
        ({"stop": ["assistant:before:"]}, 400),
        ({"stop": ["assistant:before:a\0b"]}, 400),
        ({"remove": ["x"]}, 400),
        ({"seen": "soon"}, 400),
    ],
)
def test_what_cannot_be_saved_is_not(
    admin: Client, mine: Assistant, form: dict[str, Any], status: int
) -> None:
    assert save(admin, mine, **form).status_code == status
    assert stops(mine) == set()
    assert not BreakpointVersion.objects.filter(changes__assistant_id=mine.pk).exists()


def test_nothing_changed_is_no_version(admin: Client, mine: Assistant) -> None:
    save(admin, mine, stop=["assistant:before:after"])
    before = BreakpointVersion.objects.count()

    place = ["assistant:before:after"]
    assert save(admin, mine, stop=place, was=place).status_code == 302
    assert save(admin, mine, stop=place).status_code == 302
    assert BreakpointVersion.objects.count() == before


# -- fought over -----------------------------------------------------------------------------


def test_the_second_of_two_admins_sees_what_changed_and_saves_on_top_of_it(
    admin: Client, mine: Assistant
) -> None:
    olga = make_user("olga", is_staff=True)
    start = seen(admin, mine)
    save(browser_of(olga), mine, stop=["assistant:before:before"])
    form = {"seen": start, "stop": ["assistant:after:after"]}

    refused = admin.post(url(mine), form)

    assert refused.status_code == 409
    assert stops(mine) == {"before before"}
    assert "Nothing of yours was saved" in words(refused)
    assert "Olga" in words(refused)
    assert "Pause before before" in words(refused)
    assert "Pause after after" in words(refused)  # still wanted
    page = refused.context["page"]
    assert page.seen > start
    wanted = {
        switch.value
        for node, _ in page.rows
        for side in node.sides
        for switch in side.switches
        if switch.is_wanted
    }
    assert wanted == {"assistant:before:before", "assistant:after:after"}

    again = admin.post(
        url(mine), {"seen": page.seen, "stop": sorted(wanted), "was": ["assistant:before:before"]}
    )
    assert again.status_code == 302
    assert stops(mine) == {"before before", "after after"}


def test_what_is_changed_elsewhere_is_no_conflict(
    admin: Client, ada: User, mine: Assistant
) -> None:
    start = seen(admin, mine)
    other = services.create_assistant(graph_id=GRAPH)
    services.set_breakpoint(node="before", position="before", author=ada, assistant=other)

    assert (
        admin.post(url(mine), {"seen": start, "stop": ["assistant:after:after"]}).status_code == 302
    )


def test_an_open_page_is_told_that_somebody_saved(admin: Client, mine: Assistant) -> None:
    start = seen(admin, mine)
    olga = make_user("olga", is_staff=True)
    now = url(mine, "graph_now")
    assert "saved version" not in words(admin.get(now, {"seen": start}))

    save(browser_of(olga), mine, stop=["assistant:before:before"])

    assert "Olga saved version" in words(admin.get(now, {"seen": start}))


# -- no longer in the graph --------------------------------------------------------------------


def test_a_node_that_is_gone_refuses_runs_until_somebody_removes_it(
    admin: Client, ada: User, mine: Assistant
) -> None:
    gone = Breakpoint.objects.create(
        assistant=mine, graph_id=GRAPH, node="renamed_since", author=ada
    )
    with pytest.raises(BrokenBreakpoint):
        services.stops_of(mine.pk, GRAPH)

    page = words(admin.get(url(mine)))
    assert "No longer in the graph" in page
    assert "Runs are refused until you remove these" in page
    assert "Runs are refused" in words(admin.get(url(mine, "assistant")))
    assert "Runs are refused" in words(admin.get(reverse("reviews:assistants"), {"q": mine.name}))

    told = admin.post(url(mine, "graph_changes"), {"remove": [gone.pk]}, headers=HTMX)
    assert "Pause before renamed_since" in words(told)
    save(admin, mine, remove=[gone.pk])
    assert services.stops_of(mine.pk, GRAPH) == {"before": (), "after": ()}
    assert "No longer in the graph" not in words(admin.get(url(mine)))


def test_breakpoints_follow_their_assistant_to_another_graph(ada: User, mine: Assistant) -> None:
    services.set_breakpoint(node="before", position="before", author=ada, assistant=mine)

    services.update_assistant(assistant_id=mine.pk, graph_id="static_steps", author=ada)

    assert Breakpoint.objects.get(assistant=mine).graph_id == "static_steps"
    with pytest.raises(BrokenBreakpoint):  # its node is not there: nobody runs unguarded
        services.stops_of(mine.pk, "static_steps")


# -- now -----------------------------------------------------------------------------------------


def test_running_runs_are_counted_and_a_start_that_wrote_nothing_yet_is_nowhere(
    admin: Client, mine: Assistant
) -> None:
    thread = Thread.objects.create()
    run = Run.objects.create(thread=thread, assistant=mine, graph_id=GRAPH, status="running")
    try:
        page = admin.get(url(mine, "graph_now")).context["page"]
        assert page.at_work.count == 1
        assert all(here.running == 0 for here in page.here)
        row = admin.get(reverse("reviews:assistants"), {"q": mine.name}).context["found"].rows[0]
        assert (row.running, row.waiting, row.breakpoints) == (1, 0, 0)
    finally:
        run.delete()


# -- assistants ----------------------------------------------------------------------------------


def test_an_assistants_versions_say_who_and_what(admin: Client, ada: User, mine: Assistant) -> None:
    services.update_assistant(assistant_id=mine.pk, author=ada, context={"tone": "dry"})

    told = unescape(admin.get(url(mine, "assistant_versions")).content.decode())

    assert "Changed: context" in told
    assert "Ada" in told
    assert "Current" in told


def test_the_list_is_searched(admin: Client, mine: Assistant) -> None:
    listed = reverse("reviews:assistants")

    assert mine.name in words(admin.get(listed, {"q": mine.name}))
    assert mine.name not in words(admin.get(listed, {"q": "fanout"}))
    assert "Nothing found" in words(admin.get(listed, {"q": "no assistant \0 at all"}))


# -- bytes ---------------------------------------------------------------------------------------


def test_the_picture_costs_what_it_may() -> None:
    static = Path(__file__).resolve().parents[2] / "static"
    files = ("vendor/dagre.js", "js/graph.js", "js/picture.js")

    size = sum(len(gzip.compress((static / name).read_bytes(), 9)) for name in files)

    assert size <= 22 * 1024
