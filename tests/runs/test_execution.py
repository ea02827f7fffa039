from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from runs import runtime
from runs.exceptions import InvalidInput, InvalidUpdate, LeaseLost
from runs.models import Run, Thread
from runs.runtime import Outcome, PausedAt, RunSpec, StateUpdate, checkpointer

Attempt = Callable[..., Awaitable[Outcome]]


@pytest.fixture
async def thread() -> AsyncIterator[Thread]:
    yield await Thread.objects.acreate()
    await checkpointer.aclose()


@pytest.fixture
def spec(thread: Thread) -> Callable[..., Awaitable[RunSpec]]:
    async def make(graph_id: str, *, of: uuid.UUID | None = None, **asked: Any) -> RunSpec:
        """An attempt of a new run, or the next one `of` a run that has crashed."""
        if of is None:
            await Run.objects.filter(thread=thread).aupdate(status="success")
            run = await Run.objects.acreate(thread=thread, graph_id=graph_id, status="running")
            of = run.pk
        run = await Run.objects.aget(pk=of)
        run.attempt += 1
        await run.asave()
        asked.setdefault("metadata", {"assistant_id": "an-assistant"})
        return RunSpec(
            run_id=of, thread_id=thread.pk, attempt=run.attempt, graph_id=graph_id, **asked
        )

    return make


@pytest.fixture
def chunks() -> list[tuple[str, Any]]:
    return []


@pytest.fixture
def run(spec: Any, chunks: list[tuple[str, Any]]) -> Attempt:
    async def attempt(graph_id: str, **asked: Any) -> Outcome:
        async def emit(event: str, data: Any) -> None:
            chunks.append((event, data))

        return await runtime.execute(await spec(graph_id, **asked), emit)

    return attempt


@pytest.fixture
def crash(spec: Any, test_url: str, tmp_path: Path) -> Callable[..., Awaitable[uuid.UUID]]:
    """An attempt that dies in the node that finds the file; gives the run."""

    async def attempt(graph_id: str, **asked: Any) -> uuid.UUID:
        (tmp_path / "die").touch()
        made = await spec(graph_id, **asked)
        body = {
            "run_id": str(made.run_id), "thread_id": str(made.thread_id),
            "attempt": made.attempt, "graph_id": graph_id, **asked,
        }  # fmt: skip
        body.pop("of", None)
        died = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "tests.runs.attempt"],
            input=json.dumps(body),
            text=True,
            env={**os.environ, "DATABASE_URL": test_url},
            capture_output=True,
        )
        assert died.returncode == 9, died.stderr
        return made.run_id

    return attempt


def ids(outcome: Outcome) -> list[str]:
    return [one.interrupt_id for one in outcome.interrupts]


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


# -- what a run answers ----------------------------------------------------------------------


async def test_a_run_that_asks_answers_its_values_with_the_question(run):
    outcome = await run("human_in_the_loop", input={"some_text": "original"})

    (one,) = outcome.interrupts
    assert json.dumps(outcome.output) == json.dumps(
        {
            "some_text": "original",
            "__interrupt__": [
                {
                    "value": {"text_to_revise": "original"},
                    "id": one.interrupt_id,
                    "response_schema": None,
                }
            ],
        }
    )
    assert (one.node, one.namespace, one.root_task_id) == ("human_node", "", one.task_id)
    outcome = await run("human_in_the_loop", command={"resume": {one.interrupt_id: "edited"}})
    assert (outcome.output, outcome.next) == ({"some_text": "edited"}, ())


async def test_several_questions_are_answered_without_the_values(run):
    outcome = await run("parallel_interrupts", input={"some_text": "x"})

    assert [one["value"]["side"] for one in outcome.output.pop("__interrupt__")] == [
        "left",
        "right",
    ]
    assert outcome.output == {}
    answers = dict(zip(ids(outcome), ("L", "R"), strict=True))
    outcome = await run("parallel_interrupts", command={"resume": answers})
    assert outcome.output["answers"] == ["left=L", "right=R", "joined"]


async def test_a_question_in_a_subgraph_is_found_where_it_is_asked(run):
    outcome = await run("subgraph_interrupt", input={"some_text": "x"})

    (one,) = outcome.interrupts
    assert (one.node, one.namespace) == ("inner_ask", f"child:{one.root_task_id}")
    assert one.task_id != one.root_task_id


async def test_a_typed_question_carries_its_json_schema(run):
    outcome = await run("typed_interrupt", input={})

    (one,) = outcome.interrupts
    assert one.response_schema["properties"]["action"]["enum"] == ["approve", "reject"]


async def test_nothing_is_streamed_from_the_first_interrupt_on(run, chunks):
    outcome = await run(
        "human_in_the_loop", input={"some_text": "x"}, stream_modes=("values", "updates", "tasks")
    )

    assert [event for event, _ in chunks] == ["values", "tasks"]
    assert [event for event, _ in outcome.closing] == ["updates", "values", "tasks"]


