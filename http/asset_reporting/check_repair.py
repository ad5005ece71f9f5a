"""Repair what Dagster's own call leaves amiss when it stores the result of a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster import AssetCheckEvaluation
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

from asset_reporting.installed_dagster import partition_of

if TYPE_CHECKING:
    from dagster._core.events.log import EventLogEntry


def forget_partitioned_result(storage: Any, event: EventLogEntry) -> bool:  # noqa: ANN401 # any SQL storage
    """Delete the earlier result that stands in this one's way; False when it is none of ours to delete.

    Dagster keeps one row per (asset, check, run, partition), unique. A runless result has the run id "", so the second
    result of the same partition breaks the index: its event row is already committed, its status frozen at the first
    value, and every retry adds one more orphan row. The older result's event stays in the event log as history.
    """
    evaluation = event.dagster_event.event_specific_data if event.dagster_event else None
    if event.run_id or not isinstance(evaluation, AssetCheckEvaluation) or partition_of(evaluation) is None:
        return False
    table = AssetCheckExecutionsTable
    with storage.index_connection() as connection:
        connection.execute(
            table.delete().where(
                table.c.asset_key == evaluation.asset_key.to_string(),
                table.c.check_name == evaluation.check_name,
                table.c.run_id == "",
                table.c.partition == partition_of(evaluation),
            )
        )
    return True


def store_in_index(storage: Any, event: EventLogEntry) -> int | None:  # noqa: ANN401 # any SQL storage
    """Give a result its row among all events, and an id; None on a storage that has no such rows.

    On SQLite, Dagster before 1.12.13 keeps a check's event in the file of its run alone, where no id means anything.
    """
    if not storage.is_run_sharded:
        return None
    with storage.index_connection() as connection:
        event_id: int = connection.execute(storage.prepare_insert_event(event)).inserted_primary_key[0]
    return event_id
