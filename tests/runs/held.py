"""A run at work as its worker has it, without a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from asgiref.sync import sync_to_async
from django.utils.timezone import now

from runs import services
from runs.models import Run, Thread
from runs.runtime import RunSpec, checkpointer


@asynccontextmanager
async def held() -> AsyncIterator[RunSpec]:
    """What the runtime knows of the run; it is gone with the block, and its thread."""
    run = await sync_to_async(_create)()
    try:
        yield RunSpec(run.pk, run.thread_id, run.attempt, run.graph_id)
    finally:
        await Thread.objects.filter(pk=run.thread_id).adelete()
        await checkpointer.aclose()


async def let_go(run_id: UUID) -> None:
    """Its attempt has lost the run."""
    await Run.objects.filter(pk=run_id).aupdate(status=Run.Status.SUCCESS, lease_until=None)


def _create() -> Run:
    """No job is queued for it, so no worker takes it."""
    return Run.objects.create(
        thread=services.create_thread(),
        assistant=services.get_assistant("static_steps"),
        graph_id="static_steps",
        status=Run.Status.RUNNING,
        attempt=1,
        lease_until=now() + timedelta(minutes=5),
        kwargs={},
    )
