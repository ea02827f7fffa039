"""Plays a recorded conversation against a console, exchange by exchange, as fast as it may."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Container
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.conformance.comparison import Difference, Names, differences, is_expected
from tests.console import wait_for

TRANSCRIPTS = Path(__file__).parent / "transcripts"
PACE = 0.3  # of the recorded time: graphs sleep, and clients wait, that much shorter
SPANS = ("seconds", "after_seconds", "__after_seconds__")  # times that are part of a body
LONGEST_WAIT = 2.0  # seconds between two exchanges, whatever the recording took
PATIENCE = 20.0  # seconds until a question has to have its recorded answer
UNSETTLED = {"pending", "running", "busy"}
HEADERS = ("content-type", "location", "content-location", "x-pagination-next", "allow")


@dataclass
class Answer:
    """What came back; `events` of a stream, `body` of everything else."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    events: list[dict[str, Any]] | None = None


def transcript(name: str) -> list[dict[str, Any]]:
    """The exchanges of a recording, in our time."""
    whole = json.loads((TRANSCRIPTS / f"{name}.json").read_text())
    exchanges: list[dict[str, Any]] = in_our_time(whole["exchanges"])
    return exchanges


def in_our_time(value: Any) -> Any:
    """The same, with what lasts some seconds lasting less."""
    if isinstance(value, list):
        return [in_our_time(item) for item in value]
    if isinstance(value, dict):
        return {
            key: round(item * PACE, 3)
            if key in SPANS and isinstance(item, (int, float)) and item
            else in_our_time(item)
            for key, item in value.items()
        }
    return value


class Replay:
    """One conversation; `found` has the differences of each exchange by its number."""

    def __init__(
        self, client: httpx.Client, exchanges: list[dict[str, Any]], known: Container[int] = ()
    ) -> None:
        self.client = client
        self.exchanges = exchanges
        self.known = known  # exchanges that differ: nothing is gained by asking them again
        self.names = Names()
        self.found: dict[int, list[Difference]] = {}
        self.event_ids: dict[str, str] = {}

    def play(self) -> None:
        """Every exchange in its order, side by side where they were recorded side by side."""
        open_ones: list[tuple[dict[str, Any], Future[None]]] = []
        with ThreadPoolExecutor(max_workers=20) as pool:
            for index, exchange in enumerate(self.exchanges):
                for earlier, future in open_ones:
                    if earlier.get("ends", 0) <= exchange["t"] + 0.002:
                        future.result()
                open_ones = [(one, future) for one, future in open_ones if not future.done()]
                self._keep_distance(index)
                began = threading.Event()
                future = pool.submit(self._exchange, exchange, began)
                began.wait(PATIENCE)
                open_ones.append((exchange, future))

    def _keep_distance(self, index: int) -> None:
        """Wait as the recording did: after the exchange before, or beside it."""
        if index:
            before, this = self.exchanges[index - 1], self.exchanges[index]
            is_beside = before.get("ends", 0) > this["t"]
            since = before["t"] if is_beside else before.get("ends", before["t"])
            time.sleep(min(max(this["t"] - since, 0) * PACE, LONGEST_WAIT))

    def _exchange(self, exchange: dict[str, Any], began: threading.Event) -> None:
        try:
            if needed := exchange.get("needs"):  # an id another client has to hear of first
                wait_for(lambda: needed in self.names.ours, seconds=PATIENCE, what=needed)
            self.found[exchange["n"]] = self._compared(exchange, began)
        finally:
            began.set()

    def _compared(self, exchange: dict[str, Any], began: threading.Event) -> list[Difference]:
        """Ask once; ask again what may only be a little early."""
        deadline = time.monotonic() + PATIENCE
        while True:
            names = Names()
            names.ours = dict(self.names.ours)
            answer = self._ask(exchange, began)
            found = compare(exchange["response"], answer, names)
            is_question = exchange["request"]["method"] == "GET" and answer.events is None
            is_last = exchange["n"] in self.known or time.monotonic() > deadline
            if not found or not is_question or is_last:
                self.names.ours.update(names.ours)
                self._note_events(exchange["response"].get("events"), answer.events)
                return found
            if self._is_passing(exchange):
                return []
            time.sleep(0.05)

    def _note_events(self, recorded: Any, ours: Any) -> None:
        """Which of our event ids stands for which recorded one, for who reads on from there."""
        for one, other in zip(recorded or [], ours or [], strict=False):
            if "id" in one and "id" in other:
                self.event_ids[one["id"]] = other["id"]

    def _is_passing(self, exchange: dict[str, Any]) -> bool:
        """Whether a recording caught a run under way, where ours may be over already."""
        body = exchange["response"].get("body")
        return isinstance(body, dict) and body.get("status") in UNSETTLED

    def _ask(self, exchange: dict[str, Any], began: threading.Event) -> Answer:
        asked = exchange["request"]
        content, headers = self._content(asked), dict(asked.get("headers", {}))
        headers = {name: self.event_ids.get(value, value) for name, value in headers.items()}
        request = self.client.build_request(
            asked["method"], self.names.translate(asked["target"]), content=content, headers=headers
        )
        leaves_after = exchange.get("left_after", 60 / PACE) * PACE
        if exchange.get("until_told"):
            leaves_after = PATIENCE
        request.extensions["timeout"] = dict.fromkeys(("connect", "write", "pool", "read"), 60)
        request.extensions["timeout"]["read"] = leaves_after
        response = self.client.send(request, stream=True)
        began.set()
        answer = Answer(response.status_code, dict(response.headers))
        text = _read(response, partial(self._is_all_told, exchange))
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            answer.events = events(text)
        else:
            answer.body = _parsed(text)
        return answer

    def _is_all_told(self, exchange: dict[str, Any], raw: bytes) -> bool:
        """Whether a stream without end has said what it is to say; its ids are known at once."""
        if not exchange.get("until_told"):
            return False
        whole = raw.rpartition(b"\r\n\r\n")[0].decode()
        recorded, ours = exchange["response"]["events"], events(whole)
        if exchange["n"] not in self.known:
            for one, other in zip(recorded, ours, strict=False):
                list(differences(one["data"], other["data"], self.names))
        return len(ours) >= len(recorded)

    def _content(self, asked: dict[str, Any]) -> bytes | None:
        body = asked.get("body")
        if body is None:
            return None
        if isinstance(body, dict) and body.keys() == {"__text__"}:
            return str(body["__text__"]).encode()
        return json.dumps(self.names.translate(body)).encode()


