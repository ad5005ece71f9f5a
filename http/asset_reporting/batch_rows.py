"""The rows of a batch, prepared before any transaction: serialising takes most of the time and needs no database.

The rows are those that Dagster's own storage writes for its public call. `storage` is the one object whose internals
are used here: `_event_to_row`, `_tags_for_asset_event`, `_event_insert_timestamp`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster import AssetCheckEvaluation, EventLogEntry, EventLogRecord
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster_shared.serdes import serialize_value

from asset_events import AssetEvent
from asset_reporting.log_entries import RUNLESS, to_log_entry
from asset_reporting.outcomes import Again, Outcome
from asset_reporting.storage_errors import refusal

if TYPE_CHECKING:
    from dagster._core.storage.event_log import SqlEventLogStorage

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BatchRows:
    """A batch, ready to be written: one log row per event, in order, and what depends on the ids they will get."""

    entries: list[EventLogEntry]
    log_rows: list[Row]

    def pick(self, indices: Sequence[int]) -> BatchRows:
        """Some of the events, in the order given."""
        return BatchRows([self.entries[index] for index in indices], [self.log_rows[index] for index in indices])


def prepare(storage: SqlEventLogStorage, events: Sequence[AssetEvent]) -> BatchRows | list[Outcome]:
    """Build and serialise every event of a batch; where that fails for some, the outcome of each event instead."""
    rows, failed = BatchRows([], []), dict[int, Outcome]()
    for index, event in enumerate(events):
        try:
            entry = to_log_entry(event)
            rows.log_rows.append(storage._event_to_row(entry))  # noqa: SLF001 # see the first lines
            rows.entries.append(entry)
        except Exception as error:  # noqa: BLE001 # one event must not fail its neighbours
            failed[index] = refusal(error)
    return [failed.get(index, Again()) for index in range(len(events))] if failed else rows


def tag_rows(storage: SqlEventLogStorage, rows: BatchRows, ids: Sequence[int]) -> list[Row]:
    """The indexed tags of the batch: data versions and multi-dimensional partitions."""
    return [
        {
            "event_id": event_id,
            "asset_key": row["asset_key"],
            "key": key,
            "value": value,
            "event_timestamp": row["timestamp"],
        }
        for entry, row, event_id in zip(rows.entries, rows.log_rows, ids, strict=True)
        if row["asset_key"] is not None
        for key, value in storage._tags_for_asset_event(entry).items()  # noqa: SLF001 # see the module's first lines
    ]


def asset_rows(rows: BatchRows, ids: Sequence[int]) -> list[Row]:
    """The catalog's row of every asset in the batch, as if its events had been written one after the other.

    A materialization sets the latest one; an observation sets only the time. Sorted by key: writers that update the
    same assets in the same order cannot deadlock.
    """
    latest: dict[str, Row] = {}
    materialized: dict[str, tuple[EventLogEntry, int]] = {}
    for entry, row, event_id in zip(rows.entries, rows.log_rows, ids, strict=True):
        key = row["asset_key"]
        if key is not None:
            latest[key] = {"asset_key": key, "last_materialization_timestamp": row["timestamp"]}
            if entry.get_dagster_event().is_step_materialization:
                materialized[key] = (entry, event_id)
    for key, (entry, event_id) in materialized.items():
        record = EventLogRecord(storage_id=event_id, event_log_entry=entry)
        latest[key] |= {"last_materialization": serialize_value(record), "last_run_id": RUNLESS}
    return [latest[key] for key in sorted(latest)]


def check_rows(rows: BatchRows, ids: Sequence[int]) -> list[Row]:
    """The check executions of the batch; of a partitioned check's results only the last of each partition."""
    kept: dict[object, Row] = {}
    for index, (entry, row, event_id) in enumerate(zip(rows.entries, rows.log_rows, ids, strict=True)):
        evaluation = entry.get_dagster_event().event_specific_data
        if isinstance(evaluation, AssetCheckEvaluation):
            execution = _check_row(evaluation, row, event_id)
            identity = (execution["asset_key"], evaluation.check_name, evaluation.partition)
            kept[index if evaluation.partition is None else identity] = execution
    return sorted(kept.values(), key=lambda execution: execution["evaluation_event_storage_id"])


def _check_row(evaluation: AssetCheckEvaluation, row: Row, event_id: int) -> Row:
    status = AssetCheckExecutionRecordStatus.SUCCEEDED if evaluation.passed else AssetCheckExecutionRecordStatus.FAILED
    return {
        "asset_key": evaluation.asset_key.to_string(),
        "check_name": evaluation.check_name,
        "run_id": RUNLESS,
        "execution_status": status.value,
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "evaluation_event_storage_id": event_id,
        "materialization_event_storage_id": None,
        "partition": evaluation.partition,
    }
