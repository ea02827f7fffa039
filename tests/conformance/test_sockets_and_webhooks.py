"""What was recorded beside requests and answers: a socket's frames, and calls to webhooks."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.conformance.comparison import Names, differences, is_expected
from tests.conformance.conftest import RECEIVER
from tests.conformance.known import DIFFERENCES
from tests.conformance.replay import PATIENCE, TRANSCRIPTS, Replay
from tests.console import Console, wait_for

# What a run without a thread has said is known here, and so is its graph.
OF_STATELESS_RUNS = {
    ".body.values",
    ".body.metadata.graph_id",
    ".body.kwargs.config.metadata.graph_id",
}


def recorded(name: str, receiver: str = "") -> Any:
    """A recording; the webhooks in it are called at a receiver."""
    text = (TRANSCRIPTS / f"{name}.json").read_text()
    return json.loads(text.replace('"webhook":"/', f'"webhook":"{receiver}/'))


def unlike(one: Any, other: Any, names: Names) -> list[Any]:
    return [found for found in differences(one, other, names) if not is_expected(*found)]


# -- frames ----------------------------------------------------------------------------------


async def test_a_socket_brings_what_it_brought_when_it_was_recorded(measured: Console) -> None:
    address = f"{measured.url.replace('http', 'ws')}/threads/{uuid4()}/stream/events"
    key = {"X-Api-Key": measured.api_key}
    names = Names()
    frames = recorded("protocol_v3_websocket")["frames"]
    async with connect(address, additional_headers=key, proxy=None) as socket:
        for sender, group in groupby(frames, key=lambda frame: frame["from"]):
            messages = [frame["message"] for frame in group]
            if sender == "client":
                for message in messages:
                    text = message.get("__text__") or json.dumps(names.translate(message))
                    await socket.send(text)
            else:
                await expect_all(socket, messages, names)


async def expect_all(socket: ClientConnection, expected: list[Any], names: Names) -> None:
    """As many messages, each of them like one that was recorded.

    The last values of a pause come before its end here, not after it.
    """
    async with asyncio.timeout(PATIENCE):
        for _ in range(len(expected)):
            message = json.loads(await socket.recv())
            alike = [one for one in expected if not unlike(one, message, trial(names))]
            assert alike, message
            unlike(alike[0], message, names)
            expected.remove(alike[0])


def trial(names: Names) -> Names:
    copy = Names()
    copy.ours = dict(names.ours)
    return copy


# -- webhooks --------------------------------------------------------------------------------


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent, by the run it is about."""

    def __init__(self) -> None:
        super().__init__((RECEIVER, 0), Taker)
        self.taken: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return f"http://{RECEIVER}:{self.server_port}"


class Taker(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.taken[body["run_id"]] = {"target": self.path, "body": body}
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_webhooks_are_told_what_they_were_told_when_it_was_recorded(
    measured: Console, receiver: Receiver
) -> None:
    whole = recorded("runs_webhook", receiver.url)
    known = set().union(*DIFFERENCES["runs_webhook"].values())
    with measured.client() as client:
        replay = Replay(client, whole["exchanges"], known)
        replay.play()
    assert {number for number, found in replay.found.items() if found} == known

    for one in whole["deliveries"]:
        run_id = replay.names.ours[one["body"]["run_id"]]
        taken = wait_for(lambda run_id=run_id: receiver.taken.get(run_id), seconds=PATIENCE)
        if one["body"]["status"] == "interrupted":  # it may not have begun yet
            keys = ("status", "error")
            assert [taken["body"][key] for key in keys] == [one["body"][key] for key in keys]
            continue
        is_stateless = one["body"]["kwargs"]["temporary"]
        differ = {at for at, *_ in unlike(one, taken, replay.names)}
        assert differ == (OF_STATELESS_RUNS if is_stateless else set())
