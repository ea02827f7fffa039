"""Searching the store by meaning: the `index` of the `store` entry of langgraph.json."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from asgiref.sync import async_to_sync
from langchain_core.embeddings import Embeddings
from langgraph.store.base.embed import EmbeddingsLambda, ensure_embeddings
from langgraph.store.postgres.base import PostgresIndexConfig

from runs.exceptions import GraphError
from runs.runtime import registry

EMBED = "The embed function"
FAULTY = 'The "index" of the "store" entry of langgraph.json '


def index() -> PostgresIndexConfig | None:
    """What is to be embedded and how; None where langgraph.json wants no such search."""
    entry = registry.store_entry("index")
    if entry is None:
        return None
    dims, fields = entry.get("dims"), entry.get("fields")
    if type(dims) is not int or dims < 1:
        raise GraphError(f'{FAULTY}needs "dims", the length of its vectors.')
    if fields is not None and not _is_words(fields):
        raise GraphError(f'{FAULTY}has "fields" that are no list of paths.')
    if not isinstance(entry.get("embed"), str):
        raise GraphError(f'{FAULTY}needs "embed": ./file.py:function or provider:model.')
    found: PostgresIndexConfig = {"dims": dims, "embed": _embeddings(entry["embed"])}
    return found if fields is None else {**found, "fields": fields}


@cache
def _embeddings(target: str) -> Embeddings:
    """A function or object of a file, or a model of a provider that LangChain knows."""
    where = target.rpartition(":")[0]
    is_ours = "/" in where or "." in where
    given: Any = registry.loaded(EMBED, target) if is_ours else target
    try:
        made = ensure_embeddings(given)
    except (ValueError, ImportError) as error:  # no such provider, or its package is not there
        raise registry.unloadable(EMBED, str(error).rstrip(".")) from None
    if isinstance(made, EmbeddingsLambda) and inspect.iscoroutinefunction(given):
        made.func = async_to_sync(given)  # for code outside the event loop
    return made


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
