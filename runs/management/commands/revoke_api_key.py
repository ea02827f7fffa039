from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from runs import services
from runs.models import ApiKey


class Command(BaseCommand):
    help = "Revoke an API key: from the next request on it lets nobody in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prefix", help="the eight characters after hitl_")

    def handle(self, *args: Any, **options: Any) -> None:
        key = ApiKey.objects.filter(prefix=options["prefix"]).first()
        if key is None:
            raise CommandError(f"There is no key that begins with hitl_{options['prefix']}.")
        services.revoke_key(key=key)
        self.stdout.write(f"{key} is revoked.")