async def test_an_unknown_stream_mode_is_refused(run):
    with pytest.raises(InvalidInput, match="nonsense"):
        await run("human_in_the_loop", input={}, stream_modes=("nonsense",))


async def test_an_empty_command_says_nothing(run):
    asked = await run("human_in_the_loop", input={"some_text": "x"})

    again = await run("human_in_the_loop", command={})

    assert ids(again) == ids(asked)


async def test_a_client_cannot_leave_its_thread(run, thread):
    stolen = {"thread_id": "another", "checkpoint_ns": "x", "__pregel_task_id": "x", "tone": "dry"}

    outcome = await run("echo_config", input={"limit": 1}, config={"configurable": stolen})

    assert outcome.values["cfg"]["thread_id"] == str(thread.pk)
    assert outcome.values["cfg"]["checkpoint_ns"] != "x"
    assert outcome.values["ctx"] == {"tone": "dry"}
    assert outcome.values["limit"] == 100
    assert outcome.values["meta"]["run_attempt"] == 1


async def test_a_factory_makes_its_graph_for_the_run(run):
    outcome = await run("factory", input={}, config={"configurable": {"word": "hello"}})

    assert outcome.output["some_text"] == "HELLO"


async def test_errors_keep_their_words_unless_they_are_the_servers(run):
    with pytest.raises(ValueError) as failed:
        await run("failing", input={"some_text": "x"})
    assert runtime.error_body(failed.value) == {"error": "ValueError", "message": "boom: x"}
    with pytest.raises(NameError) as failed:
        await run("failing_inside", input={"some_text": "x"})
    assert runtime.error_body(failed.value)["message"] == "An internal error occurred"


# -- breakpoints -----------------------------------------------------------------------------


async def test_a_run_adds_breakpoints_to_the_compiled_ones(run):
    outcome = await run("compiled_breakpoints", input={}, interrupt_before=("step_3",))
    assert outcome.paused_at == PausedAt(("step_2",), "before")

    outcome = await run("compiled_breakpoints", interrupt_before=("step_3",))
    assert outcome.paused_at == PausedAt(("step_3",), "before")
    assert "__interrupt__" not in outcome.output


async def test_a_pause_says_which_side_of_a_node_it_is_on(run):
    outcome = await run("static_steps", input={}, interrupt_after=("step_1",))
    assert outcome.paused_at == PausedAt(("step_2",), "after")

    outcome = await run("static_steps", interrupt_before="*", interrupt_after="*")
    assert outcome.paused_at == PausedAt(("step_3",), "between")


async def test_skipping_a_node_stops_at_the_next_breakpoint(run):
    await run("static_steps", input={}, interrupt_before="*")

    outcome = await run(
        "static_steps", state_update=StateUpdate({}, as_node="step_1"), interrupt_before="*"
    )

    assert outcome.paused_at == PausedAt(("step_2",), "before")
    assert outcome.values["visited"] == []


async def test_editing_the_state_goes_on_through_the_breakpoint(run):
    await run("compiled_breakpoints", input={})

    outcome = await run("compiled_breakpoints", state_update=StateUpdate({"some_text": "edited"}))

    assert outcome.values == {
        "some_text": "edited", "visited": ["step_1", "step_2", "step_3"], "answers": []
    }  # fmt: skip


async def test_stopping_at_a_breakpoint_ends_the_thread(run):
    await run("compiled_breakpoints", input={})

    outcome = await run("compiled_breakpoints", state_update=StateUpdate(None, as_node="__end__"))

    assert (outcome.next, outcome.values["visited"]) == ((), ["step_1"])


async def test_of_two_nodes_that_wait_none_is_dropped(run):
    await run("two_breakpoints", input={})
    with pytest.raises(InvalidUpdate, match="together"):
        await run("two_breakpoints", state_update=StateUpdate({}, as_node="step_1"))

    both = StateUpdate({}, as_node=("step_1", "step_2"))
    outcome = await run("two_breakpoints", state_update=both)

    assert outcome.values["visited"] == ["step_3"]


# -- attempts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("graph_id", "asked"),
    [
        ("human_in_the_loop", {"input": {"some_text": "x"}}),
        ("parallel_interrupts", {"input": {"some_text": "x"}}),
        ("subgraph_interrupt", {"input": {"some_text": "x"}}),
        ("static_steps", {"input": {}}),
        ("compiled_breakpoints", {"input": {}}),
        ("nested_breakpoint", {"input": {}}),
        ("static_steps", {"input": {}, "interrupt_after": ("step_1",)}),
        ("static_steps", {"input": {}, "interrupt_before": "*"}),
    ],
)
async def test_an_attempt_whose_end_was_not_recorded_ends_the_same(run, graph_id, asked):
    first = await run(graph_id, **asked)
    lost = await Run.objects.order_by("-created_at").afirst()

    second = await run(graph_id, of=lost.pk, **asked)

    assert second == first


async def test_a_run_goes_on_at_the_node_it_died_in(run, crash, tmp_path):
    log, die = tmp_path / "log", tmp_path / "die"
    asked = {"input": {"log": str(log), "die": str(die)}}

    lost = await crash("kill_self", **asked)
    outcome = await run("kill_self", of=lost, **asked)

    assert lines(log) == ["step_1", "mortal", "mortal"]
    assert outcome.interrupts[0].value == {"question": "Act?"}


