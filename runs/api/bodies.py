"""What the API answers, key by key, as the Agent Server orders and writes it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from runs.models import Assistant, AssistantVersion, Thread

# What a thread that never ran answers where its state is asked for.
EMPTY_STATE: dict[str, Any] = {
    "values": {},
    "next": [],
    "tasks": [],
    "metadata": None,
    "created_at": None,
    "checkpoint": None,
    "parent_checkpoint": None,
    "interrupts": [],
    "checkpoint_id": None,
    "parent_checkpoint_id": None,
}


def assistant_body(assistant: Assistant) -> dict[str, Any]:
    """An assistant at the version that runs."""
    return {
        "assistant_id": assistant.pk,
        "graph_id": assistant.graph_id,
        "config": assistant.config,
        "context": assistant.context,
        "metadata": assistant.metadata,
        "name": assistant.name,
        "created_at": assistant.created_at,
        "updated_at": assistant.updated_at,
        "version": assistant.version,
        "description": assistant.description,
    }


def version_body(version: AssistantVersion) -> dict[str, Any]:
    """An assistant as it was."""
    return {
        "assistant_id": version.assistant_id,
        "version": version.version,
        "graph_id": version.graph_id,
        "config": version.config,
        "context": version.context,
        "metadata": version.metadata,
        "created_at": version.created_at,
        "name": version.name,
        "description": version.description,
    }


def thread_body(thread: Thread, *, with_ttl: bool = False) -> dict[str, Any]:
    """A thread; `error` and `interrupts` only once it has run."""
    body = {
        "thread_id": thread.pk,
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
        "state_updated_at": thread.state_updated_at,
        "metadata": thread.metadata,
        "status": thread.status,
        "config": thread.config,
        "values": thread.values,
    }
    if thread.interrupts is not None:
        body["error"] = thread.error
        body["interrupts"] = thread.interrupts
    if with_ttl:
        body["ttl"] = thread.ttl and {**thread.ttl, "expires_at": thread.expires_at}
    return body


def joined_body(thread: Thread) -> Any:
    """What a join that comes after the end of a run is told: where the thread is now."""
    if thread.status == Thread.Status.ERROR and thread.error:
        return {"__error__": thread.error}
    asked = [
        {"id": item["id"], "value": item["value"]}
        for items in (thread.interrupts or {}).values()
        for item in items
    ]
    return {"__interrupt__": asked} if asked else (thread.values or {})


def selected(body: dict[str, Any], keys: Collection[str] | None) -> dict[str, Any]:
    """Only the keys a client asked for, where it did."""
    return {key: value for key, value in body.items() if key in keys} if keys else body
