"""What open pages hear: which task changed and in what way, never what is in it."""

from __future__ import annotations

import hashlib

from hitl_console.channel_layer import notify_group, notify_groups
from reviews.models import ReviewTask

ALL = "inbox.all"  # staff


def queue_group(queue_id: int) -> str:
    """The group of the people who review a queue."""
    return f"inbox.queue.{queue_id}"


def login_group(session_key: str) -> str:
    """The group of the sockets of one login; its name gives nobody the session."""
    return f"login.{hashlib.sha256(session_key.encode()).hexdigest()}"


def tell_signed_out(session_key: str) -> None:
    """Hang up the sockets of a login that ended."""
    notify_group(login_group(session_key), {"type": "login.ended"})


def tell(task: ReviewTask, word: str) -> None:
    """Signal a change, at commit, to everybody who may see the task."""
    message = {"type": "task.changed", "task": task.pk, "is": word}
    notify_groups([queue_group(task.queue_id), ALL], message)
