"""The graphs that langgraph.json names, imported once and found by their id."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import json
import os
import sys
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import orjson
from asgiref.sync import async_to_sync
from django.conf import settings
from dotenv import dotenv_values
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

from runs.exceptions import GraphError, GraphNotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from langchain_core.runnables import RunnableConfig

Graph = Pregel[Any, Any, Any, Any]
_lock = threading.RLock()

AUTH = "The auth object"
BESIDE_HANDLERS = {"disable_studio_auth"}  # says nothing about who may do what here


def graph_ids() -> list[str]:
    """The ids of all graphs, in the order of the file."""
    return list(_config()["graphs"])


def check() -> None:
    """Import every graph; the first that fails is named in the error."""
    for graph_id in graph_ids():
        graph(graph_id)


@cache
def graph(graph_id: str) -> Graph:
    """The graph, to look at and to read state with; a factory is called with an empty config."""
    made = source(graph_id)
    if isinstance(made, (Pregel, StateGraph)):
        return _compiled(graph_id, made)
    return async_to_sync(_open_once)(graph_id)


@asynccontextmanager
async def opened(graph_id: str, config: RunnableConfig) -> AsyncIterator[Graph]:
    """The graph, to run; a factory is called for this run, and closed after it."""
    made = source(graph_id)
    async with AsyncExitStack() as stack:
        try:
            if callable(made) and not isinstance(made, (Pregel, StateGraph)):
                made = made(config) if _takes_config(graph_id, made) else made()
            if hasattr(made, "__aenter__"):
                made = await stack.enter_async_context(made)
            elif inspect.isawaitable(made):
                made = await made
        except GraphError:
            raise
        except Exception as error:
            raise _refused(graph_id, f"its factory failed: {_last_line(error)}") from error
        yield _compiled(graph_id, made)


@cache
def fingerprint(graph_id: str) -> str:
    """A digest of the graph's nodes, edges and schemas: the same wherever the code is the same."""
    found = graph(graph_id)
    drawing = found.get_graph(xray=True).to_json()
    parts = {
        "nodes": sorted(str(node["id"]) for node in drawing["nodes"]),
        "edges": sorted(
            [str(edge["source"]), str(edge["target"]), bool(edge.get("conditional"))]
            for edge in drawing["edges"]
        ),
        "input": schema(found.get_input_jsonschema),
        "output": schema(found.get_output_jsonschema),
    }
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def schema(read: Any) -> dict[str, Any] | None:
    """A JSON schema of the graph, None where pydantic cannot make one of its types."""
    try:
        found: dict[str, Any] = read()
    except Exception:  # pydantic refuses arbitrary types in many ways
        return None
    return found


def source(graph_id: str) -> Any:
    """What langgraph.json points to: a compiled graph, a builder, or a factory of one."""
    with _lock:
        return _source(graph_id)


@cache
def auth() -> Any:
    """What the `auth` entry of langgraph.json points to; None where there is no such entry."""
    entry = _config().get("auth")
    if not entry or (isinstance(entry, dict) and entry.keys() <= BESIDE_HANDLERS):
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        raise GraphError(f'{settings.LANGGRAPH_CONFIG} has an "auth" entry without a "path".')
    with _lock:
        found = loaded(AUTH, entry["path"])
    if found is None:  # which must not be taken for no entry
        raise unloadable(AUTH, f"{entry['path']} is None")
    return found


def store_entry(name: str) -> dict[str, Any] | None:
    """A part of the `store` entry of langgraph.json; None where there is none."""
    entry = _config().get("store") or {}
    found = entry.get(name) if isinstance(entry, dict) else entry
    if found is None or isinstance(found, dict):
        return found
    raise GraphError(f'{settings.LANGGRAPH_CONFIG} has a "store" entry whose {name} is no object.')


