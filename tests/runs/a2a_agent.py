"""An assistant as an agent of A2A: what it is told in raw JSON-RPC, and what it answers."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from runs.services import system_assistant_id

COMPLAINT = "Order A-1042 arrived broken, I want my 89.90 back"
APPROVED = {"decisions": [{"type": "approve"}, {"type": "approve"}]}


class Agent:
    """One assistant, and what it is told in raw JSON-RPC of A2A 0.3."""

    def __init__(self, api: httpx.Client, graph_id: str) -> None:
        self.api = api
        self.path = f"/a2a/{system_assistant_id(graph_id)}"

    def call(self, method: str, params: Any) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": "1", "method": method, "params": params}
        answer = self.api.post(self.path, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert (found.pop("jsonrpc"), found.pop("id")) == ("2.0", "1")
        return found

    def do(self, method: str, params: Any) -> dict[str, Any]:
        """The result of what can be done."""
        answer = self.call(method, params)
        assert answer.keys() == {"result"}, answer
        return dict(answer["result"])

    def refused(self, method: str, params: Any) -> dict[str, Any]:
        """The error of what cannot be done."""
        answer = self.call(method, params)
        assert answer.keys() == {"error"}, answer
        return dict(answer["error"])

    def send(self, content: Any, configuration: Any = None, **ids: str) -> dict[str, Any]:
        return self.do("message/send", sent(content, configuration, **ids))


def sent(content: Any, configuration: Any = None, **ids: str) -> dict[str, Any]:
    """A message of words, or of data."""
    kind = "text" if isinstance(content, str) else "data"
    parts = [{"kind": kind, kind: content}]
    message = {"role": "user", "messageId": str(uuid.uuid4()), "parts": parts, **ids}
    return {"message": message} | ({"configuration": configuration} if configuration else {})


def questions(task: dict[str, Any]) -> list[dict[str, Any]]:
    assert {one["name"] for one in task["artifacts"]} == {"Interrupt"}
    return [one["parts"][0]["data"] for one in task["artifacts"]]


def state_of(task: dict[str, Any]) -> str:
    return str(task["status"]["state"])
