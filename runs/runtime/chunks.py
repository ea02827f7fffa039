"""What a graph says while it runs, as the events its clients asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.messages import BaseMessage, BaseMessageChunk, message_chunk_to_message

from runs.exceptions import InvalidInput
from runs.runtime import snapshots
from runs.runtime.failures import error_body
from runs.runtime.jsonable import jsonable
from runs.runtime.protocol import MODES as PROTOCOL_MODES
from runs.runtime.protocol import Protocol
from runs.runtime.spec import PROTOCOL, Emit, RunSpec

INTERRUPT = "__interrupt__"
EVENTS, MESSAGES, TUPLES = "events", "messages", "messages-tuple"
PLAIN = ("values", "updates", "custom", "tasks", "checkpoints", "debug")
STREAM_MODES = (*PLAIN, MESSAGES, TUPLES, EVENTS, PROTOCOL)


class Chunks:
    """Passes a run's chunks on until one shows an interrupt, and keeps the rest.

    A client that sees an interrupt answers it at once, so it must not see one before the run
    is settled.
    """

    def __init__(self, spec: RunSpec, emit: Emit) -> None:
        unknown = [mode for mode in spec.stream_modes if mode not in STREAM_MODES]
        if unknown:
            raise InvalidInput(f"The stream mode {unknown[0]!r} is not supported.")
        self.wanted = set(spec.stream_modes)
        self.protocol = Protocol() if PROTOCOL in self.wanted else None
        of_the_graph = {MESSAGES if mode == TUPLES else mode for mode in self.wanted}
        of_the_graph |= set(PROTOCOL_MODES) if self.protocol else set()
        self.modes: list[Any] = ["values", *sorted(of_the_graph - {"values", EVENTS, PROTOCOL})]
        self.emit = emit
        self.messages = GrowingMessages()
        self.closing: list[tuple[str, Any]] = []
        self.values: Any = None  # of the root, as last seen
        self.holding = False

    @property
    def with_events(self) -> bool:
        """Whether somebody wants to see every runnable at work."""
        return EVENTS in self.wanted

    async def take(self, namespace: tuple[str, ...], mode: str, chunk: Any) -> None:
        """Keep what the outcome needs of a chunk, and show it to whoever asked for its mode."""
        self.holding = self.holding or (isinstance(chunk, dict) and INTERRUPT in chunk)
        if mode == "values" and not namespace:
            self.values = chunk
        if mode == MESSAGES:
            for event, data in self._of_message(*chunk):
                await self._say(event, namespace, data)
        elif mode in self.wanted:
            await self._say(mode, namespace, _on_the_wire(mode, chunk))
        if self.protocol:
            for told in self.protocol.of(namespace, mode, chunk):
                await self._say(*told)

    async def take_event(self, event: dict[str, Any]) -> None:
        """Show a runnable at work."""
        await self._say(EVENTS, (), jsonable(event))

    async def end(self) -> list[tuple[str, Any]]:
        """What was kept, once the graph has stopped: it is shown with the settlement."""
        if self.protocol:
            for told in self.protocol.left():
                await self._say(*told)
        return self.closing

    def _of_message(self, message: BaseMessage, metadata: Any) -> Iterator[tuple[str, Any]]:
        if TUPLES in self.wanted:
            yield MESSAGES, jsonable((message, metadata))
        if MESSAGES in self.wanted:
            yield from self.messages.take(message, metadata)

    async def _say(self, event: str, namespace: tuple[str, ...], data: Any) -> None:
        named = "|".join((event, *namespace))
        if self.holding:
            self.closing.append((named, data))
        else:
            await self.emit(named, data)


def _on_the_wire(mode: str, chunk: Any) -> Any:
    """A chunk as clients know it: errors as objects, and where a checkpoint is found."""
    if mode == "tasks":
        return jsonable(_with_error(chunk))
    if mode != "debug":
        return jsonable(chunk)
    plain = jsonable({**chunk, "payload": _with_error(chunk["payload"])})
    if plain["type"] == "checkpoint":
        _add_places(plain["payload"])
    return plain


def _with_error(task: Any) -> Any:
    error = task.get("error")
    return task | {"error": error_body(error)} if isinstance(error, BaseException) else task


def _add_places(checkpoint: dict[str, Any]) -> None:
    checkpoint["checkpoint"] = snapshots.checkpoint_of(checkpoint.get("config"))
    checkpoint["parent_checkpoint"] = snapshots.checkpoint_of(checkpoint.get("parent_config"))
    for task in checkpoint.get("tasks", []):
        if task.get("state"):
            task["checkpoint"] = task.pop("state")["configurable"]


class GrowingMessages:
    """Messages of a model as they grow: each time all that is known of one, by its id."""

    def __init__(self) -> None:
        self.known: dict[str | None, BaseMessage] = {}

    def take(self, message: BaseMessage, metadata: Any) -> Iterator[tuple[str, Any]]:
        """The events a message, or a further piece of one, gives."""
        known = self.known.get(message.id)
        if known is None:
            yield "messages/metadata", {str(message.id): {"metadata": jsonable(metadata)}}
        if isinstance(message, BaseMessageChunk):
            grown = known + message if isinstance(known, BaseMessageChunk) else message
            self.known[message.id] = grown
            yield "messages/partial", [jsonable(message_chunk_to_message(grown))]
        else:
            self.known[message.id] = message
            yield "messages/complete", [jsonable(message)]
