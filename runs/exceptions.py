"""What can go wrong with runs, in sentences a person reads."""

from __future__ import annotations

from rest_framework import status
from rest_framework.exceptions import APIException


class RunsError(APIException):
    """The thing asked for does not fit the state of the run, the thread or the graph."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "This is not possible now."
    default_code = "conflict"


class GraphError(RunsError):
    """A graph of langgraph.json cannot be loaded."""

    default_detail = "The graph cannot be loaded."
    default_code = "graph_error"


class GraphNotFound(RunsError):
    """langgraph.json names no such graph."""

    status_code = status.HTTP_404_NOT_FOUND
    default_detail = "Graph not found."
    default_code = "graph_not_found"


class InvalidInput(RunsError):
    """The body is well-formed but a graph cannot take it."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "The graph cannot take this."
    default_code = "invalid_input"
