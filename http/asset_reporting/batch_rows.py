"""The rows of a batch, prepared before any transaction: serialising takes most of the time and needs no database.

The rows are those that Dagster's own storage writes for its public call. `storage` is the one object whose internals
are used here: `_tags_for_asset_event` and `_event_insert_timestamp`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster import AssetCheckEvaluation, EventLogEntry
from dagster._core.events import DagsterEventType
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._time import datetime_from_timestamp

from asset_events import AssetEvent
from asset_reporting.entry_text import entry_writer, record_text
from asset_reporting.installed_dagster import partition_of
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
    tags: list[list[Row]]
    """Of each event, its indexed tags: data versions and multi-dimensional partitions."""

    def pick(self, indices: Sequence[int]) -> BatchRows:
        """Some of the events, in the order given."""
        return BatchRows(
            [self.entries[index] for index in indices],
            [self.log_rows[index] for index in indices],
            [self.tags[index] for index in indices],
        )


def prepare(storage: SqlEventLogStorage, events: Sequence[AssetEvent]) -> BatchRows | list[Outcome]:
    """Build and serialise every event of a batch; where that fails for some, the outcome of each event instead."""
    rows, failed, write = BatchRows([], [], []), dict[int, Outcome](), entry_writer()
    for index, event in enumerate(events):
        try:
            entry = to_log_entry(event)
            row = _log_row(storage, entry, write(entry))
            rows.tags.append(_tag_rows(storage, entry, row))
            rows.log_rows.append(row)
            rows.entries.append(entry)
        except Exception as error:  # noqa: BLE001 # one event must not fail its neighbours
            failed[index] = refusal(error)
    return [failed.get(index, Again()) for index in range(len(events))] if failed else rows


def _log_row(storage: SqlEventLogStorage, entry: EventLogEntry, text: str) -> Row:
    """The row of `_event_to_row`, which would serialise the entry in its own way."""
    event = entry.get_dagster_event()
    key = event.asset_key
    return {
        "run_id": entry.run_id,
        "event": text,
        "dagster_event_type": event.event_type_value,
        "timestamp": storage._event_insert_timestamp(entry),  # type: ignore[no-untyped-call] # noqa: SLF001 # see the first lines
        "step_key": event.step_key,
        "asset_key": key.to_string() if key else None,
        "partition": event.partition or None,
    }


def _tag_rows(storage: SqlEventLogStorage, entry: EventLogEntry, row: Row) -> list[Row]:
    if row["asset_key"] is None:
        return []
    tags = storage._tags_for_asset_event(entry)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - see the first lines
    rest = {"asset_key": row["asset_key"], "event_timestamp": row["timestamp"]}
    return [{"key": key, "value": value, **rest} for key, value in tags.items()]


def tag_rows(rows: BatchRows, ids: Sequence[int]) -> list[Row]:
    """The indexed tags of the batch."""
    return [{"event_id": event_id, **tag} for tags, event_id in zip(rows.tags, ids, strict=True) for tag in tags]


def asset_rows(rows: BatchRows, ids: Sequence[int]) -> list[Row]:
    """The catalog's row of every asset in the batch, as if its events had been written one after the other.

    A materialization sets the latest one; an observation sets only the time. Sorted by key: writers that update the
    same assets in the same order cannot deadlock.
    """
    latest: dict[str, Row] = {}
    materialized: dict[str, tuple[str, int]] = {}
    for entry, row, event_id in zip(rows.entries, rows.log_rows, ids, strict=True):
        key = row["asset_key"]
        if key is not None:
            # With its zone, unlike every other time: PostgreSQL turns it into the server's own, and Dagster compares it
            # with `wipe_timestamp`, which it writes in this way too.
            latest[key] = {"asset_key": key, "last_materialization_timestamp": datetime_from_timestamp(entry.timestamp)}
            if row["dagster_event_type"] == DagsterEventType.ASSET_MATERIALIZATION.value:
                materialized[key] = (row["event"], event_id)
    for key, (text, event_id) in materialized.items():
        latest[key] |= {"last_materialization": record_text(text, event_id), "last_run_id": RUNLESS}
    return [latest[key] for key in sorted(latest)]


def check_rows(rows: BatchRows, ids: Sequence[int]) -> list[Row]:
    """The check executions of the batch; of a partitioned check's results only the last of each partition."""
    kept: dict[object, Row] = {}
    for index, (entry, row, event_id) in enumerate(zip(rows.entries, rows.log_rows, ids, strict=True)):
        evaluation = entry.get_dagster_event().event_specific_data
        if isinstance(evaluation, AssetCheckEvaluation):
            execution = _check_row(evaluation, row, event_id)
            partition = execution["partition"]
            identity = (execution["asset_key"], execution["check_name"], partition)
            kept[index if partition is None else identity] = execution
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
        "partition": partition_of(evaluation),
    }
