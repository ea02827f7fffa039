"""Small graphs that ask, stop, fail or die, each to show one thing."""

from __future__ import annotations

import asyncio
import operator
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    some_text: str
    visited: Annotated[list[str], operator.add]
    answers: Annotated[list[str], operator.add]
    log: str  # a file each execution of a side effect adds a line to
    seconds: float
    die: str  # a file: the node that finds it removes it and kills its process
    items: list[str]


def chain(*nodes: Any, **compiled: Any) -> Any:
    """The nodes one after the other."""
    builder = StateGraph(State)
    builder.add_sequence(nodes)
    builder.add_edge(START, nodes[0].__name__)
    builder.add_edge(nodes[-1].__name__, END)
    return builder.compile(**compiled)


def note(state: State, line: str) -> None:
    """A side effect that shows how often it happened."""
    if path := state.get("log"):
        with Path(path).open("a") as file:
            file.write(line + "\n")


def die_once(state: State) -> None:
    if (path := state.get("die")) and Path(path).exists():
        Path(path).unlink()
        os._exit(9)


def fail_once(state: State) -> None:
    if (path := state.get("die")) and Path(path).exists():
        Path(path).unlink()
        raise RuntimeError("failed once")


# -- asking ----------------------------------------------------------------------------------


def human_node(state: State) -> State:
    return {"some_text": interrupt({"text_to_revise": state["some_text"]})}


def act(state: State) -> State:
    note(state, "acted")
    return {"visited": ["act"]}


def ask(state: State) -> State:
    return {"answers": [f"{interrupt({'question': 'Act?'})}"]}


def ask_again(state: State) -> State:
    first = interrupt({"n": 1})
    note(state, f"first={first}")
    fail_once(state)
    second = interrupt({"n": 2, "previous": first})
    note(state, f"second={second}")
    return {"answers": [f"{first}", f"{second}"]}


def until_positive(state: State) -> State:
    prompt = "What is your age?"
    while not (isinstance(answer := interrupt(prompt), int) and answer > 0):
        prompt = f"{answer!r} is not a valid age. Please enter a positive number."
    return {"answers": [str(answer)]}


def answer_then_fail(state: State) -> State:
    answer = interrupt({"question": "Act?"})
    note(state, f"took {answer}")
    fail_once(state)
    return {"answers": [f"{answer}"]}


human_in_the_loop = chain(human_node)
approve_once = chain(ask, act)
guarded, guarded_twin = chain(ask, act), chain(ask, act)
fails_once = chain(answer_then_fail, act)
two_interrupts = chain(ask_again, act)
loop_validate = chain(until_positive)


def left(state: State) -> State:
    return {"answers": [f"left={interrupt({'side': 'left', 'question': 'left?'})}"]}


def right(state: State) -> State:
    return {"answers": [f"right={interrupt({'side': 'right', 'question': 'right?'})}"]}


def join(state: State) -> State:
    return {"answers": ["joined"]}


branches = StateGraph(State)
for branch in (left, right, join):
    branches.add_node(branch)
branches.add_edge(START, "left")
branches.add_edge(START, "right")
branches.add_edge(["left", "right"], "join")
branches.add_edge("join", END)
parallel_interrupts = two_branches = branches.compile()


def spread(state: State) -> list[Send]:
    return [Send("ask_item", {"item": item}) for item in state.get("items", ["a", "b"])]


def ask_item(state: dict[str, str]) -> State:
    return {"answers": [f"{state['item']}={interrupt({'item': state['item']})}"]}


fanout = StateGraph(State)  # left uncompiled: langgraph.json may name a builder
fanout.add_node(ask_item)
fanout.add_conditional_edges(START, spread, ["ask_item"])
fanout.add_edge("ask_item", END)


class Verdict(BaseModel):
    action: Literal["approve", "reject"]
    reason: str = ""


def typed(state: State) -> State:
    verdict = interrupt({"question": "approve?"}, response_schema=Verdict)
    return {"answers": [verdict.action]}


def limited(state: State) -> State:
    schema = {"type": "string", "maxLength": 20}
    return {"answers": [interrupt("leave a note", response_schema=schema)]}


typed_interrupt = chain(typed, limited)


# -- subgraphs -------------------------------------------------------------------------------


def inner_first(state: State) -> State:
    return {"visited": ["inner_first"]}


def inner_ask(state: State) -> State:
    return {"some_text": interrupt({"ask": "inside the subgraph", "text": state["some_text"]})}