def compare(recorded: dict[str, Any], answer: Answer, names: Names) -> list[Difference]:
    """Status, the headers clients read, and the body or the events."""
    found: list[Difference] = []
    if recorded["status"] != answer.status:
        return [("status", recorded["status"], [answer.status, answer.body])]
    if answer.events is not None and "events" in recorded:
        found += _of_events(recorded["events"], answer.events, names)
    else:
        found += differences(recorded.get("body"), answer.body, names)
    for name in HEADERS:
        pair = recorded["headers"].get(name, ""), answer.headers.get(name, "")
        found += differences(*pair, names, f"header {name}")
    return [one for one in found if not is_expected(*one)]


def _of_events(recorded: list[Any], ours: list[Any], names: Names) -> list[Difference]:
    left, right = [one["event"] for one in recorded], [one["event"] for one in ours]
    if len(left) != len(right) or not all(map(names.same, left, right)):
        return [("events", names.translate(left), right)]
    found: list[Difference] = []
    for index, (one, other) in enumerate(zip(recorded, ours, strict=True)):
        found += differences(one["data"], other["data"], names, f"event {index} {one['event']} ")
        if ("id" in one) != ("id" in other):
            found.append((f"event {index} id", one.get("id"), other.get("id")))
    return found


def events(text: str) -> list[dict[str, Any]]:
    """The events of a stream, without its heartbeats."""
    found = []
    for block in text.split("\r\n\r\n"):
        if not block or block.startswith(":"):
            continue
        fields = dict(line.split(": ", 1) for line in block.split("\r\n"))
        found.append(fields | {"data": json.loads(fields["data"])})
    return found


def _read(response: httpx.Response, is_enough: Callable[[bytes], bool]) -> str:
    parts = b""
    try:
        for part in response.iter_bytes():
            parts += part
            if is_enough(parts):
                break
    except httpx.ReadTimeout:
        pass  # this client has left
    finally:
        response.close()
    return parts.decode()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except ValueError:
        return text
