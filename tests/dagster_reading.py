"""Read what Dagster has recorded, through Dagster's own API and, where tests count rows, from its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as db
from dagster import AssetCheckEvaluation, AssetMaterialization, AssetObservation, DagsterInstance, EventLogEntry
from dagster._core.event_api import EventLogCursor
from dagster._core.events import AssetObservationData, DagsterEventType, StepMaterializationData
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.tags import REPORTING_USER_TAG
from dagster._serdes import deserialize_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster._core.definitions.events import AssetKey

DagsterAssetEvent = AssetMaterialization | AssetObservation | AssetCheckEvaluation

KINDS = {
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_OBSERVATION,
    DagsterEventType.ASSET_CHECK_EVALUATION,
}


def anonymous(event: DagsterAssetEvent) -> DagsterAssetEvent:
    """Without the name of the key that it was posted with: records have none, nor has what a user builds by hand."""
    if isinstance(event, AssetCheckEvaluation):
        kept = {name: value for name, value in event.metadata.items() if name != REPORTING_USER_TAG}
        return event.with_metadata(kept) if len(kept) < len(event.metadata) else event
    tags = {name: value for name, value in (event.tags or {}).items() if name != REPORTING_USER_TAG}
    given: Any = {"asset_key": event.asset_key, "description": event.description, "partition": event.partition}
    return type(event)(**given, metadata=event.metadata, tags=tags or None)


def runless_entries(instance: DagsterInstance) -> list[EventLogEntry]:
    """Every runless asset event, in the order of its storage id."""
    entries: list[EventLogEntry] = []
    cursor: str | None = EventLogCursor.from_storage_id(0).to_string()
    while True:
        page = instance.get_records_for_run("", cursor=cursor, of_type=KINDS, limit=1000, ascending=True)
        entries += [record.event_log_entry for record in page.records]
        if not page.records:
            return entries
        cursor = page.cursor


def runless_events(instance: DagsterInstance) -> list[DagsterAssetEvent]:
    """The events inside the entries."""
    return [event_of(entry) for entry in runless_entries(instance)]


def events_after(instance: DagsterInstance, seen_id: int) -> Iterator[tuple[int, DagsterAssetEvent]]:
    """Each event of the log with a higher storage id, from the index, which Dagster itself reads."""
    table, storage = SqlEventLogStorageTable, cast("Any", instance.event_log_storage)
    rows = db.select(table.c.id, table.c.event).where(table.c.id > seen_id).order_by(table.c.id)
    with storage.index_connection() as connection:
        for storage_id, text in connection.execute(rows):
            yield storage_id, event_of(deserialize_value(text, EventLogEntry))


def event_of(entry: EventLogEntry) -> DagsterAssetEvent:
    data: Any = entry.get_dagster_event().event_specific_data
    if isinstance(data, StepMaterializationData):
        return data.materialization
    if isinstance(data, AssetObservationData):
        return data.asset_observation
    assert isinstance(data, AssetCheckEvaluation)
    return data


def latest_materialization(instance: DagsterInstance, key: AssetKey) -> AssetMaterialization:
    entry = instance.get_latest_materialization_event(key)
    assert entry is not None
    assert entry.asset_materialization is not None
    return entry.asset_materialization


def count_rows(instance: DagsterInstance) -> tuple[int, int, int]:
    """Rows in the event log, the asset catalog and the check executions: what "nothing stored" is measured by."""
    tables = (SqlEventLogStorageTable, AssetKeyTable, AssetCheckExecutionsTable)
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        first, second, third = (connection.scalar(db.select(db.func.count()).select_from(table)) for table in tables)
    return first, second, third
