"""What a graph says, in the words of the thread-centric protocol where they are other words.

Values, updates, tasks and custom events are the same to all clients. Messages, tools, checkpoints
and subgraphs are told in a way of their own. The types are those of the package langchain-protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.messages import BaseMessage

from runs.runtime.failures import error_body
from runs.runtime.jsonable import jsonable
from runs.runtime.spec import PROTOCOL
from runs.runtime.spoken import Spoken

# By the type of a message, whole or a piece; what tools say is on a channel of its own.
ROLES = {
    "ai": "ai",
    "AIMessageChunk": "ai",
    "human": "human",
    "HumanMessageChunk": "human",
    "system": "system",
    "SystemMessageChunk": "system",
}
MODES = ("messages", "tools", "checkpoints", "tasks")
MESSAGES, TOOLS, CHECKPOINTS, LIFECYCLE = (
    f"{PROTOCOL}/{channel}" for channel in ("messages", "tools", "checkpoints", "lifecycle")
)

Namespace = tuple[str, ...]
Told = tuple[str, Namespace, dict[str, Any]]


class Protocol:
    """Turns the chunks of one attempt into events: a name, a namespace and data."""

    def __init__(self) -> None:
        self.spoken: dict[str, Spoken] = {}  # messages that are not over, by their ids
        self.begun: set[Namespace] = set()

    def of(self, namespace: Namespace, mode: str, chunk: Any) -> Iterator[Told]:
        """The events a chunk gives."""
        if mode == "messages":
            for data in self._of_message(*chunk):
                yield MESSAGES, namespace, jsonable(data)
        elif mode == "tools":
            yield TOOLS, namespace, jsonable(chunk)
        elif mode == "checkpoints":
            yield CHECKPOINTS, namespace, _checkpoint(chunk)
        elif mode == "tasks":
            yield from self._of_task(namespace, chunk)

    def _of_message(
        self, message: BaseMessage, metadata: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        role = ROLES.get(message.type)
        if role is None:
            return
        key = str(message.id)
        if key not in self.spoken:
            self.spoken[key] = Spoken()
            yield _start(role, key, message, metadata)
        for data in self.spoken[key].take(message):
            yield data | {"message_id": key}
        if self.spoken[key].is_over:
            del self.spoken[key]

    def _of_task(self, namespace: Namespace, task: dict[str, Any]) -> Iterator[Told]:
        """A subgraph is there with its first task, and over with the task that it is."""
        if "result" not in task:
            if namespace and namespace not in self.begun:
                self.begun.add(namespace)
                name = namespace[-1].partition(":")[0]
                yield LIFECYCLE, namespace, {"event": "started", "graph_name": name}
            return
        for place in self.begun:
            if place[:-1] == namespace and place[-1].endswith(f":{task['id']}"):
                self.begun.remove(place)
                yield LIFECYCLE, place, _ending(task)
                return

    def left(self) -> Iterator[Told]:
        """Where a run that paused stands still: LangGraph ends no task that holds a question."""
        for place in sorted(self.begun, key=len, reverse=True):
            yield LIFECYCLE, place, {"event": "interrupted"}


def _start(role: str, key: str, message: BaseMessage, metadata: dict[str, Any]) -> dict[str, Any]:
    known = {
        "provider": metadata.get("ls_provider"),
        "model": metadata.get("ls_model_name") or message.response_metadata.get("model_name"),
        "langgraph_node": metadata.get("langgraph_node"),
    }
    said = {name: value for name, value in known.items() if value}
    return {"event": "message-start", "role": role, "id": key, "metadata": said}


def _ending(task: dict[str, Any]) -> dict[str, Any]:
    if task.get("interrupts"):
        return {"event": "interrupted"}
    if isinstance(error := task.get("error"), BaseException):
        said = error_body(error)
        return {"event": "failed", "error": f"{said['error']}: {said['message']}"}
    return {"event": "completed"}


def _checkpoint(chunk: dict[str, Any]) -> dict[str, Any]:
    metadata, parent = chunk["metadata"], chunk.get("parent_config") or {}
    said = {
        "id": chunk["config"]["configurable"]["checkpoint_id"],
        "step": metadata["step"],
        "source": metadata["source"],
    }
    if parent_id := parent.get("configurable", {}).get("checkpoint_id"):
        said["parent_id"] = parent_id
    return said
