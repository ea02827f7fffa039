from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from runs import services
from runs.models import Scope


class Command(BaseCommand):
    help = "Create an API key with a service user of its own and print it, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the key is for; its user is called key:NAME")
        parser.add_argument(
            "--scope",
            dest="scopes",
            action="append",
            choices=Scope.values,
            help="what it may do (repeat for several; default: runs and resume)",
        )
        parser.add_argument("--queue", dest="queues", action="append", default=[])
        parser.add_argument("--days", type=int, help="days until it expires (default: never)")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        user, _ = User.objects.get_or_create(username=f"key:{options['name']}")
        for name in options["queues"]:
            queue = Group.objects.filter(name=name).first()
            if queue is None:
                raise CommandError(f"There is no queue called {name!r}.")
            user.groups.add(queue)
        scopes = options["scopes"] or [Scope.RUNS, Scope.RESUME]
        _, text = services.create_key(
            name=options["name"], user=user, scopes=scopes, days=options["days"]
        )
        self.stdout.write(text)
