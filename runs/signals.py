"""What runs tell the rest of the house, inside the transaction that makes it true.

A receiver that raises undoes the change: there is never a paused thread without its review tasks.
"""

from __future__ import annotations

from django.dispatch import Signal

# A run paused: `run`, `first` (interrupts asked for the first time) and `again` (asked before:
# still pending, given back by the graph, or stuck behind their answer).
run_interrupted = Signal()

# Interrupts got their answers: `run` (the resume run), `answers` ({interrupt: value}), `actor`,
# `may_decide` (whether the client's key may decide review tasks).
# A receiver may refuse an answer by raising runs.exceptions.AnswerRefused.
interrupts_answered = Signal()

# Somebody is about to move a thread otherwise than by an answer: `graph_ids` (every graph that has
# a say in where it stands), `thread`, `what`, `may_decide`. A receiver may refuse it by raising
# runs.exceptions.ReviewersOnly.
way_around_asked = Signal()

# Interrupts are gone from the graph: `interrupts` (rows), `run` (that settled, or None) and
# `reason`: "consumed", "superseded" or "cancelled".
interrupts_closed = Signal()

# An API key was made or taken back: `key`, `what` ("created", "revoked"), `actor` (None: nobody
# but a command).
key_changed = Signal()

# A run lost its worker or its job: `run`, `what` ("handed_on", "failed", "queued_again").
run_recovered = Signal()

# A thread was deleted by somebody: `thread`, `actor` (or None), `is_forced`.
thread_deleted = Signal()

# A stored breakpoint changed: `stop`, `what` ("set", "removed"), `actor`, the `version` of the set
# that says so, and `via` ("page", "api").
breakpoint_changed = Signal()

# Somebody looks at /metrics: a receiver returns its families.
metrics_asked = Signal()

# A run reached its end: `run`.
run_finished = Signal()
