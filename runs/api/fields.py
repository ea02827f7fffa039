"""The kinds of values in request bodies; JSON's types are taken as they are, never converted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers


class AnyField(serializers.JSONField):
    """Any JSON value, untouched."""

    types: tuple[type, ...] = ()
    wanted = ""

    def to_internal_value(self, data: Any) -> Any:
        """The value itself, if it is of the types this field takes."""
        if self.types and not isinstance(data, self.types):
            raise serializers.ValidationError(f"This must be {self.wanted}.")
        return data


class ObjectField(AnyField):
    types, wanted = (dict,), "an object"


class ValuesField(AnyField):
    types, wanted = (dict, list), "an object, an array or null"


class TextField(serializers.CharField):
    """A string; numbers are not strings here."""

    def to_internal_value(self, data: Any) -> str:
        """The string as it was sent."""
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be a string.")
        return data


class IdField(TextField):
    """A UUID, kept as one."""

    def __init__(self, noun: str, **kwargs: Any) -> None:
        self.noun = noun
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> UUID:  # type: ignore[override]
        """The UUID in a string."""
        try:
            return UUID(super().to_internal_value(data))
        except ValueError:
            raise serializers.ValidationError(f"Invalid {self.noun} ID: must be a UUID") from None


class WholeNumberField(serializers.IntegerField):
    """A JSON number without a fraction; strings and booleans are none."""

    def to_internal_value(self, data: Any) -> int:
        """The number itself."""
        if type(data) is not int:
            raise serializers.ValidationError("This must be a whole number.")
        return data


class NumberField(serializers.FloatField):
    """A JSON number; strings and booleans are none."""

    def to_internal_value(self, data: Any) -> float:
        """The number itself."""
        if type(data) not in (int, float):
            raise serializers.ValidationError("This must be a number.")
        return float(data)


class SwitchField(serializers.BooleanField):
    """true or false, not their names."""

    def to_internal_value(self, data: Any) -> bool:
        """The switch itself."""
        if type(data) is not bool:
            raise serializers.ValidationError("This must be true or false.")
        return data


class WordsField(AnyField):
    """A list of strings."""

    types, wanted = (list,), "an array of strings"

    def __init__(self, choices: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.choices = choices
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """The words, each one of the choices if there are any."""
        words: list[str] = super().to_internal_value(data)
        for word in words:
            if not isinstance(word, str):
                raise serializers.ValidationError(f"This must be {self.wanted}.")
            if self.choices and word not in self.choices:
                raise serializers.ValidationError(f'"{word}" is not one of {self._choices}.')
        return words

    @property
    def _choices(self) -> str:
        return ", ".join(self.choices)


class ModesField(WordsField):
    """One stream mode or a list of them; each counts once."""

    def to_internal_value(self, data: Any) -> Any:
        """Always a list."""
        words: list[str] = super().to_internal_value([data] if isinstance(data, str) else data)
        return list(dict.fromkeys(words))


class NodesField(WordsField):
    """Names of nodes, or `*` for every one."""

    wanted = 'an array of node names or "*"'

    def to_internal_value(self, data: Any) -> Any:
        """The names, or the star."""
        return data if data == "*" else super().to_internal_value(data)
