"""RemoteGraph: a graph of this server as a node of somebody else's graph."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.pregel.remote import RemoteGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from reviews.models import Decision, ReviewTask
from runs.models import Thread
from tests.console import Console


class State(TypedDict, total=False):
    some_text: str
    after: str


@pytest.fixture
def remote(console: Console) -> RemoteGraph:
    return RemoteGraph("human_in_the_loop", url=console.url, api_key=console.api_key)


@pytest.fixture
def config() -> Any:
    return {"configurable": {"thread_id": str(Thread.objects.create().pk)}}


def around(node: Any) -> Any:
    """A graph of another process, which keeps its own state."""
    builder = StateGraph(State)
    builder.add_node("remote", node)
    builder.add_node("after", lambda state: {"after": state["some_text"]})
    builder.add_edge(START, "remote")
    builder.add_edge("remote", "after")
    builder.add_edge("after", END)
    return builder.compile(checkpointer=InMemorySaver())


def through(remote: Any, there: Any) -> Any:
    """A node that asks in its own graph what the remote one asks, and passes the answer on."""

    def node(state: State) -> Any:
        thread = remote.sync_client.threads.get(there["configurable"]["thread_id"])
        if thread["status"] == "idle":  # when its graph is resumed, a node begins again
            remote.invoke(state, there)
        (asked,) = remote.get_state(there).interrupts
        return remote.invoke(Command(resume={asked.id: interrupt(asked.value)}), there)

    return node


def test_a_node_passes_a_question_on_and_its_answer_back(remote: RemoteGraph, config: Any) -> None:
    graph = around(through(remote, config))
    local: Any = {"configurable": {"thread_id": "local"}}

    paused = graph.invoke({"some_text": "original"}, local)
    done = graph.invoke(Command(resume="edited"), local)

    assert paused["__interrupt__"][0].value == {"text_to_revise": "original"}
    assert done == {"some_text": "edited", "after": "edited"}
    decision = Decision.objects.get(task__interrupt__thread=config["configurable"]["thread_id"])
    assert decision.reviewer.username.startswith("key:session")


async def test_a_remote_graph_as_a_node_pauses_the_graph_around_it(
    remote: RemoteGraph, config: Any
) -> None:
    graph = around(remote)

    paused = await graph.ainvoke({"some_text": "original"}, config)

    (asked,) = paused["__interrupt__"]
    assert asked.value == {"text_to_revise": "original"}
    assert graph.get_state(config).next == ("remote",)
    assert (await remote.aget_state(config)).interrupts == (asked,)  # on a thread of the same id


async def test_a_remote_graph_has_a_state_a_drawing_and_a_review_task(
    remote: RemoteGraph, config: Any
) -> None:
    chunks = [chunk async for chunk in remote.astream({"some_text": "x"}, config)]
    state = await remote.aget_state(config)

    assert [next(iter(chunk)) for chunk in chunks] == ["__interrupt__"]
    assert state.next == ("human_node",)
    assert await ReviewTask.objects.filter(
        interrupt__thread=config["configurable"]["thread_id"], status="open"
    ).aexists()
    assert "human_node" in (await remote.aget_graph()).nodes

    await remote.aupdate_state(config, {"some_text": "by hand"}, as_node="human_node")

    assert (await remote.aget_state(config)).values == {"some_text": "by hand"}
    history = [state async for state in remote.aget_state_history(config)]
    assert history[0].values == {"some_text": "by hand"}
