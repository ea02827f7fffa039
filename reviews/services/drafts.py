"""Drafts: what was typed and not sent is kept until its task is decided by who typed it.

They are a person's own and no part of the ledger: only giving one away is in the audit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.timezone import now

from reviews import live
from reviews.exceptions import DraftTooLong, NobodyToGiveTo, NothingToGive
from reviews.models import Decision, Draft, ReviewTask
from reviews.services import audit

LONGEST = 2 * 2**20  # characters
# Where a form was sent from, what it was about and that it was meant; the rest was typed.
NOT_TYPED = {"csrfmiddlewaretoken", "idempotency_key", "seen", "holder", "confirmed"}
NOT_TYPED |= {"view", "q", "sort", "saved", "after", "by", "typed"}


@transaction.atomic
def save_draft(
    *, task: ReviewTask, reviewer: User, form: Mapping[str, Sequence[str]], edition: str
) -> Draft | None:
    """Keep a form as it stands; None when this reviewer has sent it meanwhile.

    A task that somebody else decided still takes a draft: the typing came first.
    """
    task = ReviewTask.objects.select_for_update(no_key=True).get(pk=task.pk)  # not beside `decide`
    decision = None if task.is_open else Decision.objects.standing_on(task)
    if decision is not None and decision.reviewer_id == reviewer.pk:
        return None
    typed = {name: list(values) for name, values in form.items() if name not in NOT_TYPED}
    if len(json.dumps(typed)) > LONGEST:
        raise DraftTooLong(task)
    return _keep(task, reviewer, typed, edition)


def discard_draft(*, task: ReviewTask, reviewer: User) -> None:
    """Forget what a person typed; what others gave them stays."""
    task.drafts.own().of(reviewer).delete()


def clear_drafts(*, task: ReviewTask, reviewer: User) -> None:
    """Forget what a person had in hand for a task that they have decided."""
    task.drafts.of(reviewer).delete()


@transaction.atomic
def give_draft(*, task: ReviewTask, author: User, via: str = Decision.Via.PAGE) -> Draft:
    """Lay a copy of one's draft beside the form of whoever holds the task."""
    task.refresh_from_db(fields=["claimed_by", "claimed_until"])
    holder = task.holder
    if holder is None or holder == author:
        raise NobodyToGiveTo(task)
    given = pass_on(task=task, author=author, to=holder)
    if given is None:
        raise NothingToGive(task)
    live.tell(task, "given")
    audit.record(
        action="draft.given",
        object=f"task:{task.pk}",
        actor=author,
        via=via,
        details={"to": holder.get_username()},
    )
    return given


def pass_on(*, task: ReviewTask, author: User, to: User) -> Draft | None:
    """Lay a copy of a person's draft, if there is one, beside the form of another."""
    own = task.drafts.own().of(author).first()
    return own and _lay_aside(own, reviewer=to)


@transaction.atomic
def take_draft(*, draft: Draft) -> Draft:
    """Fill one's form with a draft that lay beside it; what was in the form lies there then."""
    own = draft.task.drafts.own().of(draft.reviewer).select_for_update().first()
    if own is not None:
        _lay_aside(own, reviewer=draft.reviewer)
    if own is None or draft.author_id != draft.reviewer_id:  # else they have changed places
        draft.delete()
    return _keep(draft.task, draft.reviewer, draft.form, draft.edition)


def _keep(task: ReviewTask, reviewer: User, form: dict[str, list[str]], edition: str) -> Draft:
    return Draft.objects.update_or_create(
        task=task,
        reviewer=reviewer,
        is_aside=False,
        defaults={"author": reviewer, "form": form, "edition": edition, "saved_at": now()},
    )[0]


def _lay_aside(own: Draft, *, reviewer: User) -> Draft:
    return Draft.objects.update_or_create(
        task=own.task,
        reviewer=reviewer,
        author=own.author,
        is_aside=True,
        defaults={"form": own.form, "edition": own.edition, "saved_at": own.saved_at},
    )[0]
