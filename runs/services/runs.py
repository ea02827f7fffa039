"""Runs: asked for by clients and by decisions, one at a time on each thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from runs import events, queue, runtime
from runs.exceptions import NotFound, RunsError, ThreadBusy
from runs.models import Assistant, Interrupt, Run, Thread
from runs.services import breakpoints, detours, execution, interrupts, webhooks
from runs.services.assistants import system_assistant_id
from runs.services.threads import EVERY
from runs.signals import interrupts_answered, run_finished

CANCELLED = "{action} requested via POST /threads/{{thread_id}}/runs/{{run_id}}/cancel"
TOO_LATE = (
    "No matching runs to cancel. Please verify the thread ID and run IDs are correct, and the runs "
    "haven't been deleted or completed."
)
RESERVED = (
    *("thread_id", "run_id", "checkpoint_ns", "checkpoint_id", "checkpoint_map"),
    *runtime.auth.CONFIGURABLE,
)


@transaction.atomic
def create_run(
    *,
    thread: Thread,
    assistant: Assistant,
    request: Mapping[str, Any],
    actor: User | None,
    may_decide: bool = True,
    state_update: dict[str, Any] | None = None,
    continues: Run | None = None,
    among: Q = EVERY,
) -> Run:
    """Queue a run on a thread; one that answers interrupts closes them in the same transaction.

    `request` has the fields of the wire's body (input, command, config, metadata, ...).
    A run is queued behind the thread's active one, or as `multitask_strategy` says. A client that
    may not decide review tasks is refused what would go around one. A run that `continues` another
    has its graph and configuration, whatever became of the assistant since.
    A thread that is not `among` those the client may have is not there.
    """
    thread = Thread.objects.filter(among).lock(thread.pk)
    is_free = _make_room(thread, request.get("multitask_strategy", "enqueue"))
    graph_id = continues.graph_id if continues else assistant.graph_id
    answers = interrupts.answers_in(thread, assistant, graph_id, request)
    interrupts.guard(thread, answers)
    breakpoints.stops_of(assistant.pk, graph_id)
    if not may_decide and (way := detours.of_request(thread, graph_id, request, answers)):
        detours.ask(thread, way, may_decide=may_decide, graph_id=graph_id)
    configured = request if continues else _with_defaults(assistant, request)
    kwargs = _kwargs(configured, answers) | {"may_decide": may_decide}
    if thread.watched_until and thread.watched_until > now():
        before = continues.kwargs["stream_mode"] if continues else []
        kwargs["stream_mode"] = kwargs["stream_mode"] or before or ["values"]
    run = _new_run(thread, assistant, graph_id, request, kwargs, actor)
    run.state_update = state_update
    if is_free:
        execution.leave_questions_behind(thread, run)
        run.job_id = queue.put(run)
    run.save(force_insert=True)
    _occupy(thread, run, request.get("config") or {})
    if answers:
        rows = Interrupt.objects.filter(pk__in=[interrupt.pk for interrupt in answers])
        rows.update(status=Interrupt.Status.ANSWERED, answered_by=run)
        interrupts_answered.send(
            sender=Run, run=run, answers=answers, actor=actor, may_decide=may_decide
        )
    return run


@transaction.atomic
def cancel_run(*, run: Run, action: str = "interrupt", reason: str = "") -> None:
    """Stop a run that is pending or running; `rollback` also removes it and its checkpoints.

    Raises NotFound when it is over: the wire's answer to a cancel that comes too late.
    """
    thread = Thread.objects.lock(run.thread_id)
    error = {"error": "UserInterrupt", "message": reason or CANCELLED.format(action=action)}
    if not Run.objects.transition(
        run.pk,
        expect=Run.ACTIVE,
        to=Run.Status.INTERRUPTED,
        lease_until=None,
        output=thread.values,
    ):
        raise NotFound(TOO_LATE)
    queue.abort_job(run)
    if action == "rollback":
        runtime.rollback(thread.pk, run.pk)
        error["error"] = "UserRollback"
    _settle_cancelled(thread, run, error)
    if action == "rollback":
        run.delete()


def cancel_runs(*, runs: Iterable[Run], action: str = "interrupt") -> int:
    """Stop several runs, each as if it were the only one; returns how many were not over."""
    stopped = 0
    for run in runs:
        try:
            cancel_run(run=run, action=action)
        except (NotFound, Thread.DoesNotExist):
            continue
        stopped += 1
    return stopped


def delete_run(*, run: Run) -> None:
    """Delete a run that is over; its checkpoints stay, they are the thread's."""
    if run.is_active:
        raise RunsError("The run is not over: cancel it first.")
    if Interrupt.objects.filter(run=run).unsettled().exists():
        raise RunsError("The run waits for a person: decide its review tasks first.")
    run.delete()


def _make_room(thread: Thread, strategy: str) -> bool:
    """Deal with the thread's active runs as the client asked; whether none is left."""
    active = Run.objects.on(thread.pk).active()
    is_free = not active.exists()
    if is_free or strategy == "enqueue":
        return is_free
    if strategy == "reject":
        raise ThreadBusy
    for run in active:
        cancel_run(run=run, action=strategy, reason=f"replaced by a new run ({strategy})")
    return True


