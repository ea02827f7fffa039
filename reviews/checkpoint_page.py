"""The state at one checkpoint, what was changed since another, and going on from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from reviews import payloads
from reviews.form_parts import Wrong, control_id
from reviews.lanes import Place, places
from reviews.models import ReviewTask
from reviews.operators import may_operate
from reviews.payloads import AnswerRefused, Edit
from reviews.payloads.bounds import read_json, same_json
from reviews.state_changes import changes
from reviews.thread_page import TaskCard, assistant_of, cards_of
from runs import services as runs
from runs.exceptions import RunsError
from runs.models import Assistant, Thread

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from runs.services import Step

CHOICES = 40  # checkpoints offered to compare with
LARGEST = 64 * 1024  # characters of a channel that can be edited in a page
REPLAYED = 200  # later steps looked at for what ran
FIELD = "channel:"
MESSAGES = "messages"


@dataclass(frozen=True)
class Channel:
    """One channel of a state."""

    name: str
    value: Any
    is_new: bool  # written on the way to this checkpoint

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation it holds, if it holds one."""
        value = self.value
        if self.name != MESSAGES or not isinstance(value, list) or not value:
            return []
        return value if all(isinstance(item, dict) for item in value) else []


@dataclass
class CheckpointPage:
    """What the state's templates read; `other` is the checkpoint it is compared with."""

    thread: Thread
    user: User
    step: Step
    other: Step | None = None

    @property
    def may_fork(self) -> bool:
        """Whether this person may run again from here, and something would run."""
        is_end = self.place is None or not (self.place.children or self.following)
        return may_operate(self.user) and self.step.source != "input" and not is_end

    @cached_property
    def assistant(self) -> Assistant | None:
        return assistant_of(self.thread)

    @cached_property
    def _read(self) -> tuple[dict[str, Any], str]:
        return _values(self.thread, self.step)

    @property
    def problem(self) -> str:
        """Why the state cannot be read."""
        return self._read[1]

    @cached_property
    def channels(self) -> list[Channel]:
        """The state, what was just written first."""
        written = set(self.step.channels)
        found = [Channel(name, item, name in written) for name, item in self._read[0].items()]
        return sorted(found, key=lambda channel: not channel.is_new)

    @cached_property
    def compared(self) -> tuple[list[Edit], bool]:
        """Where the state differs from the other checkpoint's, and whether that is not all."""
        if self.other is None:
            return [], False
        return changes(_values(self.thread, self.other)[0], self._read[0])

    @cached_property
    def cards(self) -> list[TaskCard]:
        checkpoint_id = self.step.checkpoint_id
        return cards_of(self.user, self.thread.pk, [checkpoint_id]).get(checkpoint_id, [])

    @cached_property
    def following(self) -> tuple[str, ...]:
        """The nodes that run next from here."""
        try:
            found = runs.next_of(self.thread, self.step.checkpoint_id)
        except RunsError:
            return ()
        return tuple(dict.fromkeys(name for name in found if not name.startswith("__")))

    @cached_property
    def choices(self) -> list[Step]:
        """Checkpoints to compare with, newest first."""
        found = runs.steps_of(self.thread, limit=CHOICES)
        ids = {step.checkpoint_id for step in found}
        if self.other and self.other.checkpoint_id not in ids:
            found.append(self.other)
        return [step for step in found if step.checkpoint_id != self.step.checkpoint_id]

    @cached_property
    def place(self) -> Place | None:
        where = places(runs.lineage_of(self.thread, self.step.checkpoint_id))
        return where.get(self.step.checkpoint_id)

    @property
    def url(self) -> str:
        return self._url_of(self.step.checkpoint_id)

    @property
    def previous_url(self) -> str:
        return self._url_of(self.step.parent_id) if self.step.parent_id else ""

    @property
    def next_url(self) -> str:
        """The checkpoint that follows, on the way taken last."""
        children = self.place.children if self.place else ()
        return self._url_of(children[-1]) if children else ""

    def _url_of(self, checkpoint_id: str) -> str:
        return reverse("reviews:checkpoint", args=[self.thread.pk, checkpoint_id])


