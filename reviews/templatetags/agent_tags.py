"""What the pages of threads and runs need: states in words, names, lengths of time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import template
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from reviews.payloads import Edit, json_text, one_line
from runs.models import Assistant, Run, Thread

if TYPE_CHECKING:
    from reviews.checkpoint_page import CheckpointPage
    from reviews.thread_list import ThreadRow
    from reviews.thread_page import ThreadPage
    from runs.services import Step

register = template.Library()

MESSAGE = re.compile(r"/messages/\d+")
THREAD_CSS = {"busy": "acc", "interrupted": "warn", "error": "bad"}
RUN_CSS = {"running": "acc", "error": "bad", "timeout": "bad"}
RUN_ICONS = {
    "pending": ("clock", ""),
    "running": ("circle-dot", "acc"),
    "success": ("circle-check", "ok"),
    "error": ("circle-x", "bad"),
    "timeout": ("circle-x", "bad"),
    "interrupted": ("ban", ""),
}


@register.filter
def thread_name(shown: ThreadRow | ThreadPage | CheckpointPage) -> str:
    """What a thread is called: its assistant, or its graph if that is gone."""
    graph_id = shown.thread.graph_id
    return _called(shown.assistant, str(graph_id) if graph_id else _("Not run yet"))


@register.filter
def run_name(run: Run) -> str:
    """What a run is called: its assistant, or its graph if that is gone."""
    return _called(run.assistant, run.graph_id)


def _called(assistant: Assistant | None, otherwise: str) -> str:
    name = assistant.name if assistant else ""
    return one_line(name if name and name != "Untitled" else otherwise, 80)


@register.filter
def thread_word(thread: Thread) -> str:
    """A thread's status as people say it."""
    words = {
        "busy": _("Busy"),
        "interrupted": _("Waiting"),
        "error": _("Failed"),
        "idle": _("Idle"),
    }
    return words[thread.status]


@register.filter
def thread_css(thread: Thread) -> str:
    return THREAD_CSS.get(thread.status, "")


@register.filter
def run_word(run: Run) -> str:
    """A run's status as people say it."""
    words = {
        "pending": _("Queued"),
        "running": _("Running"),
        "success": _("Finished"),
        "error": _("Failed"),
        "timeout": _("Timed out"),
        "interrupted": _("Cancelled"),
    }
    return words[run.status]


@register.filter
def run_css(run: Run) -> str:
    return RUN_CSS.get(run.status, "")


@register.filter
def run_icon(run: Run) -> str:
    return RUN_ICONS[run.status][0]


@register.filter
def run_icon_css(run: Run) -> str:
    """The classes of a run's icon."""
    return f"i {RUN_ICONS[run.status][1]}"


@register.filter
def run_error(run: Run) -> str:
    """What a run failed with, on one line."""
    error: Any = run.error
    if not isinstance(error, dict):
        return one_line(json_text(error, indent=None), 160)
    said = (str(error[key]) for key in ("error", "message") if error.get(key))
    return one_line(": ".join(said), 160)


@register.filter
def source_word(step: Step) -> str:
    """What made a checkpoint where no node did."""
    if step.source == "fork":
        before = step.number - 1
        return _("Run again from step %(n)s") % {"n": before} if before >= 0 else _("Run again")
    words = {"input": _("Input"), "update": _("State edited")}
    return words.get(step.source, _("Start"))


@register.filter
def message_of(edit: Edit) -> dict[str, Any] | None:
    """The chat message that came or went, where an edit is one."""
    value = edit.after if edit.change == "added" else edit.before
    is_whole = edit.change != "changed" and MESSAGE.fullmatch(edit.pointer)
    return value if is_whole and isinstance(value, dict) else None


@register.filter
def step_label(step: Step) -> str:
    """A checkpoint on one line: which step, by whom, when."""
    what = ", ".join(step.nodes) or source_word(step)
    at = localtime(step.at).strftime("%H:%M:%S")
    said = _("Step %(n)s: %(what)s, %(at)s") % {"n": step.number, "what": what, "at": at}
    return one_line(said, 90)


@register.filter
def took(seconds: float) -> str:
    """A length of time as short as it can be said."""
    if seconds < 1:
        return _("%(n)s ms") % {"n": round(seconds * 1000)}
    if seconds < 60:
        return _("%(n)s s") % {"n": f"{seconds:.1f}"}
    minutes = round(seconds / 60)
    return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
