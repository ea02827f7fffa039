"""Regular expressions written by strangers, matched so that none of them can hang us.

Nearly all run on the Rust engine pydantic brings along, which is linear in the text. The few that
need backtracking (look-around, back-references) run in a process of their own, and end with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

BACKTRACKING_SECONDS = 1.0


@dataclass
class Budget:
    """What judging one answer may still spend."""

    keywords: int = 50_000
    depth: int = 100  # of keywords inside keywords, about five Python frames each
    backtracking: int = 8


class OverBudget(Exception):
    """The schema asks for more work than one answer is worth."""


budget: ContextVar[Budget] = ContextVar("budget")


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found in the text; what no engine can read forbids nothing."""
    linear = _linear(pattern)
    return linear.isinstance_python(text) if linear else _backtracked(pattern, text)


@lru_cache(maxsize=256)
def _linear(pattern: str) -> SchemaValidator | None:
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except (SchemaError, ValueError):
        return None


_SEARCH = """
import json, re, sys
pattern, text = json.load(sys.stdin)
try:
    print(int(bool(re.search(pattern, text))))
except (re.error, RecursionError, OverflowError):
    print(1)
"""


def _backtracked(pattern: str, text: str) -> bool:
    spending = budget.get(None) or Budget()
    spending.backtracking -= 1
    if spending.backtracking < 0:
        raise OverBudget
    try:
        search = subprocess.run(  # noqa: S603 -- our own program; the pattern is its input only
            [sys.executable, "-I", "-S", "-c", _SEARCH],
            input=json.dumps([pattern, text]),
            capture_output=True,
            text=True,
            timeout=BACKTRACKING_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OverBudget from error
    return search.stdout.strip() == "1"
