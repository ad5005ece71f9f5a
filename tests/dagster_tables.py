"""Every row of every table of Dagster's event log storage, in a form in which two instances can be compared.

Left out are ids that mean nothing beyond their order, and the database's own clock. Storage ids are compared by rank:
they have gaps on PostgreSQL, where a transaction that is rolled back uses them up.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as db
from dagster import DagsterInstance
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata

Row = dict[str, Any]

EVENTS = "event_logs"
_CLOCK = "create_timestamp"
_EVENT_IDS = ("event_id", "evaluation_event_storage_id", "materialization_event_storage_id")


def all_rows(instance: DagsterInstance) -> dict[str, list[Row]]:
    """The rows of each table, in the order of their ids; the catalog, which nobody reads by id, in that of its keys."""
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        tables = {name: _rows(connection, table) for name, table in SqlEventLogStorageMetadata.tables.items()}
    ranks = _ranks(tables[EVENTS])
    tables["asset_keys"].sort(key=lambda row: str(row["asset_key"]))
    tables = {name: [_comparable(row, ranks) for row in rows] for name, rows in tables.items()}
    if hasattr(storage, "conn_string_for_shard"):
        with storage.run_connection("") as connection:
            shard = _rows(connection, SqlEventLogStorageMetadata.tables[EVENTS])
        tables["the run without a name"] = [_comparable(row, {}) for row in shard]
    return tables


def refuse(instance: DagsterInstance, table: str, column: str, value: str) -> None:
    """Let the database itself refuse a value: a constraint on PostgreSQL, a trigger on SQLite."""
    storage: Any = instance.event_log_storage
    statement = f"ALTER TABLE {table} ADD CHECK ({column} <> '{value}')"
    if storage.is_run_sharded:
        refusal = "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        statement = f"CREATE TRIGGER refused BEFORE INSERT ON {table} WHEN NEW.{column} = '{value}' {refusal}"
    with storage.index_connection() as connection:
        connection.execute(db.text(statement))


def ranks_of_events(instance: DagsterInstance) -> dict[int, int]:
    """The place of each storage id in the event log."""
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        return _ranks(_rows(connection, SqlEventLogStorageMetadata.tables[EVENTS]))


def _ranks(rows: list[Row]) -> dict[int, int]:
    return {row["id"]: rank for rank, row in enumerate(rows)}


def _rows(connection: db.Connection, table: db.Table) -> list[Row]:
    return [dict(row._mapping) for row in connection.execute(db.select(table).order_by(table.c.id))]


def _comparable(row: Row, ranks: dict[int, int]) -> Row:
    kept = {name: value for name, value in row.items() if name not in {"id", _CLOCK}}
    for name in _EVENT_IDS:
        if kept.get(name) is not None:
            kept[name] = ranks[kept[name]]
    if kept.get("last_materialization"):
        record = json.loads(kept["last_materialization"])
        record["storage_id"] = ranks[record["storage_id"]]
        kept["last_materialization"] = json.dumps(record)
    return kept
