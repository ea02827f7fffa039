"""Every change to what runs are: the one way in for views, tasks, commands and reviews."""

from __future__ import annotations

from runs.runtime.timeline import Step
from runs.services.assistants import (
    create_assistant,
    delete_assistant,
    set_latest_version,
    sync_assistants,
    system_assistant_id,
    update_assistant,
)
from runs.services.breakpoints import (
    added,
    change_breakpoints,
    graphs_with,
    place_of,
    remove_breakpoint,
    set_breakpoint,
    stops_of,
    switch_breakpoint,
)
from runs.services.callers import is_caller, user_called
from runs.services.crons import create_cron, delete_cron, fire_crons, update_cron
from runs.services.deploys import channels_of, pending_problems, problem_of
from runs.services.detours import stops_at_start
from runs.services.discarding import discard_thread, keep_thread
from runs.services.execution import (
    fail_run,
    hand_back_run,
    renew_leases,
    settle_run,
    start_run,
    sweep_runs,
)
from runs.services.expiry import expire_threads, prune_threads
from runs.services.forks import fork_thread
from runs.services.histories import (
    input_schema,
    lineage_of,
    next_of,
    step_at,
    steps_of,
    values_at,
)
from runs.services.interrupts import guard, is_answer_map, leave_question
from runs.services.keys import create_key, revoke_key
from runs.services.pictures import (
    AtWork,
    Picture,
    PicturedNode,
    at_work,
    picture_of,
    schemas_of,
)
from runs.services.recovery import reconcile, reconcile_thread
from runs.services.repair import accept_graph, ask_again, retry_answer
from runs.services.runs import (
    cancel_run,
    cancel_runs,
    continuation_of,
    create_run,
    delete_run,
    get_assistant,
)
from runs.services.threads import (
    EVERY,
    copy_thread,
    create_thread,
    delete_thread,
    get_thread,
    update_state,
    update_thread,
    write_past,
)
from runs.services.webhooks import (
    check_url,
    settle_delivery,
    signed,
    sweep_deliveries,
    take_delivery,
)

__all__ = [
    "EVERY",
    "AtWork",
    "Picture",
    "PicturedNode",
    "Step",
    "accept_graph",
    "added",
    "ask_again",
    "at_work",
    "cancel_run",
    "cancel_runs",
    "change_breakpoints",
    "channels_of",
    "check_url",
    "continuation_of",
    "copy_thread",
    "create_assistant",
    "create_cron",
    "create_key",
    "create_run",
    "create_thread",
    "delete_assistant",
    "delete_cron",
    "delete_run",
    "delete_thread",
    "discard_thread",
    "expire_threads",
    "fail_run",
    "fire_crons",
    "fork_thread",
    "get_assistant",
    "get_thread",
    "graphs_with",
    "guard",
    "hand_back_run",
    "input_schema",
    "is_answer_map",
    "is_caller",
    "keep_thread",
    "leave_question",
    "lineage_of",
    "next_of",
    "pending_problems",
    "picture_of",
    "place_of",
    "problem_of",
    "prune_threads",
    "reconcile",
    "reconcile_thread",
    "remove_breakpoint",
    "renew_leases",
    "retry_answer",
    "revoke_key",
    "schemas_of",
    "set_breakpoint",
    "set_latest_version",
    "settle_delivery",
    "settle_run",
    "signed",
    "start_run",
    "step_at",
    "steps_of",
    "stops_at_start",
    "stops_of",
    "sweep_deliveries",
    "sweep_runs",
    "switch_breakpoint",
    "sync_assistants",
    "system_assistant_id",
    "take_delivery",
    "update_assistant",
    "update_cron",
    "update_state",
    "update_thread",
    "user_called",
    "values_at",
    "write_past",
]
