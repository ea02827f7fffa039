"""Who else is at a task, and what a person has in hand for it, as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict

from reviews import payloads
from reviews.models import AuditEntry
from reviews.payloads import Asked
from reviews.people import people

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from reviews.models import Draft, ReviewTask, TaskComment

COLLEAGUES = 20
MODES = ("json", "text", "option")


@dataclass(frozen=True)
class Aside:
    """A draft that lies beside the form."""

    draft: Draft
    text: str


@dataclass
class Work:
    """What people have in hand for a task; `said` is a comment that could not be taken."""

    task: ReviewTask
    user: User
    said: str = ""
    problem: str = ""

    @cached_property
    def own(self) -> Draft | None:
        """What this person has typed and not sent."""
        return self.task.drafts.own().of(self.user).first()

    @property
    def form(self) -> QueryDict | None:
        """The form as this person left it, as if it were posted now."""
        return form_of(self.own) if self.own else None

    @cached_property
    def asides(self) -> list[Aside]:
        """What others gave this person, and what was in their form before they took it."""
        drafts = self.task.drafts.aside().of(self.user).select_related("author")
        asked = self.task.asked
        return [Aside(row, text_of(asked, form_of(row))) for row in drafts.order_by("saved_at")]

    @cached_property
    def comments(self) -> list[TaskComment]:
        return list(self.task.comments.select_related("author"))

    @cached_property
    def colleagues(self) -> list[User]:
        """Who else could take the task."""
        return list(colleagues(self.task).exclude(pk=self.user.pk)[:COLLEAGUES])

    @cached_property
    def was_taken_over(self) -> bool:
        """Whether the one who holds the task took it from this person."""
        holder = self.task.holder
        entries = AuditEntry.objects.filter(
            object=f"task:{self.task.pk}", action="task.taken_over", actor=holder
        )
        last = entries.last() if holder else None
        return last is not None and last.details.get("from") == self.user.get_username()


def colleagues(*tasks: ReviewTask) -> QuerySet[User]:
    """The people tasks can be given to: those of their queues, then staff."""
    queues = {task.queue_id for task in tasks}
    of_the_queues = Exists(Group.objects.filter(pk__in=queues, user=OuterRef("pk")))
    may = people().filter(of_the_queues | Q(is_staff=True), is_active=True)
    near_first = may.annotate(is_near=of_the_queues)
    return near_first.order_by("-is_near", "first_name", "last_name", "username")


def form_of(draft: Draft) -> QueryDict:
    """A draft as if it were posted now, for the request as it was then."""
    form = QueryDict(mutable=True)
    for name, values in draft.form.items():
        form.setlist(name, values)
    form["seen"] = draft.edition
    return form


def text_of(asked: Asked, form: QueryDict) -> str:
    """A form to be read: the answer it would send, else what was typed into it."""
    try:
        value = payloads.answer_value(asked, payloads.verdict_from_form(asked, form))
    except payloads.AnswerRefused:
        value = None
    if value is not None:
        return value if isinstance(value, str) else payloads.json_text(value)
    names = [name for name in form if name.startswith(("action-", "field:", *MODES))]
    return "\n".join(filter(None, (str(form[name]) for name in names)))
