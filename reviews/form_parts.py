"""The parts of a task's form as the templates read them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from reviews.payloads import Action, Field


def control_id(name: str) -> str:
    """The id of a form control: names may hold any character, ids may not."""
    return f"f-{hashlib.sha256(name.encode()).hexdigest()[:10]}"


@dataclass(frozen=True)
class Wrong:
    """One line of the error summary; `anchor` leads to the control."""

    message: str
    label: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Card:
    """One action with what was chosen and typed for it."""

    action: Action
    fields: tuple[Field, ...]
    kind: str
    message: str
    error: str
    message_error: str

    @property
    def kind_name(self) -> str:
        return f"action-{self.action.position}-kind"

    @property
    def message_name(self) -> str:
        return f"action-{self.action.position}-message"
