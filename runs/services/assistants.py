"""Assistants: a graph with a configuration, and every version it ever had."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from runs.exceptions import GraphNotFound, NotFound, RunsError
from runs.models import Assistant, AssistantVersion, Thread
from runs.runtime import registry
from runs.services.threads import EVERY, delete_thread

# The Agent Server derives the id of a graph's own assistant from this namespace (measured).
SYSTEM_NAMESPACE = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
SYSTEM = {"created_by": "system"}
VERSIONED = ("graph_id", "name", "description", "config", "context", "metadata")


def system_assistant_id(graph_id: str) -> UUID:
    """The id every Agent Server gives to the assistant of this graph."""
    return uuid5(SYSTEM_NAMESPACE, graph_id)


@transaction.atomic
def sync_assistants() -> None:
    """Give every graph of langgraph.json its own assistant."""
    for graph_id in registry.graph_ids():
        assistant_id = system_assistant_id(graph_id)
        if not Assistant.objects.filter(pk=assistant_id).exists():
            create_assistant(
                graph_id=graph_id, assistant_id=assistant_id, name=graph_id, metadata=SYSTEM
            )


@transaction.atomic
def create_assistant(
    *,
    graph_id: str,
    assistant_id: UUID | None = None,
    do_nothing: bool = False,
    author: User | None = None,
    **fields: Any,
) -> Assistant:
    """A new assistant at version 1; with `do_nothing`, the one that already has this id."""
    if graph_id not in registry.graph_ids():
        raise GraphNotFound(f"Graph '{graph_id}' not found.")
    assistant_id = assistant_id or uuid4()
    assistant, is_new = Assistant.objects.get_or_create(
        pk=assistant_id, defaults={"graph_id": graph_id, **fields}
    )
    if is_new:
        _keep_version(assistant, author)
    elif not do_nothing:
        raise RunsError(f"Assistant {assistant_id} already exists")
    return assistant


@transaction.atomic
def update_assistant(
    *, assistant_id: UUID, author: User | None = None, among: Q = EVERY, **changes: Any
) -> Assistant:
    """A new version: metadata is merged, everything else replaced."""
    assistant = _locked(assistant_id, among)
    graph_id = changes.get("graph_id", assistant.graph_id)
    if graph_id not in registry.graph_ids():
        raise GraphNotFound(f"Graph '{graph_id}' not found.")
    if "metadata" in changes:
        changes["metadata"] = assistant.metadata | changes["metadata"]
    for field, value in changes.items():
        setattr(assistant, field, value)
    newest = assistant.versions.order_by("-version").values_list("version", flat=True)[0]
    assistant.version = newest + 1
    assistant.updated_at = now()
    assistant.save()
    _keep_version(assistant, author)
    _take_breakpoints_along(assistant)
    return assistant


@transaction.atomic
def set_latest_version(*, assistant_id: UUID, version: int) -> Assistant:
    """Make an earlier version the one that runs."""
    assistant = _locked(assistant_id)
    kept = assistant.versions.filter(version=version).first()
    if kept is None:
        raise NotFound(f"Version {version} not found for assistant {assistant_id}")
    for field in VERSIONED:
        setattr(assistant, field, getattr(kept, field))
    assistant.version = version
    assistant.updated_at = now()
    assistant.save()
    _take_breakpoints_along(assistant)
    return assistant


@transaction.atomic
def delete_assistant(
    *,
    assistant_id: UUID,
    threads: Iterable[Thread] | None = None,
    among: Q = EVERY,
    actor: User | None = None,
) -> None:
    """Delete an assistant and these threads of its runs; all others stay, they are history."""
    assistant = _locked(assistant_id, among)
    for thread in threads or ():
        delete_thread(thread=thread, actor=actor)
    if assistant.breakpoints.exists():
        raise RunsError("An admin has set breakpoints on this assistant: remove them first.")
    assistant.delete()


def _locked(assistant_id: UUID, among: Q = EVERY) -> Assistant:
    """The assistant, held to the transaction's end, if it is among those the client may have."""
    assistant = Assistant.objects.select_for_update().filter(among, pk=assistant_id).first()
    if assistant is None:
        raise NotFound(f"Assistant with ID {assistant_id} not found")
    return assistant


def _take_breakpoints_along(assistant: Assistant) -> None:
    """They are the assistant's, whatever its graph is now."""
    assistant.breakpoints.update(graph_id=assistant.graph_id)


def _keep_version(assistant: Assistant, author: User | None) -> None:
    AssistantVersion.objects.create(
        assistant=assistant,
        version=assistant.version,
        author=author,
        **{field: getattr(assistant, field) for field in VERSIONED},
    )
