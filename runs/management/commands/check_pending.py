from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from runs.services import pending_problems


class Command(BaseCommand):
    help = (
        "Compare what people are being asked with the graphs as deployed now. Prints each question "
        "whose graph or node is gone or whose graph was changed, and each breakpoint without its "
        "node; exits with 1 if there is any, for a deployment to stop at."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        problems = pending_problems()
        for problem in problems:
            self.stdout.write(problem)
        if problems:
            raise SystemExit(1)
        self.stdout.write("Every open question fits the graphs as deployed.")
