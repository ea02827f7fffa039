from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from reviews import demo


class Command(BaseCommand):
    help = "Make the demo accounts and the demo key that are missing, and print how to get in."

    def handle(self, *args: Any, **options: Any) -> None:
        made = demo.seed()
        for login in made["logins"]:
            self.stdout.write(f"{login['username']:<6} {login['password']}  ({login['role']})")
        self.stdout.write(f"API key: {made['api_key']}")
