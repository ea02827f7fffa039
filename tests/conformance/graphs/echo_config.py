"""Echoes what the server puts into config / context / runtime."""

from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.constants import END, START
from langgraph.graph import StateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict


@dataclass
class Context:
    tone: str = "neutral"


class State(TypedDict, total=False):
    some_text: str
    cfg: dict[str, Any]
    meta: dict[str, Any]
    tag_list: list[str]
    limit: int
    ctx: dict[str, Any]


def _plain(v):
    if isinstance(v, (str, int, float, bool)) or v is None:
        return v
    if isinstance(v, dict):
        return {str(k): _plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [_plain(x) for x in v]
    return f"<{type(v).__name__}>"


def echo(state: State, config: RunnableConfig, runtime: Runtime[Context]):
    return {
        "cfg": _plain(
            {
                k: v
                for k, v in config.get("configurable", {}).items()
                if not k.startswith("__pregel")
            }
        ),
        "meta": _plain(dict(config.get("metadata", {}))),
        "tag_list": list(config.get("tags") or []),
        "limit": config.get("recursion_limit"),
        "ctx": _plain(
            vars(runtime.context) if hasattr(runtime.context, "__dict__") else runtime.context
        ),
    }


b = StateGraph(State, context_schema=Context)
b.add_node("echo", echo)
b.add_edge(START, "echo")
b.add_edge("echo", END)
graph = b.compile()
