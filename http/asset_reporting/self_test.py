"""Prove at start, in transactions that are rolled back, that Dagster's storage still behaves as we rely on.

Everything of a Dagster storage that this project leans on; a test keeps the list complete.

* What the transactional recorder writes by, proved here: `index_transaction`, `index_connection`,
  `_event_insert_timestamp`, `_tags_for_asset_event`, `is_run_sharded`, on SQLite `run_connection`; the tables
  `SqlEventLogStorageTable`, `AssetKeyTable`, `AssetEventTagsTable` and `AssetCheckExecutionsTable`; what is in them:
  `AssetCheckExecutionRecordStatus`, `pack_value`, `serialize_value`, `deserialize_value`. Rows are held against
  `_event_to_row` and `_get_asset_entry_values`, by which Dagster itself writes.
* What tells the public recorder an event's id, where it is there: `_store_asset_event`, `store_asset_event`,
  `store_asset_check_event`; what mends a check's result: `prepare_insert_event`.
* What a connection to PostgreSQL is made with: `_engine`.
* Public, and there as long as Dagster is: `get_maximum_record_id`, `optimize_for_webserver`, `has_table`.

Our own two tables are tried as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as db
from dagster import AssetKey, EventLogEntry
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster_shared.serdes import deserialize_value

from asset_events import AssetEvent, CheckEvent, MaterializationEvent, ObservationEvent
from asset_reporting import idempotency, ledger
from asset_reporting.batch_rows import BatchRows, Row, asset_rows, check_rows, prepare, tag_rows
from asset_reporting.batch_transaction import write
from asset_reporting.bridge_tables import METADATA
from asset_reporting.idempotency import Claim
from asset_reporting.installed_dagster import CHECKS_HAVE_PARTITIONS
from asset_reporting.log_entries import RUNLESS
from asset_reporting.recorder import GroupId, Progress
from asset_reporting.storage_errors import classify, describe, is_denied, is_misfit
from asset_reporting.writers_lock import take_writers_lock

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_NAME = "asset_bridge/self_test"
_KEY = tuple(_NAME.split("/"))
_PART = "p" if CHECKS_HAVE_PARTITIONS else None
_EVENTS: tuple[AssetEvent, ...] = (
    MaterializationEvent(asset_key=_KEY, partition="p", data_version="v", metadata={"n": 1}, event_time=1.5e9),
    ObservationEvent(asset_key=_KEY, metadata={"n": 2}, event_time=1.6e9),
    CheckEvent(asset_key=_KEY, check_name="c", passed=True, partition=_PART, event_time=1.5e9),
)


class SelfTestError(Exception):
    """Raised when the storage does not behave as expected; says what, without values."""


def self_test(storage: Any) -> None:  # noqa: ANN401 # one of Dagster's SQL event log storages
    """Write sample events, read them back, and roll back.

    Raises:
        SelfTestError: Something is not as expected; the transactional recorder must not be used.
        Exception: The database does not answer, or denies its user Dagster's own tables: that says nothing about how
            the storage behaves.
    """
    try:
        _try_index(storage)
        if storage.is_run_sharded:
            with storage.run_connection(RUNLESS) as connection:
                connection.execute(SqlEventLogStorageTable.insert(), _rows(storage, _EVENTS).log_rows)
                connection.rollback()
    except SelfTestError:
        raise
    except Exception as error:
        if classify(error) == "unavailable" and (is_denied(error) or not is_misfit(error)):
            raise
        hint = "; has `dagster instance migrate` been run?" if is_misfit(error) else ""
        raise SelfTestError(f"{describe(error)}{hint}") from error


def _try_index(storage: Any) -> None:  # noqa: ANN401 # see above
    rows = _rows(storage, _EVENTS)
    with storage.index_transaction() as connection:
        take_writers_lock(connection)
        _try_ours(connection)
        ids = write(connection, rows)
        _check_columns(AssetEventTagsTable, tag_rows(rows, ids))
        _check_columns(AssetCheckExecutionsTable, check_rows(rows, ids))
        _check_log(connection, rows, ids)
        _check_catalog(connection, storage, rows, ids)
        (again,) = write(connection, _rows(storage, _EVENTS[-1:]))
        _check_checks(connection, [again] if CHECKS_HAVE_PARTITIONS else [ids[-1], again])
        connection.rollback()
    with storage.index_connection() as connection:
        # On SQLite the next writer is given these ids again, and may have come already.
        left = [entry for entry in _stored(connection, [*ids, again]) if entry in rows.entries]
        _expect(not left, "what was rolled back is still there")


def _rows(storage: Any, events: Sequence[AssetEvent]) -> BatchRows:  # noqa: ANN401 # see above
    rows = prepare(storage, events)
    if not isinstance(rows, BatchRows):
        raise SelfTestError("events cannot be turned into rows")
    theirs = [storage._event_to_row(entry) for entry in rows.entries]  # noqa: SLF001 # what is tested
    _expect(rows.log_rows == theirs, "an event's row is another one")
    return rows


def _try_ours(connection: Connection) -> None:
    """Our own tables can be made, unless they are there, and keep what they are for."""
    group, claim = GroupId(_NAME, _NAME), Claim("0" * 64, 1)
    try:
        METADATA.create_all(connection)
        ledger.place(connection, group, {(_NAME, 0): 1}, {})
        ledger.advance(connection, [Progress(group, _NAME, 0, 1, 2)])
        idempotency.remember(connection, {_NAME: claim}, idempotency.RETENTION_S)
        known = idempotency.known(connection, [_NAME], idempotency.RETENTION_S)
        kept = ledger.read(connection, group), known
    except Exception as error:
        if not is_misfit(error):
            raise
        names = " and ".join(METADATA.tables)
        raise SelfTestError(f"the tables {names} cannot be created or used ({describe(error)})") from error
    _expect(kept == ({(_NAME, 0): 2}, {_NAME: claim}), "our own tables keep something else")


def _check_columns(table: db.Table, rows: Sequence[Row]) -> None:
    """The columns of the other two tables come from Dagster's own functions; these from ours."""
    filled = {"id", "create_timestamp"}.union(*rows)
    _expect(set(table.c.keys()) <= filled, f"{table.name} has a column that we do not fill")


