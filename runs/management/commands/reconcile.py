from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from runs import services


class Command(BaseCommand):
    help = "Find threads whose rows and checkpoints disagree and put their questions right."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=float, default=3650, help="how far back threads are looked at"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        touched = services.reconcile(since=options["days"] * 86_400)
        for thread_id in touched:
            self.stdout.write(f"thread {thread_id}: put right")
        self.stdout.write(f"{len(touched)} threads put right.")
