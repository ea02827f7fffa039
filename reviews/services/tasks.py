"""Review tasks follow their interrupts: opened with them, opened again, closed with them."""

from __future__ import annotations

from django.contrib.auth.models import Group

from reviews import live, payloads, policies
from reviews.digests import digest_of
from reviews.models import Delivery, Repair, ReviewPolicy, ReviewTask
from reviews.services import audit
from runs import services as runs
from runs.exceptions import ReviewersOnly
from runs.models import Interrupt, Run, Thread

Status, State = ReviewTask.Status, Delivery.State

DEFAULT_QUEUE = "Reviewers"
NO_LONGER_ASKED = {
    "consumed": Status.DECIDED,
    "superseded": Status.SUPERSEDED,
    "cancelled": Status.CANCELLED,
}


def open_tasks(*, run: Run, first: list[Interrupt], again: list[Interrupt]) -> None:
    """One open task for each interrupt; one whose answer was refused is opened again."""
    for interrupt in first:
        _open(run, interrupt)
    if again:
        for task in ReviewTask.objects.filter(interrupt__in=again).select_related("interrupt"):
            assert task.interrupt is not None
            _ask_again(task, task.interrupt)


def close_tasks(*, interrupts: list[Interrupt], run: Run | None, reason: str) -> None:
    """The graph no longer waits: the answer arrived, or nobody will hear one."""
    for task in ReviewTask.objects.filter(interrupt__in=interrupts).defer("value"):
        if reason == "consumed":
            task.deliveries.all().move(expect=(State.DELIVERED, State.FAILED), to=State.CONSUMED)
            if task.status == Status.FAILED:
                ReviewTask.objects.move(task.pk, expect=Status.FAILED, to=Status.DECIDED)
            live.tell(task, State.CONSUMED)
            _note(task, "delivery.consumed", run)
            continue
        asked_again = task.deliveries.filter(decision__kind=Repair.ASK_AGAIN)
        asked_again.move(expect=(State.DELIVERED,), to=State.CONSUMED)
        task.deliveries.all().move(expect=Delivery.LIVE, to=State.REFUSED)
        if task.status != NO_LONGER_ASKED[reason]:
            ReviewTask.objects.move(task.pk, expect=task.status, to=NO_LONGER_ASKED[reason])
            live.tell(task, NO_LONGER_ASKED[reason])
            _note(task, f"task.{reason}", run)


def policy_for(graph_id: str, nodes: list[str]) -> ReviewPolicy:
    """Who reviews a pause and how; the default queue where no policy fits."""
    every = list(ReviewPolicy.objects.select_related("queue"))
    if policy := policies.fitting(every, graph_id=graph_id, nodes=nodes):
        return policy
    return ReviewPolicy(queue=Group.objects.get_or_create(name=DEFAULT_QUEUE)[0])


def refuse_ways_around(*, graph_ids: set[str], thread: Thread, what: str, may_decide: bool) -> None:
    """Where an answer is for reviewers only, nobody moves the thread past the question.

    So it is while a policy says so of one of the graphs, and where it did when the thread asked.
    """
    if may_decide:
        return
    asked = ReviewTask.objects.on(thread.pk).filter(reviewers_only=True).unsettled()
    if policies.protects(ReviewPolicy.objects.all(), graph_ids) or asked.exists():
        raise ReviewersOnly(f"{ReviewersOnly.default_detail} (Refused: {what}.)")


def identity_of(task: ReviewTask) -> str:
    """The digest that binds a decision: what is asked, where, and by which graph."""
    return digest_of(
        {
            "value": task.value,
            "response_schema": task.response_schema,
            "thread_id": str(task.thread_id),
            "checkpoint_id": task.checkpoint_id,
            "graph_id": task.graph_id,
            "node": task.node,
            "namespace": task.namespace,
            "fingerprint": task.fingerprint,
        }
    )


