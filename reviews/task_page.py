"""One task as a page shows it: the question, the form as somebody left it, and where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.http import QueryDict
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _

from reviews import payloads
from reviews.form_parts import Card, Wrong, control_id
from reviews.inbox import Query, neighbours
from reviews.models import Decision, Delivery, ReviewTask
from reviews.payloads import Action, AnswerRefused, Field, Kind
from reviews.payloads.forms import PREFILL_KEYS
from reviews.sending import Sending, sending_of
from runs import services as runs
from runs.models import Run

if TYPE_CHECKING:
    from django.contrib.auth.models import User

RAW_LIMIT = 64 * 1024
CONVERSATION = ("messages",)
MODES = ("json", "text", "option")
GIVEN_BACK = (Delivery.State.UNDONE, Delivery.State.REFUSED)


@dataclass
class TaskPage:
    """What the task's templates read; `posted` is the form as it was sent, if it was."""

    task: ReviewTask
    user: User
    query: Query | None = None  # of the list beside it; none on the task's own page
    posted: QueryDict | None = None
    refused: AnswerRefused | None = None
    problem: str = ""  # a refusal that is not about the answer
    notice: str = ""  # why something else than a decision was refused
    is_late: bool = False  # somebody was faster: what was posted has to be kept
    idempotency_key: str = field(default_factory=lambda: str(uuid4()))

    def __post_init__(self) -> None:
        if self.posted is None:
            self.posted = self._recalled()

    def _recalled(self) -> QueryDict | None:
        """The form of the answer this reviewer gave before, when it came back unused."""
        last = self.decisions[0] if self.is_open and self.decisions else None
        if last is None or last.reviewer_id != self.user.pk:
            return None
        if last.delivery.state not in GIVEN_BACK:
            return None
        form = QueryDict(mutable=True)
        for name, values in payloads.form_of_answer(self.asked, last.value).items():
            form.setlist(name, values)
        form["comment"] = last.comment
        return form

    @property
    def is_open(self) -> bool:
        return self.task.is_open

    @property
    def is_mine(self) -> bool:
        return self.task.holder == self.user

    @property
    def is_held_by_other(self) -> bool:
        return self.task.holder not in (None, self.user)

    @property
    def is_refused(self) -> bool:
        """Whether the form shows what was typed before, not what the agent proposed."""
        return self.posted is not None

    @property
    def has_changed(self) -> bool:
        """Whether the form was filled in for another edition of the request."""
        seen = self.typed("seen")
        return self.is_open and seen not in ("", self.task.edition)

    @cached_property
    def graph_problem(self) -> str:
        """Why an answer would not be sent to the graph as it is deployed now."""
        if not self.is_open or self.task.interrupt is None:
            return ""
        return runs.problem_of(self.task.interrupt)

    @property
    def is_graph_changed(self) -> bool:
        """Whether it is for people to accept the graph as it is now; else a part of it is gone."""
        return self.graph_problem.endswith("was changed")

    # -- addresses ---------------------------------------------------------------------------

    @property
    def list_url(self) -> str:
        return (self.query or Query()).url

    def url_of(self, pk: int) -> str:
        """Where another task opens: beside the list, or on its own page."""
        return f"{self.query.url}&task={pk}" if self.query else reverse("reviews:task", args=[pk])

    @property
    def url(self) -> str:
        return self.url_of(self.task.pk)

    @cached_property
    def _neighbours(self) -> tuple[int | None, int | None]:
        return neighbours(self.user, self.query or Query(), self.task)

    @property
    def previous_url(self) -> str:
        return self.url_of(self._neighbours[0]) if self._neighbours[0] else ""

    @property
    def next_url(self) -> str:
        return self.url_of(self._neighbours[1]) if self._neighbours[1] else ""

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
    def state(self) -> dict[str, Any]:
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
        """A control's text: as posted, else as the agent proposed it."""
        return self.posted.get(name, default) if self.posted is not None else default

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
    def whole_json(self) -> str:
        """What the JSON mode begins with."""
        if self.typed_json:
            return self.typed_json
        return payloads.json_text(self.asked.value) if self.shape == "a3" else ""

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

    def _refilled(self, fields: tuple[Field, ...], at: str) -> tuple[Field, ...]:
        if self.posted is None:
            return fields
        errors = self.refused.under(at) if self.refused else {}
        return payloads.refill(fields, self.posted, errors)

    @property
    def common_kinds(self) -> list[str]:
        """What may be said of all actions at once; nothing for a single one."""
        if len(self.cards) < 2:
            return []
        kinds = (Kind.APPROVE, Kind.REJECT)
        return [str(k) for k in kinds if all(k in card.action.allowed for card in self.cards)]

    @property
    def errors(self) -> list[Wrong]:
        """The error summary, each line with the way to its control."""
        if self.problem:
            return [Wrong(self.problem)]
        if self.refused is None:
            return []
        known = dict(self._known_places())
        return [
            replace(known.get(error.pointer, Wrong("")), message=error.message)
            for error in self.refused.errors
        ]

    def _known_places(self) -> Iterator[tuple[str, Wrong]]:
        for item in _leaves(self.fields):
            yield f"/value{item.pointer}", Wrong("", item.label, control_id(item.name))
        for card in self.cards:
            at, name = f"/actions/{card.action.position}", card.action.name
            for part in ("kind", "message"):
                anchor = control_id(f"action-{card.action.position}-{part}")
                yield f"{at}/{part}", Wrong("", payloads.one_line(name, 60), anchor)
            for item in _leaves(card.fields):
                yield f"{at}/args{item.pointer}", Wrong("", item.label, control_id(item.name))
        yield "/value", Wrong("", _("Answer"), "answer")

    # -- what the graph will receive: the code path of `decide` ------------------------------------

    @cached_property
    def _answer(self) -> tuple[Any, str]:
        data = self.posted if self.posted is not None else self._untouched
        try:
            verdict = payloads.verdict_from_form(self.asked, data)
            return payloads.answer_value(self.asked, verdict), ""
        except AnswerRefused as refused:
            return None, "; ".join(error.message for error in refused.errors[:3])

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
        """The value to resume with, as JSON."""
        if not self.is_open:
            return payloads.json_text(self.decision.value) if self.decision else ""
        return payloads.json_text(self._answer[0])

    @property
    def missing(self) -> str:
        """Why there is nothing to send yet."""
        if not self.is_open or not self._answer[1]:
            return ""
        if self.posted is None:
            return _("Nothing yet: answer first.")
        return _("Nothing yet. %s") % self._answer[1]

    # -- what was decided ---------------------------------------------------------------------

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

    @property
    def was_given_back(self) -> bool:
        """Whether the graph refused the last answer, which opened the task again."""
        last = self.decisions[0] if self.is_open and self.decisions else None
        return last is not None and last.delivery.state == Delivery.State.REFUSED

    @property
    def sending(self) -> Sending | None:
        """The time left to undo the decision."""
        return sending_of(self.decision.delivery) if self.decision else None

    @property
    def may_undo(self) -> bool:
        """Whether the decision is still here, and this person's to take back."""
        decision = self.decision
        if decision is None or decision.delivery.state != Delivery.State.RECORDED:
            return False
        return self.user.is_staff or decision.reviewer_id == self.user.pk

    @cached_property
    def failure(self) -> str:
        """What the run that carried the answer said as it failed."""
        if self.task.status != ReviewTask.Status.FAILED or self.decision is None:
            return ""
        carrier = Run.objects.filter(pk__in=[self.decision.delivery.run_id])
        error = carrier.values_list("error", flat=True).first()
        if isinstance(error, dict):
            said = [str(error[key]) for key in ("error", "message") if error.get(key)]
            return ": ".join(said)[:RAW_LIMIT]
        return payloads.json_text(error)[:RAW_LIMIT] if error else ""

    @cached_property
    def successor(self) -> ReviewTask | None:
        """The task that stands in the place of this one, if this person may see it."""
        if self.task.superseded_by_id is None:
            return None
        visible = ReviewTask.objects.visible_to(self.user).for_inbox()
        return visible.filter(pk=self.task.superseded_by_id).first()

    @property
    def edits(self) -> list[payloads.Edit]:
        """Where the decision changed what the agent proposed."""
        return payloads.edits(self.asked, self.decision.value) if self.decision else []

    @property
    def draft(self) -> str:
        """What somebody typed who came too late."""
        if self.posted is None or not self.is_late:
            return ""
        if self._late_value:
            return self._late_value
        names = [name for name in self.posted if name.startswith(("action-", "field:", *MODES))]
        return "\n".join(filter(None, (str(self.posted[name]) for name in names)))

    @property
    def _late_value(self) -> str:
        value, problem = self._answer
        if problem or value is None:
            return ""
        return value if isinstance(value, str) else payloads.json_text(value)


def _leaves(fields: tuple[Field, ...]) -> Iterator[Field]:
    for item in fields:
        yield item
        yield from _leaves(item.fields)
