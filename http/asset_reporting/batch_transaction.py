"""Write a prepared batch inside one open transaction: log rows, tags, catalog, check executions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as db
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from sqlalchemy.dialects import postgresql, sqlite

from asset_reporting.batch_rows import BatchRows, Row, asset_rows, check_rows, tag_rows

if TYPE_CHECKING:
    from dagster._core.storage.event_log import SqlEventLogStorage
    from sqlalchemy.engine import Connection

# One statement, compiled once and cached by SQLAlchemy, executed with many parameter sets: `insertmanyvalues` sends
# them in pages and gives the ids back in the order of the rows.
_INSERT_EVENTS = SqlEventLogStorageTable.insert().returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)


def write(connection: Connection, storage: SqlEventLogStorage, rows: BatchRows) -> list[int]:
    """Write everything that Dagster's public call would write for these events, and return their storage ids."""
    if not rows.entries:
        return []
    ids = [int(event_id) for event_id in connection.execute(_INSERT_EVENTS, rows.log_rows).scalars()]
    tags = tag_rows(storage, rows, ids)
    if tags:
        connection.execute(AssetEventTagsTable.insert(), tags)
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
            connection.execute(_upsert(connection, sorted(columns)), matching)


def _upsert(connection: Connection, columns: Sequence[str]) -> Any:  # noqa: ANN401 # one of two dialects' statements
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(AssetKeyTable)
    changes = {column: statement.excluded[column] for column in columns}
    return statement.on_conflict_do_update(index_elements=[AssetKeyTable.c.asset_key], set_=changes)


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
    if rows:
        connection.execute(table.insert(), rows)
