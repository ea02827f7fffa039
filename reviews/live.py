"""What open pages hear: which task changed and in what way, and who looks at it; never what is
in it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.utils.crypto import salted_hmac

from hitl_console.channel_layer import notify_group, notify_groups
from reviews.models import ReviewTask

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ALL = "inbox.all"  # staff
PRESENCES = ("viewing", "editing", "gone")


def queue_group(queue_id: int) -> str:
    """The group of the people who review a queue."""
    return f"inbox.queue.{queue_id}"


def login_group(session_key: str) -> str:
    """The group of the sockets of one login; its name gives nobody the session."""
    return f"login.{hashlib.sha256(session_key.encode()).hexdigest()}"


def person_group(user_id: int) -> str:
    """The group of all sockets of one person."""
    return f"person.{user_id}"


def tell_signed_out(session_key: str) -> None:
    """Hang up the sockets of a login that ended."""
    notify_group(login_group(session_key), {"type": "login.ended"})


def tell_rights_changed(user_ids: set[int]) -> None:
    """Have the sockets of these people look again at what they may hear."""
    notify_groups(map(person_group, user_ids), {"type": "rights.changed"})


def tell(task: ReviewTask, word: str) -> None:
    """Signal a change, at commit, to everybody who may see the task."""
    _tell_reviewers(task, {"type": "task.changed", "task": task.pk, "is": word})


def tell_presence(task: ReviewTask, person: User, word: str, *, is_hidden: bool = False) -> None:
    """Say that somebody is there (one of PRESENCES). Pages forget it after 45 seconds."""
    name = "" if is_hidden else person.get_full_name() or person.get_username()
    who = {"type": "presence.felt", "person": person.pk, "name": name}
    _tell_reviewers(task, who | {"task": task.pk, "is": word})


def mask_of(task_id: int, person_id: int) -> str:
    """What pages know somebody by who hides their name: the same for as long as they are there."""
    return salted_hmac("reviews.live", f"{task_id}.{person_id}").hexdigest()[:16]


def _tell_reviewers(task: ReviewTask, message: dict[str, object]) -> None:
    notify_groups([queue_group(task.queue_id), ALL], message)
