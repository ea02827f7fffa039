"""The audit in words: what an entry says, as a sentence whose subject is the actor."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from reviews.models import AuditEntry

ACTIONS: dict[str, Promise | str] = {
    "answer.refused": gettext_lazy("had an answer refused"),
    "audit.exported": gettext_lazy("exported the audit log"),
    "audit.verified": gettext_lazy("verified the chain of the audit log"),
    "batch.committed": gettext_lazy("began to answer several tasks together"),
    "breakpoint.removed": gettext_lazy("removed a breakpoint"),
    "breakpoint.set": gettext_lazy("set a breakpoint"),
    "delivery.consumed": gettext_lazy("gave an answer to the graph"),
    "delivery.delivered": gettext_lazy("sent an answer on its way"),
    "delivery.failed": gettext_lazy("saw the run fail after its answer"),
    "delivery.refused": gettext_lazy("had an answer refused by the graph"),
    "draft.given": gettext_lazy("gave a draft to somebody else"),
    "key.created": gettext_lazy("made an API key"),
    "key.revoked": gettext_lazy("revoked an API key"),
    "login.closed": gettext_lazy("signed out"),
    "login.ended": gettext_lazy("ended logins"),
    "login.opened": gettext_lazy("signed in"),
    "login.refused": gettext_lazy("was refused a login: wrong password"),
    "member.changed": gettext_lazy("changed a member"),
    "member.invited": gettext_lazy("invited a member"),
    "member.link_made": gettext_lazy("made a link to choose a password"),
    "member.password_set": gettext_lazy("set a password"),
    "policy.changed": gettext_lazy("changed a policy"),
    "policy.created": gettext_lazy("made a policy"),
    "policy.deleted": gettext_lazy("deleted a policy"),
    "preferences.changed": gettext_lazy("changed their own settings"),
    "queue.changed": gettext_lazy("changed a queue"),
    "queue.created": gettext_lazy("made a queue"),
    "record.added": gettext_lazy("added a record"),
    "record.changed": gettext_lazy("changed a record"),
    "record.deleted": gettext_lazy("deleted a record"),
    "run.cancelled": gettext_lazy("cancelled a run"),
    "run.failed": gettext_lazy("gave a run up"),
    "run.handed_on": gettext_lazy("handed a run on to another worker"),
    "run.queued_again": gettext_lazy("queued a run again"),
    "run.started": gettext_lazy("started a run"),
    "task.assigned": gettext_lazy("assigned a task"),
    "task.cancelled": gettext_lazy("cancelled a task"),
    "task.change_accepted": gettext_lazy("accepted that the graph has changed"),
    "task.claimed": gettext_lazy("claimed a task"),
    "task.commented": gettext_lazy("commented on a task"),
    "task.decided": gettext_lazy("decided a task"),
    "task.failed": gettext_lazy("saw the run of a task fail"),
    "task.handed_over": gettext_lazy("handed a task over"),
    "task.opened": gettext_lazy("opened a task"),
    "task.released": gettext_lazy("released a task"),
    "task.superseded": gettext_lazy("replaced a task"),
    "task.taken_over": gettext_lazy("took a task over"),
    "task.undone": gettext_lazy("took a decision back"),
    "thread.deleted": gettext_lazy("deleted a thread"),
    "thread.forked": gettext_lazy("forked a thread"),
}
VIA = {
    AuditEntry.Via.PAGE: gettext_lazy("on a page"),
    AuditEntry.Via.API: gettext_lazy("by the API"),
    AuditEntry.Via.RESUME: gettext_lazy("by resuming a thread"),
    AuditEntry.Via.SYSTEM: gettext_lazy("by itself"),
    AuditEntry.Via.COMMAND: gettext_lazy("by a command"),
}
PAGES = {"task": "reviews:task", "user": "reviews:member", "queue": "reviews:queue"}
FOR_ADMINS = ("user", "queue")


def action_words(action: str) -> str:
    """What was done; an action nobody put into words is said as it is written."""
    noun, _dot, verb = action.partition(".")
    return str(ACTIONS.get(action) or f"{verb} {noun}".replace("_", " ").strip())


def via_words(via: str) -> str:
    """By which way it was done."""
    return str(VIA.get(AuditEntry.Via(via), via))


def page_of(object_: str, *, is_admin: bool) -> str:
    """The address of what an entry is about, if it has a page this reader may open."""
    kind, _colon, key = object_.partition(":")
    if not (kind in PAGES and key.isascii() and key.isdecimal()):
        return ""
    return reverse(PAGES[kind], args=[key]) if is_admin or kind not in FOR_ADMINS else ""


def details_of(details: dict[str, Any]) -> list[tuple[str, str]]:
    """What else an entry holds, as names and values; changes as before → after."""
    lines: list[tuple[str, str]] = []
    for name, value in details.items():
        if name == "changes" and isinstance(value, dict):
            lines += [(_spoken(field), _change(change)) for field, change in value.items()]
        else:
            lines.append((_spoken(name), _said(value)))
    return lines


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _change(change: Any) -> str:
    if isinstance(change, list) and len(change) == 2:
        return f"{_said(change[0])} → {_said(change[1])}"
    return _said(change)


def _said(value: Any) -> str:
    if value is True:
        return _("yes")
    if value is False:
        return _("no")
    if isinstance(value, list):
        return ", ".join(map(_said, value)) or "–"
    if isinstance(value, dict):
        return "; ".join(f"{_spoken(key)}: {_said(part)}" for key, part in value.items()) or "–"
    return str(value) if value not in (None, "") else "–"
