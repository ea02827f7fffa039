from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from runs.exceptions import GraphError, GraphNotFound
from runs.runtime import drawing, has_node, nodes, registry, schemas, subgraphs

GRAPH = """
from langgraph.graph import StateGraph, START
from typing_extensions import TypedDict
class State(TypedDict): x: int
def node(state): return {}
builder = StateGraph(State)
builder.add_node(node)
builder.add_edge(START, "node")
graph = builder.compile()
def factory(): return builder
async def afactory(config): return graph
def demanding(config, more): return graph
def broken(): raise RuntimeError("no key")
answer = 42
"""


@pytest.fixture
def project(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A langgraph.json of the test's own."""
    (tmp_path / "agents.py").write_text(GRAPH)
    monkeypatch.setattr(sys, "path", [*sys.path])
    settings.LANGGRAPH_CONFIG = tmp_path / "langgraph.json"

    def write(graphs: Any, **rest: Any) -> Path:
        settings.LANGGRAPH_CONFIG.write_bytes(orjson.dumps({"graphs": graphs, **rest}))
        return tmp_path

    registry.forget()
    yield write
    registry.forget()
    for name in [name for name in sys.modules if name.endswith("_agents") or name == "agents"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["graph", "builder", "factory", "afactory"])
def test_graphs_builders_and_factories_are_found(project, name):
    project({"one": f"./agents.py:{name}"})

    registry.check()

    assert nodes("one") == ["node"]


def test_a_module_is_found_in_a_local_dependency(project):
    project({"one": "agents:graph"}, dependencies=["."])

    assert registry.graph_ids() == ["one"]
    assert nodes("one") == ["node"]


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("./nowhere.py:graph", "Graph 'one' cannot be loaded: ./nowhere.py does not exist."),
        ("./agents.py:nothing", "Graph 'one' cannot be loaded: ./agents.py has no 'nothing'."),
        ("./agents.py:answer", "Graph 'one' cannot be loaded: it is a int, not a graph."),
        ("./agents.py", "is neither ./file.py:name nor package.module:name"),
        ("./agents.py:demanding", "wants more than one argument"),
        ("./agents.py:broken", "its factory failed: RuntimeError: no key."),
        ("no_such_module:graph", "does not import: ModuleNotFoundError: No module named"),
    ],
)
def test_a_graph_that_does_not_load_is_named_with_its_reason(project, target, sentence):
    project({"one": target})

    with pytest.raises(GraphError) as refused:
        registry.check()

    assert sentence in str(refused.value.detail)
    assert "\n" not in str(refused.value.detail)


def test_a_file_that_is_not_json_is_told(project, settings):
    settings.LANGGRAPH_CONFIG.write_text("{")

    with pytest.raises(GraphError, match="is not valid JSON"):
        registry.graph_ids()


def test_a_missing_file_is_told(project):
    with pytest.raises(GraphError, match="cannot be read: No such file"):
        registry.graph_ids()


def test_an_unknown_graph_is_not_found(project):
    project({})

    with pytest.raises(GraphNotFound):
        registry.graph("one")


def test_the_environment_wins_over_the_file(project, monkeypatch):
    monkeypatch.setenv("TOLD_TWICE", "outside")
    monkeypatch.delenv("TOLD_ONCE", raising=False)
    folder = project({}, env=".env")
    (folder / ".env").write_text("TOLD_TWICE=file\nTOLD_ONCE=file\n")

    registry.graph_ids()

    assert (os.environ["TOLD_TWICE"], os.environ.pop("TOLD_ONCE")) == ("outside", "file")


def test_a_fingerprint_is_the_same_in_every_process():
    script = (
        "from django.conf import settings; settings.DEBUG\n"
        "from runs.runtime import registry; print(registry.fingerprint('nested'))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env)

    assert other.stdout.strip() == registry.fingerprint("nested"), other.stderr
    assert registry.fingerprint("nested") != registry.fingerprint("nested_breakpoint")


def test_a_drawing_is_as_the_agent_server_has_it():
    assert drawing("human_in_the_loop") == {
        "nodes": [
            {"id": "__start__", "type": "runnable", "data": {"name": "__start__"}},
            {"id": "human_node", "type": "runnable", "data": {"name": "human_node"}},
            {"id": "__end__"},
        ],
        "edges": [
            {"source": "__start__", "target": "human_node"},
            {"source": "human_node", "target": "__end__"},
        ],
    }
    opened = [node["id"] for node in drawing("nested", xray=True)["nodes"]]
    assert "child:inner_ask" in opened


def test_schemas_and_subgraphs_are_described():
    found = schemas("echo_config")

    assert found["graph_id"] == "echo_config"
    assert found["context_schema"]["properties"]["tone"]["default"] == "neutral"
    assert found["state_schema"]["title"] == "echo_config_state"
    assert list(subgraphs("nested")) == ["child"]
    assert subgraphs("nested", "nope") == {}


def test_nodes_are_found_inside_subgraphs():
    assert has_node("nested", "", "child")
    assert has_node("nested", "child:0f7e", "inner_ask")
    assert not has_node("nested", "child:0f7e", "gone")
    assert not has_node("nested", "gone:0f7e", "inner_ask")