def loaded(what: str, target: str) -> Any:
    """What langgraph.json means by ./file.py:name or package.module:name."""
    where, _, name = target.rpartition(":")
    if not where or not name:
        raise unloadable(what, f"{target!r} is neither ./file.py:name nor package.module:name")
    module = _module(what, where)
    try:
        return getattr(module, name)
    except AttributeError:
        raise unloadable(what, f"{where} has no {name!r}") from None


def forget() -> None:
    """Read langgraph.json and its modules again when they are next needed."""
    for cached in (_config, _source, graph, fingerprint, auth):
        cached.cache_clear()


async def _open_once(graph_id: str) -> Graph:
    async with opened(graph_id, {"configurable": {}}) as found:
        return found


@cache
def _source(graph_id: str) -> Any:
    try:
        target = _config()["graphs"][graph_id]
    except KeyError:
        raise GraphNotFound(f"langgraph.json names no graph {graph_id!r}.") from None
    return loaded(f"Graph {graph_id!r}", _path(target))


def _module(what: str, where: str) -> ModuleType:
    is_file = where.endswith(".py") or "/" in where
    try:
        return _file_module(what, where) if is_file else importlib.import_module(where)
    except GraphError:
        raise
    except Exception as error:
        raise unloadable(what, f"{where} does not import: {_last_line(error)}") from error


def _file_module(what: str, where: str) -> ModuleType:
    path = (settings.LANGGRAPH_CONFIG.parent / where).resolve()
    if not path.is_file():
        raise unloadable(what, f"{where} does not exist")
    name = _module_name(path)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _module_name(path: Path) -> str:
    """Checkpoints name the module of each type, so it must not depend on where the code lies."""
    relative = os.path.relpath(path, settings.LANGGRAPH_CONFIG.parent)
    digest = hashlib.sha256(relative.encode()).hexdigest()[:8]
    return f"langgraph_json_{digest}_{path.stem}"


@cache
def _config() -> dict[str, Any]:
    path = settings.LANGGRAPH_CONFIG
    try:
        config = json.loads(path.read_text())
    except OSError as error:
        raise GraphError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise GraphError(f"{path} is not valid JSON: {error}.") from None
    if not isinstance(config, dict) or not isinstance(config.get("graphs"), dict):
        raise GraphError(f'{path} has no "graphs" object.')
    _load_environment(path.parent, config.get("env"))
    _add_dependencies(path.parent, config.get("dependencies", []))
    return config


def _load_environment(folder: Path, env: Any) -> None:
    """What the environment already says stays."""
    values = dotenv_values(folder / env) if isinstance(env, str) else env or {}
    for name, value in values.items():
        if value is not None:
            os.environ.setdefault(name, str(value))


def _add_dependencies(folder: Path, dependencies: list[str]) -> None:
    """Local folders become importable, after all that is installed; packages are pip's business."""
    for dependency in dependencies:
        path = str((folder / dependency).resolve())
        if dependency.startswith((".", "/")) and path not in sys.path:
            sys.path.append(path)


def _path(target: Any) -> str:
    return str(target.get("path", "") if isinstance(target, dict) else target)


def _takes_config(graph_id: str, factory: Any) -> bool:
    parameters = inspect.signature(factory).parameters.values()
    required = [p for p in parameters if p.default is p.empty and p.kind not in (2, 4)]
    if len(required) > 1:
        raise _refused(graph_id, "its factory wants more than one argument (config)")
    return bool(required) or "config" in inspect.signature(factory).parameters


def _compiled(graph_id: str, made: Any) -> Graph:
    if isinstance(made, StateGraph):
        try:
            made = made.compile()
        except Exception as error:
            raise _refused(graph_id, f"it does not compile: {_last_line(error)}") from error
    if not isinstance(made, Pregel):
        raise _refused(graph_id, f"it is a {type(made).__name__}, not a graph")
    return made


def unloadable(what: str, reason: str) -> GraphError:
    """That something langgraph.json names cannot be used, and why."""
    return GraphError(f"{what} cannot be loaded: {reason}.")


def _refused(graph_id: str, reason: str) -> GraphError:
    return unloadable(f"Graph {graph_id!r}", reason)


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__
