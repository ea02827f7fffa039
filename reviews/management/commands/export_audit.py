from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date
from django.utils.timezone import make_aware

from reviews.models import AuditEntry


class Command(BaseCommand):
    help = "Print the audit as JSON lines, for `reviews/verifier.py` and for archives."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", help="a day, as 2026-01-31 (default: from the beginning)")

    def handle(self, *args: Any, **options: Any) -> None:
        entries = AuditEntry.objects.all()
        if options["since"]:
            entries = entries.since(_day(options["since"]))
        for entry in entries.exported():
            self.stdout.write(json.dumps(entry))


def _day(text: str) -> datetime:
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise CommandError(f"--since takes a day, as 2026-01-31, not {text!r}.")
    return make_aware(datetime(day.year, day.month, day.day))