def _open(run: Run, interrupt: Interrupt) -> None:
    policy = policy_for(run.graph_id, interrupt.nodes)
    task = ReviewTask(
        interrupt=interrupt,
        thread_id=run.thread_id,
        run_id=run.pk,
        assistant_id=run.assistant_id,
        graph_id=run.graph_id,
        node=interrupt.node,
        namespace=interrupt.namespace,
        checkpoint_id=interrupt.checkpoint_id,
        fingerprint=interrupt.fingerprint,
        is_breakpoint=interrupt.is_breakpoint,
        position=interrupt.position,
        value=interrupt.value,
        response_schema=interrupt.response_schema,
        queue=policy.queue,
        reviewers_only=policy.is_guarded,
        undo_seconds=policy.undo_seconds,
        high_risk=policy.high_risk,
        reject_value=policy.reject_value,
        shape=policy.shape,
        answers_as=policy.answers_as,
        quick_answers=policy.quick_answers,
        policy=policy if policy.pk else None,
        channels=runs.channels_of(run.graph_id) if interrupt.is_breakpoint else None,
    )
    asked = task.asked
    task.shape = payloads.shape_of(asked)
    task.title = payloads.titled(asked, policy.title) or payloads.title_of(asked)
    task.summary = payloads.summary_of(asked)
    task.agent = _agent_of(run)
    task.tools = sorted({payloads.one_line(act.name, 200) for act in payloads.actions_of(asked)})
    task.digest = identity_of(task)
    task.status = Status.FAILED if interrupt.status == Interrupt.Status.STUCK else Status.OPEN
    task.save()
    live.tell(task, task.status)
    audit.record(
        action="task.failed" if task.status == Status.FAILED else "task.opened",
        object=f"task:{task.pk}",
        details={"run": str(run.pk), "task": task.digest},
    )
    if run.kwargs["checkpoint_id"]:
        _link_asked_again(run, task)


def _agent_of(run: Run) -> str:
    """Who asks, as lists name it: the assistant, or its graph if it has no name of its own."""
    name = run.assistant.name if run.assistant else ""
    return payloads.one_line(name if name != "Untitled" else "", 80) or run.graph_id[:80]


def _note(task: ReviewTask, action: str, run: Run | None) -> None:
    """What became of a task when a run of its thread settled."""
    details = {"run": str(run.pk)} if run else {}
    audit.record(action=action, object=f"task:{task.pk}", details=details)


def _link_asked_again(run: Run, task: ReviewTask) -> None:
    """A task somebody had asked again leads to the one that replaced it; who reads it is told."""
    replaced = ReviewTask.objects.on(run.thread_id).filter(
        deliveries__run_id=run.pk,
        deliveries__decision__kind=Repair.ASK_AGAIN,
        node=task.node,
        superseded_by=None,
    )
    for old in replaced:
        old.superseded_by = task
        old.save(update_fields=["superseded_by"])
        live.tell(old, old.status)


def _ask_again(task: ReviewTask, interrupt: Interrupt) -> None:
    """The same question is pending: as it was, given back, or stuck behind its answer."""
    is_stuck = interrupt.status == Interrupt.Status.STUCK
    outcome = State.FAILED if is_stuck else State.REFUSED
    if task.deliveries.all().move(expect=(State.DELIVERED,), to=outcome):
        _note(task, f"delivery.{outcome}", interrupt.run)
    if task.deliveries.filter(state=State.RECORDED).exists():
        return  # decided, and waiting for the other answers of its pause
    task.checkpoint_id = interrupt.checkpoint_id
    task.digest = identity_of(task)
    task.save(update_fields=["checkpoint_id", "digest"])
    status = Status.FAILED if is_stuck else Status.OPEN
    if task.status != status:
        ReviewTask.objects.move(task.pk, expect=task.status, to=status)
        live.tell(task, status)
        _note(task, "task.failed" if is_stuck else "task.opened", interrupt.run)
