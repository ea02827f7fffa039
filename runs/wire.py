"""How a run looks on the wire, to those who ask for it and to those who are told of it."""

from __future__ import annotations

from typing import Any

from runs.models import Run


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
    begun = {"run_attempt": run.attempt} if run.attempt else {}
    return {
        "input": asked["input"],
        "command": asked["command"],
        "config": asked["config"] | {"metadata": run.metadata | begun},
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
