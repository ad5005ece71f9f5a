"""Write a prepared batch inside one open transaction: log rows, tags, catalog, check executions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as db
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)

from asset_reporting.batch_rows import BatchRows, Row, asset_rows, check_rows, tag_rows
from asset_reporting.bulk_insert import insert_for_ids, insert_rows
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
            statement = upsert(connection, AssetKeyTable, ["asset_key"], sorted(columns))
            # Only with RETURNING does SQLAlchemy send one statement for all rows; without, one round trip for each.
            connection.execute(statement.returning(AssetKeyTable.c.asset_key), matching)


def _write_checks(connection: Connection, rows: Sequence[Row]) -> None:
    """A repeated result of a partitioned check takes the place of the earlier one, whose event stays in the log."""
    table = AssetCheckExecutionsTable
    repeated = [
        {"old_asset": row["asset_key"], "old_check": row["check_name"], "old_partition": row["partition"]}
        for row in rows
        if row["partition"] is not None
    ]
    if repeated:
        same = (
            (table.c.asset_key == db.bindparam("old_asset"))
            & (table.c.check_name == db.bindparam("old_check"))
            & (table.c.run_id == "")
            & (table.c.partition == db.bindparam("old_partition"))
        )
        connection.execute(table.delete().where(same), repeated)
    insert_rows(connection, table, rows)
