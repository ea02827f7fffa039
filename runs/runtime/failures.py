"""What went wrong inside a graph, in words that may leave the server."""

from __future__ import annotations

import psycopg

from runs.runtime.jsonable import jsonable

# Faults of a program or a connection: their words help nobody and may say too much.
INTERNAL = (NameError, ImportError, SyntaxError, SystemError, OSError, psycopg.Error)
MASKED = "An internal error occurred"


def error_body(error: BaseException) -> dict[str, str]:
    """An exception as the wire shows it, without the insides of the server."""
    message = MASKED if isinstance(error, INTERNAL) else str(jsonable(str(error)))
    return {"error": type(error).__name__, "message": message}
