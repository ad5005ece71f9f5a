"""What an Avro schema lets a sender do: by some of them a few bytes stand for any number of items."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias, cast

_Names: TypeAlias = dict[str, dict[str, Any]]


@lru_cache(maxsize=256)
def has_weightless_items(schema: str) -> bool:
    """Whether an array of the schema has items that take no bytes: nothing of the value then bounds how many there are.

    Raises:
        ValueError: The schema is no JSON.
    """
    definitions = list(_definitions(json.loads(schema)))
    names: _Names = {str(one["name"]): one for one in definitions if "name" in one}
    return any(one.get("type") == "array" and _is_weightless(one.get("items"), names, ()) for one in definitions)


def _definitions(schema: object) -> Iterator[dict[str, Any]]:
    """Every complex type of the schema, from the outside inwards."""
    if isinstance(schema, list):
        for one in cast("list[object]", schema):
            yield from _definitions(one)
    elif isinstance(schema, dict):
        fields = cast("dict[str, Any]", schema)
        yield fields
        for name in ("type", "items", "values", "fields"):
            yield from _definitions(fields.get(name))


def _is_weightless(schema: object, names: _Names, within: tuple[str, ...]) -> bool:
    if isinstance(schema, str):
        name = schema.rpartition(".")[2]
        return schema == "null" or (name in names and name not in within and _is_weightless(names[name], names, within))
    if not isinstance(schema, dict):
        return False  # a union begins with the number of its branch
    fields = cast("dict[str, Any]", schema)
    match fields.get("type"):
        case "record" | "error":
            inside = (*within, str(fields.get("name")))
            return all(_is_weightless(field.get("type"), names, inside) for field in fields.get("fields", []))
        case "fixed":
            return fields.get("size") == 0
        case "enum" | "array" | "map":
            return False
        case other:
            return _is_weightless(other, names, within)
