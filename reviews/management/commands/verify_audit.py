from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from reviews import verifier
from reviews.models import AuditEntry


class Command(BaseCommand):
    help = "Verify the audit chain; fails on the first entry that was changed, removed or moved."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anchor", default="", help="SEQ:HASH noted earlier: still in it?")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verifier.verify(AuditEntry.objects.exported(), anchor=options["anchor"])
        if report.fault:
            raise CommandError(report.fault)
        for line in verifier.lines_of(report):
            self.stdout.write(line)
