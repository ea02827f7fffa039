from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reviews import ledger

SHOWN = 5


class Command(BaseCommand):
    help = "Check the invariants of the ledger; fails when one is broken and names the rows."

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        for invariant in ledger.INVARIANTS:
            rows = ledger.broken_by(invariant)
            total += len(rows)
            self.stdout.write(f"{invariant.name}  {len(rows)}  {invariant.sentence}")
            if rows:
                rest = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
                self.stdout.write(f"       {', '.join(rows[:SHOWN])}{rest}")
        if total:
            raise CommandError(f"The ledger is broken: {total} violations.")
