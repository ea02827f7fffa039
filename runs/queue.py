"""Handing runs to workers. The queue carries the job; the run's own row says who may work on it."""

from __future__ import annotations

from datetime import datetime

from django.utils.timezone import now
from procrastinate.contrib.django import app

from runs.models import Run, WebhookDelivery

QUEUE = "runs"
EXECUTE = "runs.tasks.execute_run"
DELIVER = "runs.tasks.deliver_webhook"


def put(run: Run) -> int:
    """Queue a job for a run, in the current transaction; returns the job's id."""
    delayed = run.not_before if run.not_before and run.not_before > now() else None
    return app.configure_task(EXECUTE, queue=QUEUE, schedule_at=delayed).defer(run_id=str(run.pk))


def defer_run(run: Run) -> None:
    """Queue a job for a run that has a row, and write it down there."""
    Run.objects.filter(pk=run.pk).update(job_id=put(run))


def put_delivery(delivery: WebhookDelivery, at: datetime | None) -> None:
    """Queue an attempt of a webhook call, in the current transaction."""
    task = app.configure_task(DELIVER, queue=QUEUE, schedule_at=at)
    task.defer(delivery_id=str(delivery.pk))


def abort_job(run: Run) -> None:
    """Tell the worker that has it to stop; what it still writes is fenced off by the run's row."""
    if run.job_id is not None:
        app.job_manager.cancel_job_by_id(run.job_id, abort=True)
