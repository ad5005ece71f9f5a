"""Write a prepared batch inside one open transaction: log rows, tags, catalog, check executions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)

from asset_reporting.batch_rows import BatchRows, Row, asset_rows, check_rows, tag_rows
from asset_reporting.bulk_rows import delete_rows, insert_for_ids, insert_rows
from asset_reporting.upsert import upsert

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def write(connection: Connection, rows: BatchRows) -> list[int]:
    """Write everything that Dagster's public call would write for these events, and return their storage ids."""
    ids = insert_for_ids(connection, SqlEventLogStorageTable, rows.log_rows)
    insert_rows(connection, AssetEventTagsTable, tag_rows(rows, ids))
    _write_catalog(connection, asset_rows(rows, ids))
    _write_checks(connection, check_rows(rows, ids))
    return ids


def _write_catalog(connection: Connection, rows: Sequence[Row]) -> None:
    """Set each asset's latest event; what a row does not name stays as it is."""
    for columns in (
        {"last_materialization_timestamp"},
        {"last_materialization_timestamp", "last_materialization", "last_run_id"},
    ):
        matching = [row for row in rows if row.keys() - {"asset_key"} == columns]
        if matching:
            connection.execute(upsert(connection, AssetKeyTable, ["asset_key"], sorted(columns)), matching)


def _write_checks(connection: Connection, rows: Sequence[Row]) -> None:
    """A repeated result of a partitioned check takes the place of the earlier one, whose event stays in the log."""
    identity = ("asset_key", "check_name", "run_id", "partition")
    earlier = [{name: row[name] for name in identity} for row in rows if row["partition"] is not None]
    delete_rows(connection, AssetCheckExecutionsTable, earlier)
    insert_rows(connection, AssetCheckExecutionsTable, rows)
