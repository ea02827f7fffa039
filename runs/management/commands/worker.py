from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from django.core.management.base import BaseCommand

from runs import worker


class Command(BaseCommand):
    help = "Work on runs until told to stop (SIGTERM); start as many as you like, on any machine."
    requires_system_checks = ()  # they are about pages and the API, which a worker never loads

    def handle(self, *args: Any, **options: Any) -> None:
        with contextlib.suppress(ImportError):
            import uvloop

            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        asyncio.run(worker.work())
