from __future__ import annotations

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "reviews"
    verbose_name = "People deciding"

    def ready(self) -> None:
        from reviews import checks, receivers  # noqa: F401  # checks register themselves

        receivers.connect()
