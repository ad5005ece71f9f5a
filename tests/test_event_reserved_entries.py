"""Metadata entries that Dagster reads by name: it gets the types it trusts them to have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dagster._core.definitions.asset_checks.asset_check_factories.utils import get_timestamp_out_of_metadata_if_set
from dagster._core.definitions.metadata import TableMetadataSet, normalize_metadata
from event_metadata import as_dagster, paths, read
from event_strategies import json_values, typed_metadata
from hypothesis import given, settings
from pydantic import ValidationError

from asset_events import MaterializationEvent, TypedMetadata

if TYPE_CHECKING:
    from pydantic import JsonValue

_TIMES = [
    "dagster/last_updated_timestamp",
    "dagster/fresh_until_timestamp",
    "dagster/freshness_lower_bound_timestamp",
    "dagster/latest_cron_tick_timestamp",
]


@pytest.mark.parametrize("name", _TIMES)
@pytest.mark.parametrize(
    "value",
    [
        1705314600,
        1705314600.0,
        "2024-01-15T10:30:00Z",
        "2024-01-15T11:30:00.0+01:00",
        {"raw_value": 1705314600, "type": "timestamp"},
    ],
)
def test_times_that_dagster_reads_become_timestamps(name: str, value: object) -> None:
    metadata = read({name: value})
    assert metadata == {name: TypedMetadata("timestamp", 1705314600.0)}
    assert get_timestamp_out_of_metadata_if_set(as_dagster(metadata), name) == 1705314600.0


@pytest.mark.fault("metadata that Dagster reads by name, of another type", "P8")
@pytest.mark.parametrize(
    "value",
    ["yesterday", "2024-01-15", "2024-01-15T10:30:00", 0, -1, 1e12, True, None, [], {"raw_value": 5, "type": "int"}],
)
def test_other_values_for_these_times_are_refused(value: object) -> None:
    assert paths({_TIMES[0]: value}) == ["/metadata/dagster~1last_updated_timestamp"]


_TABLE_ENTRIES = [f"dagster/{name}" for name in TableMetadataSet.model_fields] + ["dagster/relation_identifier"]


@pytest.mark.fault("metadata that Dagster reads by name, of another type", "P8")
@pytest.mark.parametrize("name", _TABLE_ENTRIES)
@settings(max_examples=30)
@given(value=json_values | typed_metadata)
def test_entry_of_dagsters_table_set_that_it_cannot_read_is_refused(
    name: str, value: JsonValue | TypedMetadata
) -> None:
    plain = MaterializationEvent(asset_key=("a",), metadata={"x": value}).metadata["x"]
    dagsters = normalize_metadata(as_dagster({name: plain}))
    try:
        accepted = MaterializationEvent(asset_key=("a",), metadata={name: value})
    except ValidationError:
        return
    assert accepted.metadata == {name: plain}
    TableMetadataSet.extract(dagsters)


def test_entries_of_dagsters_table_set_are_taken_with_its_types() -> None:
    lineage = {"deps_by_column": {"id": [{"asset_key": ["raw"], "column_name": "id"}]}}
    metadata = read(
        {
            "dagster/column_schema": {
                "raw_value": {"columns": [{"name": "id", "type": "int"}]},
                "type": "table_schema",
            },
            "dagster/column_lineage": {"raw_value": lineage, "type": "table_column_lineage"},
            "dagster/row_count": 5,
            "dagster/partition_row_count": {"raw_value": 2, "type": "int"},
            "dagster/table_name": "db.schema.table",
            "dagster/storage_kind": {"raw_value": "snowflake", "type": "text"},
        }
    )
    extracted = TableMetadataSet.extract(normalize_metadata(as_dagster(metadata)))
    assert {*extracted.keys()} == {*_TABLE_ENTRIES} - {"dagster/relation_identifier"}
    assert paths({"dagster/row_count": "5"}) == ["/metadata/dagster~1row_count"]
    with pytest.raises(ValidationError):
        TableMetadataSet.extract(normalize_metadata({"dagster/row_count": "5"}))
