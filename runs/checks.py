"""What must be true of a deployment, said by `manage.py check`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from runs.exceptions import GraphError
from runs.runtime import auth, registry, store


@register(Tags.compatibility)
def graphs_import(**_: Any) -> list[CheckMessage]:
    """Every graph of langgraph.json can be served, and every rule it names be kept."""
    try:
        registry.check()
        auth.handlers()
        store.check()
    except GraphError as error:
        return [Error(str(error.detail), id="runs.E001")]
    return []


@register(Tags.database)
def database_is_postgres(**_: Any) -> list[CheckMessage]:
    """Locks, NOTIFY and the queue are Postgres's."""
    if settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        return []
    return [Error("The default database must be Postgres.", id="runs.E002")]


@register(Tags.security, deploy=True)
def api_is_locked(**_: Any) -> list[CheckMessage]:
    """An open API is for a laptop."""
    if settings.API_AUTH == "none":
        return [Warning("HITL_API_AUTH=none lets anybody on this machine in.", id="runs.W001")]
    return []
