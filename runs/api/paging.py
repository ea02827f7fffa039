"""A page of a search, and the headers that say whether there is another."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def page_of(rows: QuerySet[Row], asked: dict[str, Any]) -> tuple[list[Row], dict[str, str]]:
    """The rows a search body asks for, in its order, with the wire's pagination headers."""
    start, limit = asked["offset"], asked["limit"]
    column = asked["sort_by"]
    key = "pk" if column.endswith("_id") and column != "graph_id" else column
    sign = "-" if asked["sort_order"] == "desc" else ""
    found = list(rows.order_by(f"{sign}{key}", f"{sign}pk")[start : start + limit + 1])
    end = start + limit
    if len(found) <= limit:
        return found, {"X-Pagination-Total": str(start + len(found))}
    return found[:limit], {"X-Pagination-Total": str(end + 1), "X-Pagination-Next": str(end)}