def _values(thread: Thread, step: Step) -> tuple[dict[str, Any], str]:
    try:
        return runs.values_at(thread, step.checkpoint_id), ""
    except RunsError as error:
        return {}, str(error.detail)


# -- going on from it ----------------------------------------------------------------------------


@dataclass(frozen=True)
class ChannelBox:
    """A channel as JSON to be edited; one too large to be, is shown by its size alone."""

    name: str
    text: str
    is_large: bool
    error: str = ""

    @property
    def field(self) -> str:
        return FIELD + self.name


@dataclass
class ForkPage(CheckpointPage):
    """What the fork's form is made of; `posted` is the form as it was sent, if it was."""

    posted: Mapping[str, str] | None = None
    refused: dict[str, str] = field(default_factory=dict)  # by control name
    trouble: str = ""  # a refusal that is not about a field

    @cached_property
    def boxes(self) -> list[ChannelBox]:
        return [self._box(channel) for channel in self.channels]

    def _box(self, channel: Channel) -> ChannelBox:
        shown = payloads.json_text(channel.value)
        name = FIELD + channel.name
        text = self.posted.get(name, shown) if self.posted else shown
        return ChannelBox(channel.name, text, len(shown) > LARGEST, self.refused.get(name, ""))

    @property
    def branch(self) -> str:
        return self.posted.get("branch", "") if self.posted else ""

    @property
    def errors(self) -> list[Wrong]:
        """What was refused, each line with the way to its control."""
        said = [Wrong(self.trouble)] if self.trouble else []
        return said + [
            Wrong(message, name.removeprefix(FIELD), control_id(name))
            for name, message in self.refused.items()
        ]

    @cached_property
    def replayed(self) -> list[str]:
        """The nodes that ran after this checkpoint, on whichever way: what may happen twice."""
        after = _descendants(runs.lineage_of(self.thread, self.step.checkpoint_id), self.step)
        later = [s for s in runs.steps_of(self.thread, limit=REPLAYED) if s.checkpoint_id in after]
        names = (name for step in reversed(later) for name in step.nodes)
        return list(dict.fromkeys(names))

    @cached_property
    def open_tasks(self) -> list[ReviewTask]:
        """Questions of this thread that the fork leaves behind, as far as the reader may know."""
        visible = ReviewTask.objects.visible_to(self.user).on(self.thread.pk)
        return list(visible.open().for_inbox())

    @cached_property
    def open_elsewhere(self) -> int:
        """How many more it leaves behind, in queues that are not the reader's."""
        every = ReviewTask.objects.open().on(self.thread.pk).count()
        return every - len(self.open_tasks)

    def changed_values(self) -> dict[str, Any]:
        """The channels that were edited; what cannot be read is noted in `refused`."""
        found = {}
        for channel in self.channels:
            text = (self.posted or {}).get(FIELD + channel.name)
            shown = payloads.json_text(channel.value)
            if text is None or _lines(text) == _lines(shown) or len(shown) > LARGEST:
                continue
            try:
                value = read_json(text)
            except AnswerRefused as error:
                self.refused[FIELD + channel.name] = error.errors[0].message
                continue
            if not same_json(value, channel.value):
                found[channel.name] = value
        return found

    def check_confirmed(self) -> None:
        """Note it as wrong if nobody has said that things may happen twice."""
        if not (self.posted or {}).get("confirmed"):
            self.refused["confirmed"] = _("Confirm that this may happen again.")


def _descendants(lineage: Mapping[str, str | None], step: Step) -> set[str]:
    found = {step.checkpoint_id}
    for child, parent in reversed(list(lineage.items())):  # oldest first: parents before children
        if parent in found:
            found.add(child)
    return found - {step.checkpoint_id}


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
