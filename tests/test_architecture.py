"""Who may import whom: the rules of docs/architecture.md, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# (whose sources, what they must not import, except these modules)
RULES = [
    ("runs", ["reviews"], []),
    ("runs", ["langgraph", "langchain", "langchain_core", "langgraph_sdk"], ["runs/runtime"]),
    ("reviews", ["langgraph", "langchain", "langchain_core", "langgraph_sdk"], []),
    ("hitl_console", ["langgraph", "langchain", "langchain_core", "langgraph_sdk"], []),
    ("hitl_console", ["runs", "reviews"], ["hitl_console/urls.py", "hitl_console/asgi.py"]),
    ("runs/runtime", ["runs.models", "runs.services", "runs.events", "runs.tasks"], []),
    ("runs/services", ["runs.tasks", "runs.worker", "runs.api"], []),
    ("runs/models", ["runs.services", "runs.runtime", "runs.api"], []),
    ("reviews", ["runs.runtime", "runs.api", "runs.tasks", "runs.worker", "runs.queue"], []),
    ("reviews/payloads", ["django.db", "reviews.models", "runs"], []),
    ("reviews/policies.py", ["django", "runs"], []),
    ("reviews/services", ["reviews.views", "reviews.api", "reviews.forms", "django.http"], []),
]


def sources(place: str) -> Iterator[Path]:
    path = ROOT / place
    yield from [path] if path.is_file() else path.rglob("*.py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(("place", "forbidden", "exceptions"), RULES)
def test_nobody_imports_what_they_must_not(
    place: str, forbidden: list[str], exceptions: list[str]
) -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(place)
        if not any(str(path.relative_to(ROOT)).startswith(place) for place in exceptions)
        for name in imports(path)
        if any(name == word or name.startswith(f"{word}.") for word in forbidden)
    ]
    assert list(sources(place)), f"nothing at {place}: the rule guards nothing"
    assert not found


def test_modules_stay_short() -> None:
    places = ("hitl_console", "runs", "reviews")
    long = {
        str(path.relative_to(ROOT)): lines
        for place in places
        for path in sources(place)
        if "migrations" not in path.parts and (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long