def _new_run(
    thread: Thread,
    assistant: Assistant,
    graph_id: str,
    request: Mapping[str, Any],
    kwargs: dict[str, Any],
    actor: User | None,
) -> Run:
    ids = {"graph_id": graph_id, "assistant_id": str(assistant.pk)}
    delay = request.get("after_seconds")
    run = Run(
        thread=thread,
        assistant=assistant,
        graph_id=graph_id,
        kwargs=kwargs,
        metadata=assistant.metadata | thread.metadata | ids | (request.get("metadata") or {}) | ids,
        multitask_strategy=request.get("multitask_strategy", "enqueue"),
        created_by=actor,
        not_before=now() + timedelta(seconds=delay) if delay and delay > 0 else None,
    )
    run.kwargs["config"]["configurable"] |= {
        "run_id": str(run.pk),
        "thread_id": str(thread.pk),
        **ids,
        "user_id": _user_id(request, actor),
    }
    return run


def _user_id(request: Mapping[str, Any], actor: User | None) -> str:
    """Who asks, by the name the deployment's auth handlers know them by, if those let them in."""
    if caller := request.get("caller"):
        return str(caller["identity"])
    return actor.get_username() if actor else ""


def _occupy(thread: Thread, run: Run, config: Mapping[str, Any]) -> None:
    """The thread is busy from now on, and knows the graph that works on it."""
    ids = {"graph_id": run.graph_id, "assistant_id": str(run.assistant_id)}
    kept = {key: config[key] for key in ("tags", "recursion_limit") if key in config}
    Thread.objects.filter(pk=thread.pk).update(
        status=Thread.Status.BUSY,
        metadata=thread.metadata | ids,
        config={"configurable": {}} | kept,
        updated_at=now(),
    )


def _with_defaults(assistant: Assistant, request: Mapping[str, Any]) -> dict[str, Any]:
    """A request with the assistant's configuration below its own."""
    asked = request.get("config") or {}
    configurable = assistant.config.get("configurable", {}) | asked.get("configurable", {})
    return {
        **request,
        "config": assistant.config | asked | {"configurable": configurable},
        "context": assistant.context | (request.get("context") or {}),
    }


def _command(request: Mapping[str, Any], answers: interrupts.Answers) -> dict[str, Any] | None:
    """Whatever form the client chose, the graph gets its answers by interrupt id.

    A breakpoint takes none: LangGraph would keep it for the first question anybody asks.
    """
    command: dict[str, Any] | None = request.get("command")
    if not answers:
        return command
    named = {item.key: value for item, value in answers.items() if not item.is_breakpoint}
    rest = {name: value for name, value in (command or {}).items() if name != "resume"}
    return rest | ({"resume": named} if named else {}) or None


def _kwargs(request: Mapping[str, Any], answers: interrupts.Answers) -> dict[str, Any]:
    """The wire's `Run.kwargs`: what was asked, without the keys that are the engine's."""
    config = request.get("config") or {}
    configurable = {
        key: value
        for key, value in config.get("configurable", {}).items()
        if key not in RESERVED and not key.startswith("__")
    }
    return {
        "input": request.get("input"),
        "command": _command(request, answers),
        "config": config | {"configurable": configurable},
        "context": request.get("context") or {},
        "stream_mode": request.get("stream_mode") or [],
        "interrupt_before": request.get("interrupt_before"),
        "interrupt_after": request.get("interrupt_after"),
        "webhook": request.get("webhook"),
        "feedback_keys": request.get("feedback_keys"),
        "temporary": request.get("temporary", False),
        "subgraphs": request.get("stream_subgraphs", False),
        "resumable": request.get("stream_resumable", False),
        "checkpoint_id": request.get("checkpoint_id"),
        "durability": request.get("durability", "sync"),
        "strict_resume": interrupts.is_strict(request),
        "on_disconnect": request.get("on_disconnect", "continue"),
    } | ({"caller": caller} if (caller := request.get("caller")) else {})


def _settle_cancelled(thread: Thread, run: Run, error: dict[str, Any]) -> None:
    """What the thread is once a run of it was cut short, read from its checkpoint."""
    run.status = Run.Status.INTERRUPTED
    if run.is_streamed:
        events.write(run, [(events.END, None)])
    events.announce(run)
    state = runtime.pending(thread.pk, run.graph_id)
    if Run.objects.on(thread.pk).filter(status=Run.Status.RUNNING).exists():
        interrupts.give_back(run)
        return  # a pending run was cancelled: the running one will settle the thread
    Run.objects.filter(pk=run.pk).update(output=state.values)
    interrupts.record(
        thread,
        run,
        state.interrupts,
        None,
        checkpoint_id=state.checkpoint_id,
        values=state.values,
        stuck=state.answered,
    )
    shown = {
        "values": state.values if state.checkpoint_id else None,
        "interrupts": execution.wire_interrupts(state.interrupts),
        "error": error,
    }
    has_run = run.attempt or thread.interrupts is not None
    status = Thread.Status.INTERRUPTED if state.next else Thread.Status.IDLE
    execution.release_thread(thread, status, **(shown if has_run else {}))
    run.error = error
    webhooks.announce(run, state.values)
    run_finished.send(sender=Run, run=run)


def continuation_of(asking: Run) -> dict[str, Any]:
    """What a run that goes on takes over: configuration, breakpoints, webhook, for whom it is."""
    names = ("config", "context", "interrupt_before", "interrupt_after", "webhook", "durability")
    return {name: asking.kwargs[name] for name in names} | {
        "input": None,
        "stream_subgraphs": asking.kwargs["subgraphs"],
        "temporary": asking.kwargs["temporary"],
        "caller": asking.kwargs.get("caller"),
    }


def get_assistant(name: str) -> Assistant:
    """The assistant a body means: by id, or by graph for the graph's own."""
    try:
        assistant_id = UUID(name)
    except ValueError:
        assistant_id = system_assistant_id(name)
    assistant = Assistant.objects.filter(pk=assistant_id).first()
    if assistant is None:
        raise NotFound
    return assistant
