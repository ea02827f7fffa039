from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.management import CommandError
from django.db.models.signals import post_migrate


class RunsConfig(AppConfig):
    name = "runs"
    verbose_name = "Agents at work"

    def ready(self) -> None:
        from runs import checks  # noqa: F401  # registers the system checks

        post_migrate.connect(prepare_runtime, sender=self)


def prepare_runtime(**_: Any) -> None:
    """After migrate: LangGraph's own tables, and an assistant for every graph."""
    from runs import services
    from runs.exceptions import GraphError
    from runs.runtime import checkpointer, store

    checkpointer.create_tables()
    try:
        store.create_tables()
    except GraphError as error:
        raise CommandError(str(error.detail)) from None
    services.sync_assistants()
