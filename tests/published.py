"""The documents as they are committed, and what of the contract their JSON Schema has no words for."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator

from asset_events.json_schema import event_schema, union_schema

if TYPE_CHECKING:
    from asset_events import EventType

FOLDER: Final = Path(__file__).parent.parent / "docs" / "contract"

BEYOND_SCHEMA: Final = {
    "asset_key too long in ASCII": "must not be longer than 512 characters when written as an ASCII JSON list",
    "partition too long": "bytes of UTF-8",
    "event_time impossible": "must be epoch seconds, or an RFC 3339 time with an offset",
    "tag key with a trailing newline": "must have keys of up to 63 letters",
    "metadata too large": "must not be larger than 262144 bytes as JSON",
    "metadata: nested too deep": "must not nest deeper than 64 levels",
    "metadata: integer too large": "must not contain an integer beyond 64 bits",
    "metadata: integer too small": "must not contain an integer beyond 64 bits",
    "metadata: overflow": "must not contain NaN or an infinity",
    "typed int fraction": "must be an integer",
    "typed table uneven": "must have the same columns in every record of a table",
    "typed table_column_lineage duplicate": "must name each upstream column once",
}
"""Cases of the corpus that are refused though the schema takes them, by name, and the reason that their sender is told.

The trailing newline is one of validators that match by Python's regular expressions alone: JSON Schema's are
ECMAScript's, where `$` is the end. And 5.0 is an integer to JSON Schema.
"""

_FURTHER: Final = (
    "must lie after 1970-01-01T00:00:00Z",
    "must lie before the year 3000",
    "must have a value of type int or null here",
)
"""The same, of what no case of the corpus has: the offsets of the first and last midnight, 5.0 rows."""


def published(name: str) -> dict[str, Any]:
    """One committed document."""
    document: dict[str, Any] = json.loads((FOLDER / name).read_text("utf-8"))
    return document


@cache
def validator(event_type: EventType | None = None) -> Draft202012Validator:
    """What validates an event of this type, or one that says its own."""
    return Draft202012Validator(union_schema() if event_type is None else event_schema(event_type))


def is_beyond_schema(reason: str) -> bool:
    """Tell whether an event may be refused for this though the schema takes it."""
    return any(words in reason for words in (*BEYOND_SCHEMA.values(), *_FURTHER))
