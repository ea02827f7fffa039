"""What A2A says on the wire, in the two versions of it that clients speak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from runs.api.fields import IdField, ObjectField, SwitchField, TextField, WholeNumberField
from runs.api.jsonrpc import INVALID_PARAMS, Refused

TASK_NOT_FOUND, NOT_CANCELABLE, NO_PUSH, WRONG_CONTENT = -32001, -32002, -32003, -32005
UNSUPPORTED_VERSION = -32009
MAX_HISTORY = 2**31 - 1
CLIENT_ROLES = ("user", "ROLE_USER")


@dataclass(frozen=True, slots=True)
class Words:
    """One version of A2A: 0.3 names the kind of each object, 1.0 wraps it in its name."""

    version: str

    @property
    def is_old(self) -> bool:
        """Whether this is 0.3."""
        return self.version == "0.3"

    def bare(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """An object where nothing else can stand."""
        return {"kind": kind, **body} if self.is_old else body

    def one_of(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """An object where others could stand as well."""
        if self.is_old:
            return {"kind": kind, **body}
        first, *rest = kind.split("-")
        return {first + "".join(map(str.title, rest)): body}

    def state(self, name: str) -> str:
        """The state of a task."""
        return name if self.is_old else f"TASK_STATE_{name.replace('-', '_').upper()}"

    def role(self, name: str) -> str:
        """Who says something: user or agent."""
        return name if self.is_old else f"ROLE_{name.upper()}"

    def text(self, text: str) -> dict[str, Any]:
        """A part of words."""
        return self.bare("text", {"text": text})

    def data(self, data: Any) -> dict[str, Any]:
        """A part of data."""
        return self.bare("data", {"data": data})


OLD, NEW = Words("0.3"), Words("1.0")


class MessageSerializer(serializers.Serializer[Any]):
    """What a client says; anything but words and data is refused by `words_and_data`."""

    role = serializers.ChoiceField(CLIENT_ROLES)
    messageId = TextField(max_length=500)
    contextId = IdField("context", required=False)
    taskId = TextField(required=False, max_length=500)
    parts = serializers.ListField(child=ObjectField(), min_length=1, max_length=1000)


class ConfigurationSerializer(serializers.Serializer[Any]):
    """How the answer is wanted: 0.3 says whether to wait, 1.0 whether not to."""

    blocking = SwitchField(default=True)
    returnImmediately = SwitchField(default=False)
    historyLength = WholeNumberField(min_value=0, max_value=MAX_HISTORY, required=False)
    pushNotificationConfig = ObjectField(required=False)
    taskPushNotificationConfig = ObjectField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Nobody is to wait for what will never be sent."""
        if attrs.keys() & {"pushNotificationConfig", "taskPushNotificationConfig"}:
            raise Refused(NO_PUSH, "Push notifications are not supported.")
        return attrs


class SendSerializer(serializers.Serializer[Any]):
    message = MessageSerializer()
    configuration = ConfigurationSerializer(required=False)


class TaskSerializer(serializers.Serializer[Any]):
    id = TextField(max_length=500)
    historyLength = WholeNumberField(min_value=0, max_value=MAX_HISTORY, required=False)


def words_and_data(parts: list[dict[str, Any]]) -> tuple[list[str], list[Any]]:
    """The texts and the data in a message's parts."""
    texts, data = [], []
    for part in parts:
        if isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif "data" in part:
            data.append(part["data"])
        else:
            raise Refused(WRONG_CONTENT, "Parts may be text or data, and nothing else.")
    return texts, data


def answer_in(parts: list[dict[str, Any]]) -> Any:
    """What a message answers a question with: the value in its data, or else its words."""
    texts, data = words_and_data(parts)
    if (texts and data) or len(data) > 1:
        raise Refused(INVALID_PARAMS, "An answer is one part of data, or words alone.")
    return data[0] if data else "\n".join(texts)
