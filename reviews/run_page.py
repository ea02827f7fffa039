"""A run as operators read it: what it was asked, how far it is, how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from reviews import payloads
from reviews.form_parts import Wrong, control_id
from reviews.models import AuditEntry, Decision, ReviewTask
from reviews.payloads import AnswerRefused, Asked, Control, Field, FieldError
from reviews.payloads.bounds import read_json
from reviews.thread_page import TaskCard, with_decisions
from runs import services as runs
from runs.exceptions import RunsError
from runs.models import Assistant, Run

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from runs.services import Step

STEPS = 100
A_MESSAGE = '{\n  "messages": [{"role": "user", "content": ""}]\n}'


@dataclass
class RunPage:
    """What the run's templates read."""

    run: Run
    user: User

    @cached_property
    def _steps(self) -> list[Step]:
        return runs.steps_of(self.run.thread, limit=STEPS + 1, run_id=self.run.pk)

    @property
    def steps(self) -> list[Step]:
        """What it has done so far, newest first."""
        return self._steps[:STEPS]

    @property
    def has_more_steps(self) -> bool:
        return len(self._steps) > STEPS

    @cached_property
    def coming(self) -> tuple[str, ...]:
        """The nodes it is at now."""
        if self.run.status != Run.Status.RUNNING:
            return ()
        with suppress(RunsError):
            return tuple(dict.fromkeys(runs.next_of(self.run.thread)))
        return ()

    @property
    def error_kind(self) -> str:
        """The class of what it failed with."""
        return str(self._error.get("error") or _("Error")) if self.run.error else ""

    @property
    def error_message(self) -> str:
        return str(self._error.get("message") or "")

    @property
    def _error(self) -> dict[str, Any]:
        error = self.run.error
        return error if isinstance(error, dict) else {"message": payloads.json_text(error)}

    @property
    def given(self) -> str:
        """What it was started with, as JSON; nothing where it only went on."""
        asked = self.run.kwargs
        given = asked.get("input") if asked.get("input") is not None else asked.get("command")
        return payloads.json_text(given) if given is not None else ""

    @cached_property
    def canceller(self) -> AuditEntry | None:
        """The entry of the person who stopped it."""
        if self.run.status != Run.Status.INTERRUPTED:
            return None
        noted = AuditEntry.objects.filter(action="run.cancelled", object=f"run:{self.run.pk}")
        return noted.select_related("actor").first()

    @property
    def output(self) -> str:
        if self.run.is_active or self.run.output is None or self.run.error:
            return ""
        return payloads.json_text(self.run.output)

    @cached_property
    def cards(self) -> list[TaskCard]:
        """The questions it asked, as far as the reader may know."""
        visible = ReviewTask.objects.visible_to(self.user).filter(run_id=self.run.pk)
        return with_decisions(visible.for_inbox().order_by("pk"))

    @property
    def is_waiting(self) -> bool:
        """Whether somebody has to answer what it asked."""
        return any(card.task.is_open for card in self.cards)

    @cached_property
    def answers(self) -> list[Decision]:
        """The decisions it carries to the graph."""
        visible = ReviewTask.objects.visible_to(self.user)
        rows = Decision.objects.filter(delivery__run_id=self.run.pk, task__in=visible)
        return list(rows.select_related("reviewer", "delivery", "task").order_by("pk"))

    @property
    def url(self) -> str:
        return reverse("reviews:run", args=[self.run.pk])


# -- starting one --------------------------------------------------------------------------------


@dataclass
class StartPage:
    """The form of a graph's input; `posted` is the form as it was sent, if it was."""

    assistant: Assistant
    posted: QueryDict | None = None
    refused: AnswerRefused | None = None
    trouble: str = ""  # a refusal that is not about the input
    schema: dict[str, Any] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        try:
            self.schema = runs.input_schema(self.assistant)
        except RunsError as error:
            self.trouble = self.trouble or str(error.detail)

    @cached_property
    def _asked(self) -> Asked:
        """A graph's input is asked for as an answer is: one form, one judge."""
        return Asked(value={}, response_schema=self.schema)

    @property
    def has_form(self) -> bool:
        """Whether the schema makes a form; else the input is typed as JSON."""
        if self._asked.shape is not payloads.Shape.FORM:
            return False
        return all(item.pointer for item in payloads.fields_of(self._asked))

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        found = payloads.fields_of(self._asked)
        if self.posted is None or self.typed_json:
            return found
        errors = self.refused.under("/value") if self.refused else {}
        return payloads.refill(found, self.posted, errors)

    @property
    def typed_json(self) -> str:
        return self.posted.get("json", "").strip() if self.posted is not None else ""

    @property
    def whole_json(self) -> str:
        """What the box begins with where there is no form."""
        talks = "messages" in ((self.schema or {}).get("properties") or {})
        return self.typed_json or (A_MESSAGE if talks else "{}")

    @property
    def schema_text(self) -> str:
        return payloads.json_text(self.schema) if self.schema else ""

    def given(self) -> Any:
        """The input as it was posted; raises AnswerRefused with what is wrong and where."""
        if self.typed_json or not self.has_form:
            value = read_json(self.typed_json, "/json")
            if value is None:
                raise AnswerRefused([FieldError("/json", _("A run cannot start with null."))])
            return value
        verdict = payloads.verdict_from_form(self._asked, self.posted)
        try:
            return payloads.answer_value(self._asked, verdict)
        except AnswerRefused as refused:
            if wrong := [error for error in refused.errors if not self._is_free(error.pointer)]:
                raise AnswerRefused(wrong) from None
            return verdict["value"]

    def _is_free(self, pointer: str) -> bool:
        """Whether a place was typed as JSON: graphs take more there than their schema says."""
        boxes = (item for item in leaves(self.fields) if item.control is Control.JSON)
        return any(f"{pointer}/".startswith(f"/value{box.pointer}/") for box in boxes)

    @property
    def errors(self) -> list[Wrong]:
        """What was refused, each line with the way to its control."""
        said = [Wrong(self.trouble)] if self.trouble else []
        known = {f"/value{item.pointer}": item for item in leaves(self.fields)}
        for error in self.refused.errors if self.refused else ():
            at = known.get(error.pointer)
            place = Wrong("", at.label, control_id(at.name)) if at else Wrong("", "", "input-json")
            said.append(replace(place, message=error.message))
        return said


def leaves(fields: tuple[Field, ...]) -> Iterator[Field]:
    """Every control of a form."""
    for item in fields:
        yield item
        yield from leaves(item.fields)