def _check_log(connection: Connection, rows: BatchRows, ids: list[int]) -> None:
    _expect(ids == sorted(set(ids)) and len(ids) == len(_EVENTS), "storage ids do not ascend in the order of events")
    _expect(_stored(connection, ids) == rows.entries, "an event reads otherwise")
    tags = AssetEventTagsTable
    versions = connection.execute(db.select(tags.c.event_id, tags.c.value).where(tags.c.event_id.in_(ids))).all()
    _expect([*versions] == [(ids[0], "v")], "the data version is not indexed once")


def _check_catalog(connection: Connection, storage: Any, rows: BatchRows, ids: list[int]) -> None:  # noqa: ANN401 # see above
    (ours,) = asset_rows(rows, ids)
    key = ours["asset_key"]
    theirs = {"asset_key": key}
    for entry, event_id in zip(rows.entries[:2], ids, strict=False):
        theirs |= storage._get_asset_entry_values(entry, event_id, True)  # noqa: SLF001, FBT003 # what is tested
    _expect(ours == theirs, "the catalog's row is another one")
    table = AssetKeyTable
    latest = connection.scalar(db.select(table.c.last_materialization).where(table.c.asset_key == key))
    _expect(latest == ours["last_materialization"], "the catalog did not take the row")


def _check_checks(connection: Connection, expected: list[int]) -> None:
    table = AssetCheckExecutionsTable
    ids = connection.scalars(
        db.select(table.c.evaluation_event_storage_id)
        .where(table.c.asset_key == AssetKey(_KEY).to_string())
        .order_by(table.c.id)
    )
    _expect([*ids] == expected, "a check's second result is not where it belongs")


def _stored(connection: Connection, ids: list[int]) -> list[EventLogEntry]:
    log = SqlEventLogStorageTable
    found = connection.execute(db.select(log.c.event).where(log.c.id.in_(ids)).order_by(log.c.id))
    return [deserialize_value(row.event, EventLogEntry) for row in found]


def _expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 # reads as a sentence
    if not holds:
        raise SelfTestError(otherwise)
