"""Metadata entries that Dagster reads itself, by name, and trusts to have a certain type.

With another type Dagster's freshness checks, freshness sensors or column schema checks fail from then on, until a newer
event replaces the entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import JsonValue
from pydantic_core import PydanticCustomError

from asset_events.refusals import Location, refusals
from asset_events.times import check_time
from asset_events.typed_metadata import TypedMetadata

_TEXT: Final = ("text", "url", "path", "md", "null")

# `dagster.TableMetadataSet`: one wrong entry makes the whole set unreadable.
TABLE_SET: Final[dict[str, tuple[str, ...]]] = {
    "dagster/column_schema": ("table_schema", "null"),
    "dagster/column_lineage": ("table_column_lineage", "null"),
    "dagster/row_count": ("int", "null"),
    "dagster/partition_row_count": ("int", "null"),
    "dagster/table_name": _TEXT,
    "dagster/relation_identifier": _TEXT,
    "dagster/storage_kind": _TEXT,
}

# `asset_check_factories/utils.py` of Dagster.
TIMES: Final = frozenset(
    {
        "dagster/last_updated_timestamp",
        "dagster/fresh_until_timestamp",
        "dagster/freshness_lower_bound_timestamp",
        "dagster/latest_cron_tick_timestamp",
    }
)


REPORTING_USER: Final = "dagster/reporting_user"
"""Who has reported an event: written by us, from the key that it came with, so that nobody can pass for another."""


def check_reserved(metadata: dict[str, JsonValue | TypedMetadata]) -> dict[str, JsonValue | TypedMetadata]:
    """Return metadata whose reserved entries have Dagster's types; times become typed timestamps."""
    if problems := list(_problems(metadata)):
        raise refusals(problems)
    return {name: _as_timestamp(value) if name in TIMES else value for name, value in metadata.items()}


def _problems(metadata: Mapping[str, JsonValue | TypedMetadata]) -> Iterator[tuple[Location, str]]:
    for name, value in metadata.items():
        wanted = TABLE_SET.get(name)
        if wanted and _kind(value) not in wanted:
            yield (name,), f"must have a value of type {' or '.join(wanted)} here, because Dagster reads this entry"
        elif name == REPORTING_USER:
            yield (name,), "must not be set: it names the API key that an event came with"
        elif name in TIMES:
            try:
                _as_timestamp(value)
            except PydanticCustomError as error:
                yield (name,), error.message()


def _as_timestamp(value: JsonValue | TypedMetadata) -> TypedMetadata:
    if isinstance(value, TypedMetadata) and value.type == "timestamp":
        value = value.raw_value
    return TypedMetadata("timestamp", check_time(value))


def _kind(value: JsonValue | TypedMetadata) -> str:
    """Name the type under which Dagster stores a value."""
    if isinstance(value, TypedMetadata):
        return value.type
    kinds: dict[object, str] = {str: "text", bool: "bool", int: "int", float: "float", type(None): "null"}
    return kinds.get(type(value), "json")
