"""Finding one's way inside a JSON Schema: local references and tagged unions."""

from __future__ import annotations

from typing import Any

from reviews.payloads.bounds import steps

JsonSchema = dict[str, Any]
MAX_HOPS = 16
MAX_TAG_CANDIDATES = 20


def resolved(schema: Any, root: JsonSchema) -> JsonSchema | None:
    """The schema with local references and single `allOf` wrappers followed, or None."""
    for _ in range(MAX_HOPS):
        if not isinstance(schema, dict):
            return None
        if isinstance(schema.get("$ref"), str):
            wrapper, target = "$ref", _local(schema["$ref"], root)
        elif isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
            wrapper, target = "allOf", schema["allOf"][0]
        else:
            return schema
        if not isinstance(target, dict):
            return None
        schema = {**target, **{key: part for key, part in schema.items() if key != wrapper}}
    return None


def _local(ref: str, root: JsonSchema) -> Any:
    if ref != "#" and not ref.startswith("#/"):
        return None
    found: Any = root
    for key in steps(ref.removeprefix("#")):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def tagged(schema: JsonSchema, root: JsonSchema) -> tuple[str, list[str]] | None:
    """The property that tells the `oneOf` members apart and its constant in each, if one does."""
    members = [resolved(member, root) or {} for member in schema.get("oneOf", [])]
    if len(members) < 2:
        return None
    for key in _tag_candidates(schema, members[0]):
        tags = [_constant(member, key, root) for member in members]
        if all(tags) and len(set(tags)) == len(tags):
            return key, tags
    return None


def _tag_candidates(schema: JsonSchema, first: JsonSchema) -> list[str]:
    named = schema.get("discriminator")
    if isinstance(named, dict) and isinstance(named.get("propertyName"), str):
        return [named["propertyName"]]
    properties = first.get("properties")
    return list(properties)[:MAX_TAG_CANDIDATES] if isinstance(properties, dict) else []


def _constant(member: JsonSchema, key: str, root: JsonSchema) -> str:
    properties = member.get("properties")
    tag = resolved(properties.get(key), root) if isinstance(properties, dict) else None
    constant = (tag or {}).get("const")
    return constant if isinstance(constant, str) else ""
