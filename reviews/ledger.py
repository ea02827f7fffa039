"""The promises of the ledger, each as one SQL query that finds whatever breaks it.

A row that comes back names the thing at fault: `task 7`, `run 01a1…`. No row: the promise holds.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection

from reviews.models.audit import SEAL


class Invariant(NamedTuple):
    """What must always be true, in a sentence, and the query for what is not."""

    name: str
    sentence: str
    query: str


ONE_TASK_PER_QUESTION = Invariant(
    "I1",
    "Every question a thread waits with has one task that is open, or decided and not yet sent.",
    """
    WITH asked AS (SELECT id FROM runs_interrupt WHERE status = 'pending'),
    waiting AS (
        SELECT task.id, task.interrupt_id FROM reviews_reviewtask task
        LEFT JOIN reviews_delivery delivery
            ON delivery.task_id = task.id AND delivery.state = 'recorded'
        WHERE task.status = 'open' OR task.status = 'decided' AND delivery.id IS NOT NULL
    )
    SELECT coalesce('interrupt ' || asked.id, 'task ' || waiting.id)
    FROM asked FULL JOIN waiting ON waiting.interrupt_id = asked.id
    WHERE asked.id IS NULL OR waiting.id IS NULL
    UNION ALL
    SELECT 'thread ' || thread.id FROM runs_thread thread
    CROSS JOIN json_each(thread.interrupts) AS of_task
    CROSS JOIN json_array_elements(of_task.value) AS shown
    LEFT JOIN runs_interrupt interrupt
        ON interrupt.thread_id = thread.id AND interrupt.key = shown ->> 'id'
        AND interrupt.status IN ('pending', 'stuck')
    WHERE thread.status = 'interrupted' AND interrupt.id IS NULL
    """,
)
ONE_DECISION_PER_TASK = Invariant(
    "I2",
    "A decided task has exactly one decision that stands, an open task none, no task two.",
    """
    SELECT 'task ' || task.id FROM reviews_reviewtask task
    LEFT JOIN reviews_delivery delivery
        ON delivery.task_id = task.id AND delivery.state NOT IN ('undone', 'refused', 'repaired')
    GROUP BY task.id
    HAVING count(delivery.id) > 1
        OR task.status = 'decided' AND count(delivery.id) = 0
        OR task.status = 'open' AND count(delivery.id) > 0
    UNION ALL
    SELECT 'decision ' || decision.id FROM reviews_decision decision
    LEFT JOIN reviews_delivery delivery ON delivery.decision_id = decision.id
    WHERE delivery.id IS NULL OR delivery.task_id <> decision.task_id
    """,
)
ONE_RUN_PER_DELIVERY = Invariant(
    "I3",
    "Decisions that were sent are carried by one resume run, which carries nothing else.",
    """
    SELECT 'decision ' || delivery.decision_id FROM reviews_delivery delivery
    JOIN reviews_decision decision ON decision.id = delivery.decision_id
    JOIN reviews_reviewtask task ON task.id = delivery.task_id
    LEFT JOIN runs_interrupt interrupt ON interrupt.id = task.interrupt_id
    LEFT JOIN runs_run run ON run.id = delivery.run_id
    WHERE delivery.state = 'delivered'
            AND (run.id IS NULL OR run.status NOT IN ('pending', 'running')
                OR decision.kind <> 'ask_again'
                    AND interrupt.answered_by_id IS DISTINCT FROM run.id)
        OR delivery.state IN ('consumed', 'failed')
            AND (delivery.run_id IS NULL
                OR decision.kind <> 'ask_again' AND interrupt.answered_by_id <> delivery.run_id)
    UNION ALL
    SELECT 'run ' || interrupt.answered_by_id FROM runs_interrupt interrupt
    LEFT JOIN reviews_reviewtask task ON task.interrupt_id = interrupt.id
    LEFT JOIN reviews_delivery delivery
        ON delivery.task_id = task.id AND delivery.run_id = interrupt.answered_by_id
    WHERE interrupt.answered_by_id IS NOT NULL AND delivery.id IS NULL
    UNION ALL
    SELECT 'run ' || run.id FROM runs_run run
    CROSS JOIN json_object_keys(
        CASE json_typeof(run.kwargs #> '{command,resume}')
            WHEN 'object' THEN run.kwargs #> '{command,resume}' ELSE '{}' END) AS answer(key)
    LEFT JOIN runs_interrupt interrupt
        ON interrupt.answered_by_id = run.id AND interrupt.key = answer.key
    WHERE run.status IN ('pending', 'running') AND interrupt.id IS NULL
    """,
)
EVERY_ANSWER_HAS_ITS_PERSON = Invariant(
    "I4",
    "Every answered interrupt has a decision by somebody known, and so has its resume run.",
    """
    SELECT 'interrupt ' || interrupt.id FROM runs_interrupt interrupt
    JOIN runs_run run ON run.id = interrupt.answered_by_id
    WHERE NOT EXISTS (
            SELECT FROM reviews_reviewtask task
            JOIN reviews_decision decision ON decision.task_id = task.id
            JOIN auth_user reviewer ON reviewer.id = decision.reviewer_id
            WHERE task.interrupt_id = interrupt.id)
        OR NOT EXISTS (
            SELECT FROM reviews_delivery delivery
            JOIN reviews_decision decision ON decision.id = delivery.decision_id
            WHERE delivery.run_id = run.id AND decision.reviewer_id = run.created_by_id)
    """,
)
EVERY_RUN_HAS_ITS_WORKER = Invariant(
    "I5",
    "A thread has one running run at most; what runs is held, and what waits its turn has a job.",
    """
    SELECT 'thread ' || thread_id FROM runs_run
    WHERE status = 'running' GROUP BY thread_id HAVING count(*) > 1
    UNION ALL
    SELECT 'run ' || id FROM runs_run
    WHERE status = 'running'
        AND coalesce(lease_until < clock_timestamp() - interval '15 seconds', true)
    UNION ALL
    SELECT 'run ' || run.id FROM runs_run run
    LEFT JOIN procrastinate_jobs job ON job.id = run.job_id AND job.status = 'todo'
    WHERE run.status = 'pending' AND job.id IS NULL
        AND greatest(run.not_before, run.updated_at) < clock_timestamp() - interval '60 seconds'
        AND NOT EXISTS (
            SELECT FROM runs_run other WHERE other.thread_id = run.thread_id
            AND (other.status = 'running' OR other.status = 'pending' AND other.id < run.id))
    """,
)
THE_AUDIT_IS_AS_IT_WAS_WRITTEN = Invariant(
    "I6",
    "Every audit entry follows the one before it and is unchanged; so is every decision.",
    f"""
    WITH entry AS (
        SELECT *, lag(seq) OVER chain AS last_seq, lag(hash) OVER chain AS last_hash
        FROM reviews_auditentry WHERE seq IS NOT NULL
        WINDOW chain AS (PARTITION BY workspace ORDER BY seq)
    )
    SELECT 'audit entry ' || seq FROM entry
    WHERE seq <> coalesce(last_seq, 0) + 1 OR prev_hash <> coalesce(last_hash, '')
        OR hash <> {SEAL.format(row="entry")}
    UNION ALL
    SELECT 'decision ' || decision.id FROM reviews_decision decision
    WHERE NOT EXISTS (
        SELECT FROM reviews_auditentry entry
        WHERE entry.object = 'task:' || decision.task_id AND entry.action = 'task.decided'
            AND entry.actor_id = decision.reviewer_id AND entry.via = decision.via
            AND entry.details ->> 'decision' = decision.id::text
            AND entry.details ->> 'kind' = decision.kind
            AND entry.details ->> 'task' = decision.digest
            AND entry.details ->> 'value' = encode(sha256(
                convert_to(coalesce(decision.value::text, 'null'), 'UTF8')), 'hex')
            AND entry.details ->> 'comment' = encode(sha256(
                convert_to(decision.comment, 'UTF8')), 'hex'))
    """,  # noqa: S608  # our own words only
)
INVARIANTS = (
    ONE_TASK_PER_QUESTION,
    ONE_DECISION_PER_TASK,
    ONE_RUN_PER_DELIVERY,
    EVERY_ANSWER_HAS_ITS_PERSON,
    EVERY_RUN_HAS_ITS_WORKER,
    THE_AUDIT_IS_AS_IT_WAS_WRITTEN,
)


def violations() -> dict[str, list[str]]:
    """What breaks each invariant, by its name; nothing does while every list is empty."""
    return {invariant.name: broken_by(invariant) for invariant in INVARIANTS}


def broken_by(invariant: Invariant) -> list[str]:
    """The rows that break one invariant, each once."""
    with connection.cursor() as cursor:
        cursor.execute(invariant.query)
        return sorted({row[0] for row in cursor.fetchall()})
