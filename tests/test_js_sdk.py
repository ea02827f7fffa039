"""LangGraph's official JS SDK on Node: the flow it documents, and each of its methods."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tests.console import Console
from tests.node import FOLDER, installed

QUESTION = {"text_to_revise": "original text"}


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the pinned SDK installed beside the script."""
    return installed()


@pytest.fixture(scope="module")
def seen(node: str, console: Console) -> dict[str, Any]:
    """What the script saw, once through all its flows."""
    return seen_by("documented_flow.mjs", node, console)


def seen_by(script: str, node: str, console: Console) -> dict[str, Any]:
    done = subprocess.run(
        [node, script],
        cwd=FOLDER,
        env={**os.environ, "URL": console.url, "API_KEY": console.api_key},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_run_asks_and_a_command_answers(seen: dict[str, Any]) -> None:
    interrupt = seen["asked"]["__interrupt__"][0]
    assert interrupt["value"] == QUESTION
    assert seen["state"]["tasks"][0]["interrupts"] == [{"id": interrupt["id"], "value": QUESTION}]
    assert seen["waiting"]["status"] == "interrupted"
    assert seen["resumed"] == {"some_text": "Edited text"}


def test_a_stream_ends_at_the_interrupt_and_goes_on_in_the_next(seen: dict[str, Any]) -> None:
    events = [chunk["event"] for chunk in seen["streamed"]]
    assert events == ["metadata", "updates", "metadata", "values", "values"]
    assert seen["streamed"][1]["data"]["__interrupt__"][0]["value"] == QUESTION
    assert seen["streamed"][-1]["data"] == {"some_text": "Edited text"}


def test_a_breakpoint_is_passed_with_null_input(seen: dict[str, Any]) -> None:
    assert seen["paused"]["visited"] == ["step_1"]
    assert seen["ended"]["visited"] == ["step_1", "step_2", "step_3"]


def test_an_answer_to_nothing_is_refused(seen: dict[str, Any]) -> None:
    assert seen["refused"] == 409


def test_every_method_of_its_client(node: str, console: Console) -> None:
    seen = seen_by("every_method.mjs", node, console)
    # Not there on the Agent Server either, which says 405 too.
    assert seen.pop("missed") == ["threads.patchState"]
    (assistant,) = seen["assistants"].pop("found")
    assert assistant
    assert seen == {
        "assistants": {
            "name": "of the JS SDK",
            "count": 1,
            "versions": [2, [2, 1], 1],
            "drawn": True,
            "subgraphs": 1,
            "schemas": "nested",
            "left": 0,
        },
        "threads": {
            "metadata": "blue",
            "found": 2,
            "count": 2,
            "state": ["before"],
            "history": 1,
        },
        "runs": {
            "last": ["step_3"],
            "streamed": ["metadata", "values"],
            "replayed": ["metadata", "values"],
            "followed": ["metadata", "metadata"],
            "listed": 3,
            "cancelled": "interrupted",
            "left": 0,
            "batch": 1,
        },
        "crons": {"found": [True], "count": 1, "left": 0},
        "store": {"value": {"color": "blue"}, "found": ["key"], "namespaces": [2], "left": None},
    }