def outer(child: Any) -> Any:
    def before(state: State) -> State:
        return {}

    def after(state: State) -> State:
        return {"visited": ["after"]}

    builder = StateGraph(State)
    builder.add_node(before)
    builder.add_node("child", child)
    builder.add_node(after)
    builder.add_edge(START, "before")
    builder.add_edge("before", "child")
    builder.add_edge("child", "after")
    builder.add_edge("after", END)
    return builder.compile()


subgraph_interrupt = nested = outer(chain(inner_first, inner_ask))
nested_breakpoint = outer(chain(inner_first, act, interrupt_before=["act"]))


# -- stopping, failing, dying ----------------------------------------------------------------


def step_1(state: State) -> State:
    note(state, "step_1")
    return {"visited": ["step_1"]}


def step_2(state: State) -> State:
    note(state, "step_2")
    return {"visited": ["step_2"]}


def step_3(state: State) -> State:
    note(state, "step_3")
    return {"visited": ["step_3"]}


static_steps = chain(step_1, step_2, step_3)
compiled_breakpoints = chain(step_1, step_2, step_3, interrupt_before=["step_2"])


def both_wait() -> Any:
    builder = StateGraph(State)
    for node in (step_1, step_2, step_3):
        builder.add_node(node)
    builder.add_edge(START, "step_1")
    builder.add_edge(START, "step_2")
    builder.add_edge(["step_1", "step_2"], "step_3")
    builder.add_edge("step_3", END)
    return builder.compile(interrupt_before=["step_1", "step_2"])


two_breakpoints = both_wait()


def fail(state: State) -> State:
    raise ValueError(f"boom: {state.get('some_text')}")


def fail_after_answer(state: State) -> State:
    answer = interrupt({"question": "Go on?"})
    raise ValueError(f"boom: {answer}")


def fail_inside(state: State) -> State:
    return undefined_name  # type: ignore[name-defined]  # noqa: F821


failing = chain(step_1, fail)
failing_after = chain(fail_after_answer)
failing_inside = chain(fail_inside)


async def nap(state: State) -> State:
    await asyncio.sleep(state.get("seconds", 1.0))
    return {"visited": ["nap"]}


def block(state: State) -> State:
    time.sleep(state.get("seconds", 1.0))
    return {"visited": ["block"]}


slow = chain(step_1, nap, step_3)
slow_to_ask = chain(nap, ask, act)
slow_to_stop = chain(nap, act, interrupt_before=["act"])
guarded_stop = chain(step_1, act, interrupt_before=["act"])
stop_then_ask = chain(step_1, ask, act, interrupt_before=["ask"])
blocking = chain(step_1, block, step_3)


def mortal(state: State) -> State:
    note(state, "mortal")
    die_once(state)
    return {"visited": ["mortal"]}


kill_self = chain(step_1, mortal, ask, act)


# -- what the server gives -------------------------------------------------------------------


@dataclass
class Context:
    tone: str = "neutral"


class Echo(TypedDict, total=False):
    cfg: dict[str, Any]
    meta: dict[str, Any]
    limit: int
    ctx: dict[str, Any]


def echo(state: Echo, config: RunnableConfig, runtime: Runtime[Context]) -> Echo:
    configurable = config["configurable"].items()
    return {
        "cfg": {key: value for key, value in configurable if not key.startswith("__")},
        "meta": dict(config["metadata"]),
        "limit": config["recursion_limit"],
        "ctx": asdict(runtime.context),
    }


echo_builder = StateGraph(Echo, context_schema=Context)
echo_builder.add_node(echo)
echo_builder.add_edge(START, "echo")
echo_builder.add_edge("echo", END)
echo_config = echo_builder.compile()


async def factory(config: RunnableConfig) -> Any:
    """A graph made for each run: its node is named by the run's configuration."""

    def shout(state: State) -> Command[Literal["__end__"]]:
        word = config["configurable"].get("word", "nothing")
        return Command(goto=END, update={"some_text": word.upper()})

    return chain(shout)


# -- keeping ---------------------------------------------------------------------------------


async def write_down(state: State, runtime: Runtime) -> State:
    assert runtime.store
    await runtime.store.aput((state["some_text"], "notes"), "last", {"said": state["some_text"]})
    return {"visited": ["write_down"]}


def look_up(state: State, *, store: BaseStore) -> State:
    """Without async, as nodes are that take the store by name."""
    kept = store.search((state["some_text"],))
    return {"answers": [f"{item.key}: {item.value}" for item in kept]}


writes_down = chain(write_down)
looks_up = chain(look_up)
