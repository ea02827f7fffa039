"""Recorded conversations with LangGraph's Agent Server, had again with this one."""

from __future__ import annotations

import pytest

from tests.conformance.known import DEPENDS_ON_SPEED, DIFFERENCES
from tests.conformance.replay import TRANSCRIPTS, Replay, transcript
from tests.console import Console

ELSEWHERE = {"protocol_v3_websocket", "runs_webhook"}  # not of requests and answers alone
NAMES = sorted({path.stem for path in TRANSCRIPTS.glob("*.json")} - ELSEWHERE)


@pytest.mark.parametrize("name", NAMES)
def test_the_conversation_goes_as_it_was_recorded(measured: Console, name: str) -> None:
    reasons = DIFFERENCES.get(name, {})
    known = set().union(*reasons.values()) if reasons else set()
    labels = {one["n"]: one for one in transcript(name)}
    with measured.client() as client:
        replay = Replay(client, transcript(name), known)
        replay.play()

    differ = {number: found for number, found in replay.found.items() if found}
    assert {
        f"{number} {labels[number]['request']['target']} ({labels[number]['label']})": found
        for number, found in differ.items()
        if number not in known
    } == {}
    by_speed = {n for reason, found in reasons.items() if reason in DEPENDS_ON_SPEED for n in found}
    assert known - differ.keys() - by_speed == set()


def test_every_known_difference_is_of_a_conversation_there_is() -> None:
    assert DIFFERENCES.keys() <= set(NAMES) | ELSEWHERE