async def test_an_answer_never_answers_the_next_question_of_its_node(run, tmp_path):
    log, die = tmp_path / "log", tmp_path / "die"
    asked = await run("two_interrupts", input={"log": str(log), "die": str(die)})
    answer = {"command": {"resume": {ids(asked)[0]: "A"}}}
    die.touch()
    with pytest.raises(RuntimeError, match="failed once"):
        await run("two_interrupts", **answer)  # the answer is saved, its question still listed
    lost = await Run.objects.order_by("-created_at").afirst()

    outcome = await run("two_interrupts", of=lost.pk, **answer)

    assert outcome.interrupts[0].value == {"n": 2, "previous": "A"}
    assert lines(log) == ["first=A", "first=A"]


async def test_answers_that_a_crash_has_lost_are_sent_again(run):
    asked = await run("parallel_interrupts", input={})
    answers = dict(zip(ids(asked), ("L", "R"), strict=True))
    await run("parallel_interrupts", command={"resume": {ids(asked)[0]: "L"}})
    lost = await Run.objects.order_by("-created_at").afirst()  # only one answer was taken

    outcome = await run("parallel_interrupts", of=lost.pk, command={"resume": answers})

    assert outcome.values["answers"] == ["left=L", "right=R", "joined"]


async def test_a_repeated_attempt_skips_a_node_once(run):
    await run("static_steps", input={}, interrupt_before="*")
    asked = {"state_update": StateUpdate({}, as_node="step_1"), "interrupt_before": "*"}
    first = await run("static_steps", **asked)
    lost = await Run.objects.order_by("-created_at").afirst()

    second = await run("static_steps", of=lost.pk, **asked)

    assert second == first


async def test_an_attempt_that_lost_its_lease_writes_nothing(spec, thread):
    stale = await spec("human_in_the_loop", input={"some_text": "x"})
    await spec("human_in_the_loop", of=stale.run_id)

    with pytest.raises(LeaseLost):
        await runtime.execute(stale, emit=lambda *_: asyncio.sleep(0))

    assert await sync_to_async(runtime.head)(thread.pk) is None


# -- state -----------------------------------------------------------------------------------


async def test_a_copy_can_be_answered_and_the_original_still_asks(run, thread):
    asked = await run("human_in_the_loop", input={"some_text": "x"})
    copy = uuid.uuid4()

    await sync_to_async(runtime.copy_checkpoints)(thread.pk, copy)

    assert (await sync_to_async(runtime.pending)(copy, "human_in_the_loop")).interrupts == (
        asked.interrupts
    )


async def test_a_rolled_back_answer_leaves_the_question_pending(run, thread):
    asked = await run("approve_once", input={})
    answered = await run("approve_once", command={"resume": {ids(asked)[0]: "yes"}})
    assert answered.next == ()
    undone = await Run.objects.order_by("-created_at").afirst()

    await sync_to_async(runtime.rollback)(thread.pk, undone.pk)

    pending = await sync_to_async(runtime.pending)(thread.pk, "approve_once")
    assert (pending.interrupts, pending.answered) == (asked.interrupts, ())
    again = await run("approve_once", command={"resume": {ids(asked)[0]: "no"}})
    assert again.values["answers"] == ["no"]


async def test_an_answer_the_node_failed_on_is_known_to_be_taken(run, thread):
    asked = await run("failing_after", input={})
    with pytest.raises(ValueError, match="boom: yes"):
        await run("failing_after", command={"resume": {ids(asked)[0]: "yes"}})

    pending = await sync_to_async(runtime.pending)(thread.pk, "failing_after")

    assert list(pending.answered) == ids(asked)


async def test_an_update_as_an_unknown_node_is_refused(run, thread):
    await run("static_steps", input={}, interrupt_before=("step_2",))

    with pytest.raises(InvalidUpdate, match="Node bogus does not exist"):
        await sync_to_async(runtime.write_state)(
            thread.pk, "static_steps", values={}, as_node="bogus"
        )


async def test_a_state_reads_as_the_wire_has_it(run, thread):
    await run("static_steps", input={"some_text": "in"}, interrupt_before=("step_2",))

    state = await sync_to_async(runtime.read_state)(thread.pk, "static_steps")

    (task,) = state["tasks"]
    assert task["path"] == ["__pregel_pull", "step_2"]
    assert (state["next"], state["interrupts"], task["result"]) == (["step_2"], [], None)
    assert state["checkpoint"].keys() == {"checkpoint_id", "thread_id", "checkpoint_ns"}
    history = await sync_to_async(runtime.history)(thread.pk, "static_steps", limit=10)
    assert [one["metadata"]["source"] for one in history] == ["loop", "loop", "input"]
    older = await sync_to_async(runtime.history)(
        thread.pk, "static_steps", before=state["checkpoint_id"]
    )
    assert older == history[1:]
