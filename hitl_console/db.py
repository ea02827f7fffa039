"""How everything that is not the ORM reaches Django's database."""

from __future__ import annotations

from django.db import connection
from psycopg.conninfo import make_conninfo

CONNECTION_KEYS = (
    *("host", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "options"),
)


def conninfo() -> str:
    """Django's database as libpq writes it: for LangGraph, the listener and the queue."""
    params = connection.get_connection_params()
    return make_conninfo(**{key: params[key] for key in CONNECTION_KEYS if params.get(key)})
