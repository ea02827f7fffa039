"""A JSON column that keeps what it was given, in the order it was given."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.types.json import Json


class WireJSONField(models.JSONField):
    """Postgres `json`: jsonb would sort the keys, and clients compare bodies byte for byte.

    For what is stored and shown. What is searched by its content is a JSONField.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "json"

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return Json(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """psycopg has parsed it already."""
        return value
