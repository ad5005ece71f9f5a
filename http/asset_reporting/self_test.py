"""Prove at start, in a transaction that is rolled back, that Dagster's storage still behaves as we rely on.

Which internals: `_event_to_row`, `_tags_for_asset_event`, `_get_asset_entry_values`, `index_transaction`,
`index_connection` and, on SQLite, `run_connection`; the tables `event_logs`, `asset_keys`, `asset_event_tags` and
`asset_check_executions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as db
from dagster import EventLogEntry
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)
from dagster_shared.serdes import deserialize_value

from asset_events import AssetEvent, CheckEvent, MaterializationEvent, ObservationEvent
from asset_reporting.batch_rows import BatchRows, asset_rows, prepare
from asset_reporting.batch_transaction import write
from asset_reporting.storage_errors import classify, describe

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_KEY = ("asset_bridge", "self_test")
_EVENTS: tuple[AssetEvent, ...] = (
    MaterializationEvent(asset_key=_KEY, partition="p", data_version="v", metadata={"n": 1}, event_time=1.5e9),
    ObservationEvent(asset_key=_KEY, metadata={"n": 2}, event_time=1.5e9),
    CheckEvent(asset_key=_KEY, check_name="c", passed=True, partition="p", event_time=1.5e9),
)


class SelfTestError(Exception):
    """Raised when the storage does not behave as expected; says what, without values."""


def self_test(storage: Any) -> None:  # noqa: ANN401 # one of Dagster's SQL event log storages
    """Write sample events, read them back, and roll back.

    Raises:
        SelfTestError: Something is not as expected; the transactional recorder must not be used.
    """
    try:
        rows = prepare(storage, _EVENTS)
        if not isinstance(rows, BatchRows):
            raise SelfTestError("events cannot be turned into rows")  # noqa: TRY301 # needed for the type
        with storage.index_transaction() as connection:
            _check_written(connection, storage, rows)
            connection.rollback()
    except SelfTestError:
        raise
    except Exception as error:
        if classify(error) == "unavailable":
            raise  # an outage says nothing about how the storage behaves
        raise SelfTestError(describe(error)) from error


def _check_written(connection: Connection, storage: Any, rows: BatchRows) -> None:  # noqa: ANN401 # see above
    ids = write(connection, storage, rows)
    _expect(ids == sorted(set(ids)) and len(ids) == len(_EVENTS), "storage ids do not ascend in the order of events")
    log = SqlEventLogStorageTable
    stored = connection.execute(db.select(log).where(log.c.id.in_(ids)).order_by(log.c.id)).all()
    _expect([deserialize_value(row.event, EventLogEntry) for row in stored] == rows.entries, "an event reads otherwise")
    _expect(_count(connection, AssetEventTagsTable, ids) == 1, "the data version is not indexed once")
    checks = AssetCheckExecutionsTable
    found = connection.execute(db.select(checks).where(checks.c.evaluation_event_storage_id == ids[2])).all()
    _expect(len(found) == 1, "the check has no execution row")
    ours = asset_rows(rows, ids)[0]
    theirs = {**storage._get_asset_entry_values(rows.entries[0], ids[0], True)}  # noqa: SLF001, FBT003 # what is tested
    _expect(ours["last_materialization"] == theirs["last_materialization"], "the catalog's row is another one")
    _expect(ours.keys() == {"asset_key", *theirs}, "the catalog's row has other columns")
    catalog = connection.execute(db.select(AssetKeyTable).where(AssetKeyTable.c.asset_key == ours["asset_key"])).one()
    _expect(catalog.last_materialization == ours["last_materialization"], "the catalog did not take the row")


def _count(connection: Connection, table: db.Table, ids: list[int]) -> int:
    return int(connection.scalar(db.select(db.func.count()).select_from(table).where(table.c.event_id.in_(ids))) or 0)


def _expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 # reads as a sentence
    if not holds:
        raise SelfTestError(otherwise)
