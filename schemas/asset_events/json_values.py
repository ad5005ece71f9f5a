"""JSON values inside metadata: what Dagster can store and still read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, cast

from asset_events.limits import MAX_ERRORS, MAX_INTEGER, MAX_METADATA_DEPTH
from asset_events.refusals import Location
from asset_events.text import NOT_ENCODABLE, is_encodable

RESERVED_KEYS: Final = frozenset({"__class__", "__enum__", "__set__", "__frozenset__", "__mapping_items__"})
"""Object keys by which Dagster's serialiser marks its own objects (`dagster_shared.serdes`, `_unpack_object`).

Dagster stores an event that has one and then fails to read it, for ever: with it the asset's pages, sensors and
checks. At best it reads another value than was sent.
"""


def find_problems(value: object) -> list[tuple[Location, str]]:
    """List what in a JSON value (level 1 of the nesting) Dagster cannot hold, in the order of the document."""
    found: list[tuple[Location, str]] = []
    _walk(value, (), 1, found)
    return found


def _walk(value: object, location: Location, depth: int, found: list[tuple[Location, str]]) -> None:
    if depth > MAX_METADATA_DEPTH:
        found.append((location, f"must not nest deeper than {MAX_METADATA_DEPTH} levels"))
        return
    for key, item in _items(value):
        if len(found) >= MAX_ERRORS:
            return
        reason = (_key_problem(key) if isinstance(value, dict) else None) or _scalar_problem(item)
        if reason:
            found.append(((*location, key) if isinstance(key, (str, int)) else location, reason))
        elif type(item) in (dict, list):
            _walk(item, (*location, cast("str | int", key)), depth + 1, found)


def _items(value: object) -> Iterator[tuple[object, object]]:
    if isinstance(value, dict):
        yield from cast("dict[object, object]", value).items()
    else:
        yield from enumerate(cast("list[object]", value))


def _key_problem(key: object) -> str | None:
    if type(key) is not str:
        return "must have strings as keys"
    if key in RESERVED_KEYS:
        return "must not use a key that Dagster's serialiser reserves (such as __class__)"
    return None if is_encodable(key) else NOT_ENCODABLE


def _scalar_problem(item: object) -> str | None:
    # Exact types: Dagster's serialiser turns an Enum that is also a str into an object of its own.
    kind = type(item)
    if kind is str:
        return None if is_encodable(cast("str", item)) else NOT_ENCODABLE
    if kind is int:
        return None if abs(cast("int", item)) <= MAX_INTEGER else "must not contain an integer beyond 64 bits"
    if kind is float:
        return None if math.isfinite(cast("float", item)) else "must not contain NaN or an infinity"
    if item is None or kind in (bool, dict, list):
        return None
    return "must contain JSON values only"
