"""The list of tasks as a page shows it: what is in it, in which order, how far it goes."""

from __future__ import annotations

from reviews.inbox.counts import COUNT_CAP, Counts, capped_count, counts
from reviews.inbox.pages import PAGE, Inbox, inbox_page, neighbours, next_to_decide
from reviews.inbox.query import Query

__all__ = [
    "COUNT_CAP",
    "PAGE",
    "Counts",
    "Inbox",
    "Query",
    "capped_count",
    "counts",
    "inbox_page",
    "neighbours",
    "next_to_decide",
]
