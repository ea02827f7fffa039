"""One attempt of a run in a process of its own, for graphs that kill theirs."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from uuid import UUID

from django.conf import settings

assert settings.DATABASES  # langgraph reads the environment that settings prepare

from runs import runtime  # noqa: E402


async def ignore(event: str, data: Any) -> None:
    """Nobody streams."""


def main() -> None:
    asked = json.load(sys.stdin)
    for name in ("run_id", "thread_id"):
        asked[name] = UUID(asked[name])
    asyncio.run(runtime.execute(runtime.RunSpec(**asked), ignore))


if __name__ == "__main__":
    main()
