"""What the thread-centric protocol tells of messages, tools and subgraphs, chunk by chunk."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    ToolMessage,
)

from runs.runtime.protocol import LIFECYCLE, MESSAGES, TOOLS, Protocol

AT = {"langgraph_node": "model", "ls_provider": "scripted"}


def told(*messages: BaseMessage) -> list[dict[str, Any]]:
    protocol = Protocol()
    return [
        data for message in messages for _, _, data in protocol.of((), "messages", (message, AT))
    ]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


def ended(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["content"] for event in events if event["event"] == "content-block-finish"]


def call(args: str, index: int = 0, **named: str) -> dict[str, Any]:
    return {"name": None, "id": None, **named, "args": args, "index": index}


def test_a_message_grows_by_blocks_and_ends_with_its_last_piece() -> None:
    start, *events = told(
        AIMessageChunk("Let ", id="m"),
        AIMessageChunk("me.", id="m"),
        AIMessageChunk("", id="m", tool_call_chunks=[call('{"a": ', name="add", id="c")]),
        AIMessageChunk("", id="m", tool_call_chunks=[call("1}")]),
        AIMessageChunk("", id="m", chunk_position="last"),
    )
    assert start == {
        "event": "message-start",
        "role": "ai",
        "id": "m",
        "metadata": {"provider": "scripted", "langgraph_node": "model"},
    }
    assert {event["message_id"] for event in events} == {"m"}
    assert kinds(events) == [
        *("content-block-start", "content-block-delta", "content-block-delta"),
        *("content-block-start", "content-block-delta", "content-block-delta"),
        *("content-block-finish", "content-block-finish", "message-finish"),
    ]
    assert [event["index"] for event in events[:-1]] == [0, 0, 0, 1, 1, 1, 0, 1]
    assert [event["delta"] for event in events if "delta" in event] == [
        {"type": "text-delta", "text": "Let "},
        {"type": "text-delta", "text": "me."},
        {"type": "tool-call-delta", "args": '{"a": '},
        {"type": "tool-call-delta", "args": "1}"},
    ]
    assert ended(events) == [
        {"type": "text", "text": "Let me."},
        {"type": "tool_call", "id": "c", "name": "add", "args": {"a": 1}},
    ]


def test_two_messages_at_once_are_told_apart() -> None:
    pieces = [AIMessageChunk(text, id=key) for key in "ab" for text in ("1", "2")]
    last = [AIMessageChunk("", id=key, chunk_position="last") for key in "ab"]
    events = told(pieces[0], pieces[2], pieces[1], pieces[3], *last)

    whole = {event["message_id"]: event for event in events if "content" in event}
    assert {key: event["content"]["text"] for key, event in whole.items()} == {"a": "12", "b": "12"}


def test_a_whole_message_is_told_in_one_go_with_its_tokens() -> None:
    usage = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    start, *events = told(
        AIMessage(
            [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
            id="m",
            usage_metadata=usage,
            tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c"}],
        )
    )
    assert start["id"] == "m"
    assert [block.get("text") for block in ended(events)] == ["one", "two", None]
    assert ended(events)[2]["args"] == {"a": 1}
    assert events[-1] == {"event": "message-finish", "usage": usage, "message_id": "m"}


def test_tokens_of_pieces_are_added_up() -> None:
    usage = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    details = usage | {"output_token_details": {"reasoning": 2}}
    *_, end = told(
        AIMessageChunk("a", id="m", usage_metadata=usage),
        AIMessageChunk("b", id="m", usage_metadata=details),
        AIMessageChunk("", id="m", chunk_position="last"),
    )
    assert end["usage"] == {
        "input_tokens": 6,
        "output_tokens": 2,
        "total_tokens": 8,
        "output_token_details": {"reasoning": 2},
    }


def test_what_people_say_has_their_role_and_tools_are_not_messages() -> None:
    start, *_ = told(HumanMessage("hello", id="m"))
    assert start["role"] == "human"
    assert told(ToolMessage("3", tool_call_id="c", id="m"), RemoveMessage(id="m")) == []


@pytest.mark.parametrize("arguments", ['{"a": ', "[1", "\ud800"])
def test_arguments_that_are_no_json_are_told_as_they_came(arguments: str) -> None:
    events = told(
        AIMessageChunk("", id="m", tool_call_chunks=[call(arguments, name="add", id="c")]),
        AIMessageChunk("", id="m", chunk_position="last"),
    )
    (block,) = ended(events)
    assert block["type"] == "invalid_tool_call"
    assert block["args"] == arguments.replace("\ud800", "\ufffd")


def test_content_without_a_standard_form_fails_nobody() -> None:
    class Odd(AIMessage):
        @property
        def content_blocks(self) -> Any:
            raise KeyError("no translation")

    assert kinds(told(Odd("x", id="m"))) == ["message-start", "message-finish"]


def test_a_tools_answer_is_plain_json() -> None:
    chunk = {
        "event": "tool-finished",
        "tool_call_id": "c",
        "output": ToolMessage("3", tool_call_id="c"),
    }
    ((name, place, data),) = Protocol().of(("child:1",), "tools", chunk)
    assert (name, place) == (TOOLS, ("child:1",))
    assert (data["output"]["content"], data["output"]["type"]) == ("3", "tool")
    assert name != MESSAGES


def test_a_subgraph_begins_with_its_first_task_and_ends_with_the_task_it_is() -> None:
    protocol = Protocol()
    inside = ("child:1",)

    def heard(namespace: tuple[str, ...], **task: Any) -> list[Any]:
        return list(protocol.of(namespace, "tasks", task))

    assert heard((), id="1", name="child") == []
    assert heard(inside, id="2", name="inner") == [
        (LIFECYCLE, inside, {"event": "started", "graph_name": "child"})
    ]
    assert heard(inside, id="3", name="other") == []
    assert heard(inside, id="2", result={}) == []
    assert heard((), id="1", result={}, error=ValueError("boom")) == [
        (LIFECYCLE, inside, {"event": "failed", "error": "ValueError: boom"})
    ]
    for result, ending in (({}, "completed"), ({"interrupts": [{}]}, "interrupted")):
        heard(inside, id="2", name="inner")
        ((_, _, data),) = heard((), **{"id": "1", "result": {}} | result)
        assert data == {"event": ending}
    heard((*inside, "deep:4"), id="5", name="x")
    heard(inside, id="4", name="deep")
    assert [place for _, place, _ in protocol.left()] == [(*inside, "deep:4"), inside]
