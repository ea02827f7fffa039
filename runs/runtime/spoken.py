"""A message as it is spoken: which of its blocks begins, grows and ends."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from typing import Any

from langchain_core.messages import BaseMessage, BaseMessageChunk

# What grows, by the type of its block: the field, and what a piece of it is called.
GROWING = {
    "text": ("text", "text-delta"),
    "reasoning": ("reasoning", "reasoning-delta"),
    "tool_call_chunk": ("args", "tool-call-delta"),
    "server_tool_call_chunk": ("args", "tool-call-delta"),
}
HEAVY = ("args", "data", "output", "value")  # told once, when their block ends
NO_JSON = "The arguments are not valid JSON."

Block = dict[str, Any]


class Spoken:
    """One message, whole or in chunks; its blocks are numbered as they begin."""

    def __init__(self) -> None:
        self.blocks: dict[Hashable, Block] = {}
        self.usage: dict[str, Any] = {}
        self.is_over = False

    def take(self, message: BaseMessage) -> Iterator[dict[str, Any]]:
        """What a further piece says; the last one ends all blocks, and the message."""
        is_whole = not isinstance(message, BaseMessageChunk)
        for position, block in enumerate(_blocks_of(message)):
            yield from self._of_block(position if is_whole else self._key(block), block)
        if usage := getattr(message, "usage_metadata", None):
            self.usage = _sum(self.usage, usage)
        if is_whole or getattr(message, "chunk_position", None) == "last":
            yield from self._end()

    def _key(self, block: Block) -> Hashable:
        """What the pieces of one block have in common: an index, or if need be their type."""
        index = block.get("index")
        if index is None and block["type"] not in GROWING:
            return len(self.blocks)
        return block["type"], str(index)

    def _of_block(self, key: Hashable, block: Block) -> Iterator[dict[str, Any]]:
        field, piece = GROWING.get(block["type"], ("", ""))
        if key not in self.blocks:
            begun = {name: value for name, value in block.items() if name not in HEAVY}
            begun |= {field: ""} if field else {}
            number = len(self.blocks)
            self.blocks[key] = begun if field else block
            yield {"event": "content-block-start", "index": number, "content": dict(begun)}
        known, text = self.blocks[key], block.get(field)
        known |= {name: it for name, it in block.items() if name != field and it is not None}
        if text:
            known[field] += text
            number = list(self.blocks).index(key)
            delta = {"type": piece, field: text}
            yield {"event": "content-block-delta", "index": number, "delta": delta}

    def _end(self) -> Iterator[dict[str, Any]]:
        self.is_over = True
        for number, block in enumerate(self.blocks.values()):
            yield {"event": "content-block-finish", "index": number, "content": _whole(block)}
        yield {"event": "message-finish"} | ({"usage": self.usage} if self.usage else {})


def _blocks_of(message: BaseMessage) -> list[Block]:
    """Its content in LangChain's standard blocks; whatever has no such form is left out."""
    try:
        found: list[Any] = list(message.content_blocks)
    except Exception:  # each provider's translator may fail in its own way: the run goes on
        return []
    return [dict(one) for one in found if isinstance(one, dict) and "type" in one]


def _whole(block: Block) -> Block:
    """A block that is over: the arguments of a call are read."""
    kind = block["type"]
    if not kind.endswith("_chunk"):
        return block
    kept = {name: value for name, value in block.items() if name != "index"}
    try:
        arguments = json.loads(block["args"] or "{}")
    except ValueError:
        return kept | {"type": "invalid_tool_call", "error": NO_JSON}
    return kept | {"type": kind.removesuffix("_chunk"), "args": arguments}


def _sum(known: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Tokens of one piece and of those before it."""
    found = dict(known)
    for name, value in more.items():
        if isinstance(value, dict):
            found[name] = _sum(found.get(name, {}), value)
        elif isinstance(value, int):
            found[name] = found.get(name, 0) + value
    return found
