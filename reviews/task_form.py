"""A task's question and its form, as somebody left it or as it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from reviews import payloads
from reviews.form_parts import Card, Wrong, control_id
from reviews.inbox import Query
from reviews.models import Decision, Delivery, ReviewTask
from reviews.payloads import Action, AnswerRefused, Channel, Field, FieldError, Kind
from reviews.payloads.forms import PREFILL_KEYS, begun

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CONVERSATION = ("messages",)
FOR_ALL = (Kind.APPROVE, Kind.REJECT)


@dataclass
class TaskForm:
    """What a task asks and the controls to answer it; `posted` is the form as it was sent."""

    task: ReviewTask
    user: User
    query: Query | None = None  # of the list beside it; none on the task's own page
    posted: QueryDict | None = None
    refused: AnswerRefused | None = None
    problem: str = ""  # a refusal that is not about the answer

    @property
    def is_open(self) -> bool:
        return self.task.is_open

    @cached_property
    def decisions(self) -> list[Decision]:
        """Everything anybody decided here, newest first."""
        rows = self.task.decisions.select_related("reviewer", "delivery")
        return list(rows.order_by("-created_at", "-pk"))

    @cached_property
    def decision(self) -> Decision | None:
        """The decision the task was closed by."""
        standing = (row for row in self.decisions if row.delivery.state not in Delivery.VOID)
        return next(standing, None)

    @cached_property
    def filled_in(self) -> QueryDict | None:
        """The form as it is shown: as somebody left it and, once it is closed, as it was sent."""
        if self.is_open:
            return self.posted
        return self.as_given(self.decision) if self.decision else None

    def as_given(self, decision: Decision) -> QueryDict:
        """The form a decision was made with."""
        form = QueryDict(mutable=True)
        for name, values in payloads.form_of_answer(self.asked, decision.value).items():
            form.setlist(name, values)
        form["comment"] = decision.comment
        return form

    # -- the question ----------------------------------------------------------------------------

    @cached_property
    def asked(self) -> payloads.Asked:
        return self.task.asked

    @property
    def shape(self) -> str:
        return self.asked.shape.value

    @cached_property
    def text(self) -> payloads.Text | None:
        return payloads.text_of(self.asked)

    @cached_property
    def question(self) -> payloads.Question | None:
        return payloads.question_of(self.asked)

    @property
    def context(self) -> dict[str, Any]:
        """What the agent sent beside what it asks."""
        spoken = self.text or self.question
        context = spoken.context if spoken else {}
        shown = PREFILL_KEYS if self.shape == "f" else ()  # the form shows these
        return {key: item for key, item in context.items() if key not in shown}

    @property
    def has_unseen(self) -> bool:
        """Whether the text to revise holds characters that a text box cannot show."""
        text = self.text.text if self.text else ""
        return payloads.visible(text) != text

    @property
    def fact(self) -> str:
        """What a decision of high risk has to confirm."""
        return payloads.fact_of(self.asked)

    @property
    def state(self) -> Any:
        """A breakpoint's state by channel, without the conversation."""
        state = self.asked.state or {}
        return {key: item for key, item in state.items() if key not in CONVERSATION}

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation in a breakpoint's state."""
        found = (self.asked.state or {}).get("messages")
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    @cached_property
    def raw(self) -> str:
        """The request as the graph sent it, whole."""
        return payloads.json_text(self.task.value)

    @property
    def raw_size(self) -> str:
        return filesizeformat(len(self.raw.encode()))

    # -- the form ----------------------------------------------------------------------------------

    def typed(self, name: str, default: str = "") -> str:
        """A control's text: as it was left, else as the agent proposed it."""
        return self.filled_in.get(name, default) if self.filled_in is not None else default

    @property
    def typed_text(self) -> str:
        return self.typed("text", self.text.text if self.text else "")

    @property
    def typed_json(self) -> str:
        return self.typed("json")

    @property
    def chosen_option(self) -> str:
        return self.typed("option")

    @property
    def comment(self) -> str:
        return self.typed("comment")

    @property
    def is_confirmed(self) -> bool:
        return bool(self.typed("confirmed"))

    @property
    def whole_json(self) -> str:
        """What the JSON mode begins with."""
        if self.typed_json:
            return self.typed_json
        return payloads.json_text(begun(self.asked))

    @property
    def schema(self) -> str:
        """What an answer in JSON has to meet."""
        return payloads.json_text(self.asked.schema) if self.asked.schema else ""

    @property
    def rejection(self) -> str:
        """What rejecting sends, where a policy allows to reject a question of the graph's own."""
        may_reject = Kind.REJECT in payloads.allowed_verdicts(self.asked) and not self.cards
        return payloads.json_text(self.task.reject_value, indent=None) if may_reject else ""

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return self._refilled(payloads.fields_of(self.asked), "/value")

    @cached_property
    def cards(self) -> list[Card]:
        return [self._card(action) for action in payloads.actions_of(self.asked)]

    def _card(self, action: Action) -> Card:
        at = f"/actions/{action.position}"
        errors = self.refused.under(at) if self.refused else {}
        return Card(
            action=action,
            fields=self._refilled(action.fields, f"{at}/args"),
            kind=self.typed(f"action-{action.position}-kind"),
            message=self.typed(f"action-{action.position}-message"),
            error=errors.get("/kind", "") or errors.get("", ""),
            message_error=errors.get("/message", ""),
        )

    @cached_property
    def channels(self) -> list[Channel]:
        """A breakpoint's state with the fields in which it is edited."""
        return [self._channel(channel) for channel in payloads.channels_of(self.asked)]

    def _channel(self, channel: Channel) -> Channel:
        fields = tuple(filter(None, (channel.field, channel.addition)))
        whole, *others = (
            filled if filled.name in (self.filled_in or {}) else field
            for field, filled in zip(fields, self._refilled(fields, "/value"), strict=True)
        )
        how = self.typed(channel.how_name, channel.how)
        return replace(channel, field=whole, addition=next(iter(others), None), how=how)

    def _refilled(self, fields: tuple[Field, ...], at: str) -> tuple[Field, ...]:
        if self.filled_in is None:
            return fields
        errors = self.refused.under(at) if self.refused else {}
        return payloads.refill(fields, self.filled_in, errors)

    @property
    def common_kinds(self) -> list[str]:
        """What may be said of all actions at once; nothing for a single one, or at high risk."""
        if len(self.cards) < 2 or self.task.high_risk:
            return []
        return [str(k) for k in FOR_ALL if all(k in card.action.allowed for card in self.cards)]

    # -- what is wrong with it ---------------------------------------------------------------------

    @property
    def errors(self) -> list[Wrong]:
        """The error summary, each line with the way to its control."""
        if self.problem:
            return [Wrong(self.problem)]
        if self.refused is None:
            return []
        return self._placed(self.refused)

    def _placed(self, refused: AnswerRefused) -> list[Wrong]:
        known = dict(self._known_places())
        return [
            replace(known.get(error.pointer) or self._in_json(error), message=error.message)
            for error in refused.errors
        ]

    def _in_json(self, error: FieldError) -> Wrong:
        """The place in a box of JSON that a refusal is about; elsewhere there is none."""
        if not (self.fields and self.typed_json):
            return Wrong("")
        return Wrong("", error.pointer.removeprefix("/value") or _("Answer"), "json")

    @property
    def was_refused(self) -> bool:
        """Whether the form still shows what was wrong with it when it was last sent."""
        return bool(self.typed("refused"))

    @property
    def risk_errors(self) -> dict[str, str]:
        """What is wrong with the reason or the confirmation, under their names."""
        found = self.refused.under("") if self.refused else {}
        return {name: found.get(f"/{name}", "") for name in ("comment", "confirmed")}

    def _known_places(self) -> Iterator[tuple[str, Wrong]]:
        for item in () if self.typed_json else _leaves(self.fields):
            yield f"/value{item.pointer}", Wrong("", item.label, control_id(item.name))
        for channel in self.channels:
            added = channel.addition if channel.how == "append" else None
            place = control_id((added or channel.field).name)
            yield f"/value{channel.field.pointer}", Wrong("", channel.field.label, place)
        for card in self.cards:
            at, name = f"/actions/{card.action.position}", card.action.name
            for part in ("kind", "message"):
                anchor = control_id(f"action-{card.action.position}-{part}")
                yield f"{at}/{part}", Wrong("", payloads.one_line(name, 60), anchor)
            for item in _leaves(card.fields):
                yield f"{at}/args{item.pointer}", Wrong("", item.label, control_id(item.name))
        yield "/value", Wrong("", _("Answer"), "answer")
        yield "/comment", Wrong("", _("Reason"), "comment")
        yield "/confirmed", Wrong("", _("Confirmation"), "confirmed")

    # -- what the graph will receive: the code path of `decide` ------------------------------------

    @cached_property
    def answer(self) -> tuple[Any, AnswerRefused | None]:
        """What the form as it stands would send, or why it cannot be sent."""
        try:
            verdict = payloads.verdict_from_form(self.asked, self._as_it_stands)
            return payloads.answer_value(self.asked, verdict), None
        except AnswerRefused as refused:
            return None, refused

    @property
    def judged(self) -> Iterator[Field]:
        """The fields somebody typed into, with what is wrong with them before anything is sent."""
        if self.posted is None or self.shape != "f":
            return
        known = self.answer[1].under("/value") if self.answer[1] else {}
        for item in _leaves(payloads.refill(payloads.fields_of(self.asked), self.posted, known)):
            is_typed = any(text.strip() for text in self.posted.getlist(item.name))
            if not item.fields and item.control != "fixed":
                yield item if is_typed else replace(item, error="")

    @property
    def _as_it_stands(self) -> Any:
        """The form as posted; a pause that nobody has chosen a way for goes on as it was left."""
        if self.posted is None:
            return self._untouched
        if self.shape != "e" or self.posted.get("kind"):
            return self.posted
        is_edited = payloads.posted_update(self.asked, self.posted)
        return {**dict(self.posted.lists()), "kind": Kind.EDIT if is_edited else Kind.CONTINUE}

    @property
    def _untouched(self) -> dict[str, str]:
        """The form before anybody touched it."""
        if self.text:
            return {"text": self.text.text}
        if self.shape == "a3":
            return {"kind": Kind.APPROVE}
        return {"kind": Kind.CONTINUE} if self.shape == "e" else {}

    @property
    def receives(self) -> str:
        """The value to resume with, or the update of a breakpoint's state, as JSON."""
        if not self.is_open:
            return payloads.json_text(self.decision.value) if self.decision else ""
        return payloads.json_text(self.answer[0])

    @property
    def missing(self) -> str:
        """Why there is nothing to send yet."""
        refused = self.answer[1] if self.is_open else None
        if refused is None:
            return ""
        if self.posted is None:
            return _("Nothing yet: answer first.")
        wrong = [f"{one.label}: {one.message}" for one in self._placed(refused)[:3]]
        return _("Nothing yet. %s") % " ".join(said.removeprefix(": ") for said in wrong)

    @property
    def edits(self) -> list[payloads.Edit]:
        """Where the decision changed what the agent proposed; in a state, where it would."""
        if self.is_open and self.shape == "e":
            return payloads.edits(self.asked, self.answer[0])
        return payloads.edits(self.asked, self.decision.value) if self.decision else []


def _leaves(fields: tuple[Field, ...]) -> Iterator[Field]:
    for item in fields:
        yield item
        yield from _leaves(item.fields)
