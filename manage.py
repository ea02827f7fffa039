#!/usr/bin/env python
"""The door to every command: `up`, `worker`, `migrate`, `create_api_key` and Django's own."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hitl_console.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from hitl_console import embedded_postgres

    try:
        with embedded_postgres.using_if_needed():
            execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, embedded_postgres.EmbeddedPostgresError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
