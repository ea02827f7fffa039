"""Batches: prepared and shown, committed once, then done task by task, whatever dies meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Cast, Coalesce, Length
from django.utils.timezone import now
from django.utils.translation import gettext as _

from reviews import bulk, queue
from reviews.digests import digest_of
from reviews.exceptions import (
    AlreadyDecided,
    AlreadySent,
    CannotReview,
    ClaimedByOther,
    GraphHasChanged,
    RequestChanged,
    ReviewError,
    Superseded,
)
from reviews.models import Batch, BatchItem, Decision, Delivery, ReviewTask, ReviewTaskQuerySet
from reviews.payloads import AnswerRefused
from reviews.services import audit
from reviews.services.claims import assign_task, claim_task, release_task
from reviews.services.decisions import decide
from reviews.services.holds import undo_decision
from runs.exceptions import RunsError

Outcome = BatchItem.Outcome
AT_ONCE = 20  # tasks that are done while the person waits; more are a worker's


def tasks_to_compare(tasks: ReviewTaskQuerySet) -> list[ReviewTask]:
    """Tasks with what they ask, in order and up to the cap; long requests are not loaded."""
    size = Coalesce(Length(Cast("value", TextField())), 0) + Coalesce(
        Length(Cast("response_schema", TextField())), 0
    )
    rows = tasks.select_related("claimed_by", "queue", "assistant").annotate(size=size)
    order = list(tasks.values_list("pk", flat=True)[: bulk.CAP])
    chosen = rows.filter(pk__in=order).order_by()
    short = chosen.filter(size__lte=bulk.COMPARED)
    long = chosen.filter(size__gt=bulk.COMPARED).defer("value", "response_schema")
    by_pk = {task.pk: task for task in (*short, *long)}
    return [by_pk[pk] for pk in order if pk in by_pk]


@transaction.atomic
def prepare_batch(
    *,
    reviewer: User,
    verdict: Mapping[str, Any],
    tasks: Sequence[ReviewTask],
    found: int,
    via: str = Decision.Via.PAGE,
    source: str = "",
    taken_at: datetime | None = None,
    seen: Mapping[int, str] | None = None,
    **fields: str,
) -> Batch:
    """Write down which tasks may go together and in which edition; nothing is decided.

    `seen` are the editions a client was shown, by task; without it they are shown as they are now.
    """
    batch = Batch.objects.create(
        reviewer=reviewer,
        verdict=dict(verdict),
        via=via,
        source=source,
        taken_at=taken_at or now(),
        found=found,
        **fields,
    )
    sorted_out = bulk.sort_out(tasks, verdict, reviewer)
    whys = {unfit.task.pk: unfit.why for unfit in sorted_out.rest}
    BatchItem.objects.bulk_create(
        BatchItem(
            batch=batch,
            task=task,
            seen=seen[task.pk] if seen else task.edition,
            outcome=Outcome.UNFIT if task.pk in whys else Outcome.WAITING,
            why=whys.get(task.pk, ""),
        )
        for task in tasks
    )
    return batch


def commit_batch(
    *, batch: Batch, keep: Collection[int], reason: str = "", to: User | None = None
) -> None:
    """Begin a batch with the tasks in `keep`, and do it: a long one is left to a worker.

    One that has begun goes on as it is. Raises what `begin_batch` raises.
    """
    with transaction.atomic():
        count = begin_batch(batch=batch, keep=keep, reason=reason, to=to)
        if count > AT_ONCE:
            queue.run_batch(batch.pk)
    if count <= AT_ONCE:
        run_batch(batch=batch)


@transaction.atomic
def begin_batch(
    *,
    batch: Batch,
    keep: Collection[int] | None = None,
    reason: str = "",
    to: User | None = None,
    comment: str = "",
) -> int:
    """From here on a batch is done, whatever dies; returns how many tasks it still has to do.

    Raises payloads.AnswerRefused when a verdict that needs a reason, or somebody to assign to, has
    none.
    """
    verdict = batch.verdict | ({"message": reason} if reason.strip() else {})
    verdict |= {"to": to.get_username()} if to else {}
    bulk.check_verdict(verdict)
    began = Batch.objects.move(
        batch.pk,
        expect=Batch.Status.PREPARED,
        to=Batch.Status.RUNNING,
        verdict=verdict,
        comment=comment,
        committed_at=now(),
    )
    if not began:
        return 0
    waiting = batch.items.waiting()
    if keep is not None:
        waiting.exclude(task_id__in=keep).update(outcome=Outcome.LEFT_OUT, settled_at=now())
    count = waiting.count()
    audit.record(
        action="batch.committed",
        object=f"batch:{batch.pk}",
        actor=batch.reviewer,
        via=batch.via,
        details={"verdict": digest_of(verdict), "kind": batch.kind, "tasks": count},
    )
    return count


def run_batch(*, batch: Batch) -> None:
    """Do what is left of a committed batch; may be called again, and by several at once."""
    for pk in waiting_items(batch_id=batch.pk):
        settle_item(item_id=pk)
    finish_batch(batch_id=batch.pk)


def waiting_items(*, batch_id: int) -> list[int]:
    """The items of a running batch that nobody has settled, in their order."""
    items = BatchItem.objects.waiting().filter(
        batch_id=batch_id, batch__status=Batch.Status.RUNNING
    )
    return list(items.order_by("pk").values_list("pk", flat=True))


def finish_batch(*, batch_id: int) -> None:
    """Close a batch in which nothing waits any more."""
    if not waiting_items(batch_id=batch_id):
        Batch.objects.move(batch_id, expect=Batch.Status.RUNNING, to=Batch.Status.DONE)


@transaction.atomic
def settle_item(*, item_id: int) -> None:
    """Answer one task of a batch and write down what became of it, in one transaction.

    Twice at once is once: the decision has a key of batch and task.
    """
    items = BatchItem.objects.select_related("batch__reviewer", "task__interrupt")
    item = items.waiting().filter(pk=item_id).first()
    if item is None:
        return
    decision, outcome, why = None, Outcome.DONE, ""
    try:
        decision = _do(item)
    except (RequestChanged, GraphHasChanged, Superseded) as error:
        outcome, why = Outcome.CHANGED, str(error)
    except (ReviewError, AnswerRefused, RunsError) as error:
        outcome, why = Outcome.REFUSED, _why(error)
    BatchItem.objects.settle(item.pk, outcome=outcome, why=why, decision=decision)


def _do(item: BatchItem) -> Decision | None:
    batch, task = item.batch, item.task
    if batch.is_claim:
        _move_claim(batch, task)
        return None
    asked = task.asked
    return decide(
        task=task,
        reviewer=batch.reviewer,
        verdict=bulk.verdict_on(asked, batch.verdict),
        comment=batch.comment or bulk.note_on(asked, batch.verdict),
        via=batch.via,
        idempotency_key=f"batch:{batch.pk}:{task.pk}",
        seen=item.seen,
        batch=batch.pk,
    )


def _move_claim(batch: Batch, task: ReviewTask) -> None:
    if batch.kind == bulk.ASSIGN:
        to = User.objects.filter(username=batch.verdict["to"]).first()
        if to is None:
            raise CannotReview(task)
        assign_task(task=task, reviewer=batch.reviewer, to=to, via=batch.via)
        return
    change = claim_task if batch.kind == bulk.CLAIM else release_task
    change(task=task, reviewer=batch.reviewer, via=batch.via)


def _why(error: Exception) -> str:
    """Who was faster, or what the answer lacked, for the person who reads the result."""
    if isinstance(error, AlreadyDecided) and error.decision:
        who = error.decision.reviewer.get_full_name() or error.decision.reviewer.get_username()
        return _("%(who)s has decided it.") % {"who": who}
    if isinstance(error, ClaimedByOther) and error.task.holder:
        who = error.task.holder.get_full_name() or error.task.holder.get_username()
        return _("%(who)s has claimed it.") % {"who": who}
    return str(error)


def undo_batch(*, batch: Batch) -> tuple[int, int]:
    """Take back what is still held of a batch; how many were taken back, how many were sent."""
    undone = 0
    made = batch.items.filter(decision__isnull=False).select_related("decision__task")
    for item in made.filter(decision__delivery__state=Delivery.State.RECORDED).order_by("pk"):
        assert item.decision is not None
        with suppress(AlreadySent):
            undo_decision(decision=item.decision, reviewer=batch.reviewer, via=batch.via)
            undone += 1
    return undone, made.exclude(decision__delivery__state=Delivery.State.UNDONE).count()


def sweep_batches() -> None:
    """Queue the batches whose worker died or whose job was lost."""
    for pk in Batch.objects.stalled().values_list("pk", flat=True):
        queue.run_batch(pk)
