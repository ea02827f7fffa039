"""Every change to what people are asked and what they answer."""

from __future__ import annotations

from reviews.services.bulk import (
    begin_batch,
    commit_batch,
    finish_batch,
    prepare_batch,
    run_batch,
    settle_item,
    sweep_batches,
    tasks_to_compare,
    undo_batch,
    waiting_items,
)
from reviews.services.claims import (
    assign_task,
    claim_task,
    hand_over_task,
    release_task,
    renew_claim,
    take_over_task,
)
from reviews.services.comments import add_comment
from reviews.services.decisions import decide, record_answers
from reviews.services.drafts import discard_draft, give_draft, save_draft, take_draft
from reviews.services.holds import send_decisions, sweep_decisions, undo_decision
from reviews.services.keys import create_own_key, create_program_key
from reviews.services.logins import (
    close_login,
    end_logins,
    keep_login,
    open_login,
    refuse_login,
)
from reviews.services.marks import (
    mark_read,
    mark_unread,
    snooze_tasks,
    unwatch_tasks,
    wake_tasks,
    watch_tasks,
)
from reviews.services.members import (
    change_member,
    invite_member,
    password_link,
    require_rank,
    set_password,
)
from reviews.services.operations import cancel_run, fork_thread, start_run
from reviews.services.preferences import save_preferences
from reviews.services.queues import change_queue, create_queue
from reviews.services.recovery import reconcile_tasks
from reviews.services.repair import accept_change, repair
from reviews.services.saved_views import change_view, delete_view, save_view
from reviews.services.tasks import close_tasks, open_tasks, refuse_ways_around

__all__ = [
    "accept_change",
    "add_comment",
    "assign_task",
    "begin_batch",
    "cancel_run",
    "change_member",
    "change_queue",
    "change_view",
    "claim_task",
    "close_login",
    "close_tasks",
    "commit_batch",
    "create_own_key",
    "create_program_key",
    "create_queue",
    "decide",
    "delete_view",
    "discard_draft",
    "end_logins",
    "finish_batch",
    "fork_thread",
    "give_draft",
    "hand_over_task",
    "invite_member",
    "keep_login",
    "mark_read",
    "mark_unread",
    "open_login",
    "open_tasks",
    "password_link",
    "prepare_batch",
    "reconcile_tasks",
    "record_answers",
    "refuse_login",
    "refuse_ways_around",
    "release_task",
    "renew_claim",
    "repair",
    "require_rank",
    "run_batch",
    "save_draft",
    "save_preferences",
    "save_view",
    "send_decisions",
    "set_password",
    "settle_item",
    "snooze_tasks",
    "start_run",
    "sweep_batches",
    "sweep_decisions",
    "take_draft",
    "take_over_task",
    "tasks_to_compare",
    "undo_batch",
    "undo_decision",
    "unwatch_tasks",
    "waiting_items",
    "wake_tasks",
    "watch_tasks",
]
