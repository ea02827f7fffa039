"""What the API answers, key by key, as the Agent Server orders and writes it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from runs.models import Assistant, AssistantVersion, Run, Thread

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


def thread_body(thread: Thread) -> dict[str, Any]:
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


def run_body(run: Run) -> dict[str, Any]:
    """A run, and in `kwargs` what it was asked to do."""
    return {
        "run_id": run.pk,
        "thread_id": run.thread_id,
        "assistant_id": run.assistant_id,
        "metadata": run.metadata,
        "status": run.status,
        "kwargs": _kwargs_body(run),
        "multitask_strategy": run.multitask_strategy,
        "created_at": run.created_at,
        "updated_at": run.updated_at,
        "langsmith_session_name": None,
    }


def _kwargs_body(run: Run) -> dict[str, Any]:
    asked = run.kwargs
    return {
        "input": asked["input"],
        "command": asked["command"],
        "config": asked["config"] | {"metadata": run.metadata},
        "context": asked["context"],
        "stream_mode": asked["stream_mode"] or ["values"],
        "interrupt_before": asked["interrupt_before"],
        "interrupt_after": asked["interrupt_after"],
        "webhook": asked["webhook"],
        "feedback_keys": asked["feedback_keys"],
        "temporary": asked["temporary"],
        "subgraphs": asked["subgraphs"],
        "resumable": asked["resumable"],
        "checkpoint_during": asked["durability"] != "exit",
        "durability": asked["durability"],
    }


def selected(body: dict[str, Any], keys: Collection[str] | None) -> dict[str, Any]:
    """Only the keys a client asked for, where it did."""
    return {key: value for key, value in body.items() if key in keys} if keys else body
