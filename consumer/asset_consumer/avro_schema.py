"""What an Avro schema lets a sender do: by types that take no bytes, a few bytes stand for any amount of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast


def has_weightless_types(schema: str) -> bool:
    """Whether anything that the schema makes up a value of takes no bytes: null by itself, or what has no content.

    A null in a union is none of those: which branch it is takes a byte. Of schemas without such types every value is
    about as large as its bytes.

    Raises:
        ValueError: The schema is no JSON.
    """
    return any(_is_weightless(one) for one in _parts(json.loads(schema)))


def _parts(schema: object) -> Iterator[object]:
    """The schema, and whatever it makes up its values of, branches of unions left out."""
    yield schema
    if isinstance(schema, list):
        for branch in cast("list[object]", schema):
            if isinstance(branch, dict):
                yield from _parts(cast("object", branch))
    elif isinstance(schema, dict):
        fields = cast("dict[str, Any]", schema)
        for name in ("type", "items", "values"):
            yield from _parts(fields.get(name, ""))
        listed: object = fields.get("fields")
        for field in cast("list[object]", listed) if isinstance(listed, list) else []:
            yield from _parts(field)


def _is_weightless(schema: object) -> bool:
    if not isinstance(schema, dict):
        return schema == "null"
    fields = cast("dict[str, Any]", schema)
    kind = fields.get("type")
    return (kind in ("record", "error") and not fields.get("fields")) or (kind == "fixed" and not fields.get("size"))
