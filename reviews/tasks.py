"""What workers do for reviews."""

from __future__ import annotations

from uuid import UUID

from asgiref.sync import sync_to_async
from procrastinate.contrib.django import app

from reviews import queue, services
from reviews.services import audit


@app.task(name=queue.SEND, queue=queue.QUEUE)
async def send_decisions(thread_id: str) -> None:
    """A hold is over: send what was decided on a thread, unless another hold still runs."""
    await sync_to_async(services.send_decisions)(thread_id=UUID(thread_id))


@app.periodic(cron="* * * * * */10")
@app.task(queue=queue.QUEUE, queueing_lock="reviews.tasks.sweep_decisions")
async def sweep_decisions(timestamp: int) -> None:
    """Send the decisions whose hold is over and whose job was lost."""
    await sync_to_async(services.sweep_decisions)()


@app.task(name=queue.BATCH, queue=queue.QUEUE)
async def run_batch(batch_id: int) -> None:
    """Answer the tasks of a batch one by one; a worker that stops leaves the rest to the next."""
    for item_id in await sync_to_async(services.waiting_items)(batch_id=batch_id):
        await sync_to_async(services.settle_item)(item_id=item_id)
    await sync_to_async(services.finish_batch)(batch_id=batch_id)


@app.periodic(cron="* * * * * */10")
@app.task(queue=queue.QUEUE, queueing_lock="reviews.tasks.sweep_batches")
async def sweep_batches(timestamp: int) -> None:
    """Go on with the batches whose worker died or whose job was lost."""
    await sync_to_async(services.sweep_batches)()


@app.periodic(cron="* * * * *")
@app.task(queue=queue.QUEUE, queueing_lock="reviews.tasks.reconcile_tasks")
async def reconcile_tasks(timestamp: int) -> None:
    """Once a minute: no task without its question, no question without its task."""
    await sync_to_async(services.reconcile_tasks)()


@app.periodic(cron="0 0 * * *")
@app.task(queue=queue.QUEUE, queueing_lock="reviews.tasks.anchor_audit")
async def anchor_audit(timestamp: int) -> None:
    """Once a day: note the head of the audit where the database cannot change it."""
    await sync_to_async(audit.anchor)()
