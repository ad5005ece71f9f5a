"""The self-test: each internal of Dagster that the transactional recorder leans on, broken one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as db
from dagster import DagsterInstance
from dagster_tables import all_rows
from databases import Database
from lesser_recorder import assert_lesser_recorder
from recorder_events import event, recorded_ids

from asset_reporting import self_test
from asset_reporting.bridge_tables import METADATA
from asset_reporting.recorders import choose_recorder
from asset_reporting.transactional_recorder import TransactionalRecorder

Break = Callable[[Any], None]


def test_the_transactional_recorder_is_chosen_and_the_self_test_leaves_nothing(
    each_database: DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    before = all_rows(each_database)

    assert choose_recorder(each_database).name == "transactional"

    assert all_rows(each_database) == before
    assert our_rows(each_database) == 0
    assert caplog.records == []


@pytest.mark.fault("a consumer starts while others record", "P2")
def test_ids_that_another_writer_takes_after_the_rollback_are_not_the_self_tests(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLite gives out the ids of what was rolled back again, to whoever comes next."""
    home = database.new_home()
    starting, other = database.open(home), TransactionalRecorder(database.open(home))
    storage: Any = starting.event_log_storage
    original = storage.index_transaction

    @contextmanager
    def index_transaction() -> Iterator[Any]:
        with original() as connection:
            yield connection
        recorded_ids(other.record([event() for _ in range(10)]))

    storage.index_transaction = index_transaction

    assert choose_recorder(starting).name == "transactional"
    assert caplog.records == []


def our_rows(instance: DagsterInstance) -> int:
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        counts = [db.select(db.func.count()).select_from(table) for table in METADATA.tables.values()]
        return sum(connection.scalar(count) for count in counts)


def gone(name: str) -> Break:
    """The internal is not there any more: what a release that renames it looks like."""

    def broken(storage: Any) -> None:
        setattr(storage, name, None)

    return broken


def changed(name: str, change: Callable[[Any], Any]) -> Break:
    """The internal returns something else."""

    def broken(storage: Any) -> None:
        original = getattr(storage, name)
        setattr(storage, name, lambda *args, **kwargs: change(original(*args, **kwargs)))

    return broken


def changed_table(statement: str) -> Break:
    def broken(storage: Any) -> None:
        with storage.index_connection() as connection:
            connection.execute(db.text(statement))

    return broken


def committing(storage: Any) -> None:
    """What was written stays, whatever is said afterwards."""
    original = storage.index_connection

    @contextmanager
    def index_transaction() -> Iterator[Any]:
        with original() as connection:
            connection.rollback = lambda: None
            yield connection

    storage.index_transaction = index_transaction


BREAKS: dict[str, Break] = {
    **{
        f"{name} is gone": gone(name)
        for name in (
            "_event_insert_timestamp",
            "_event_to_row",
            "_tags_for_asset_event",
            "_get_asset_entry_values",
            "index_transaction",
            "index_connection",
        )
    },
    "a row lacks its asset": changed("_event_to_row", lambda row: {**row, "asset_key": None}),
    "an event is serialised otherwise": changed("_event_to_row", lambda row: {**row, "event": "{}"}),
    "no tag is indexed": changed("_tags_for_asset_event", lambda _: {}),
    "every tag is indexed": changed("_tags_for_asset_event", lambda tags: {**tags, "other": "x"} if tags else tags),
    "the catalog has a new column": changed("_get_asset_entry_values", lambda values: {**values, "tenant": "x"}),
    "the catalog keeps another time": changed(
        "_get_asset_entry_values", lambda values: {**values, "last_materialization_timestamp": None}
    ),
    "the catalog's record is serialised otherwise": changed(
        "_get_asset_entry_values",
        lambda values: {**values, "last_materialization": "{}"} if "last_materialization" in values else values,
    ),
    "a transaction is none": committing,
    "the table of tags is gone": changed_table("DROP TABLE asset_event_tags"),
    "the catalog's column is renamed": changed_table(
        "ALTER TABLE asset_keys RENAME COLUMN last_materialization TO latest"
    ),
    "checks have another column": changed_table("ALTER TABLE asset_check_executions RENAME COLUMN run_id TO run"),
    "our ledger is another table": changed_table("CREATE TABLE asset_bridge_offsets (id INTEGER)"),
    "our keys are another table": changed_table("CREATE TABLE asset_bridge_idempotency_keys (id INTEGER)"),
}


@pytest.mark.fault("a Dagster that behaves otherwise than known", "P7")
@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS.keys())
def test_an_internal_that_behaves_otherwise_means_the_public_recorder_and_a_warning(
    each_database: DagsterInstance, broken: Break, caplog: pytest.LogCaptureFixture
) -> None:
    broken(each_database.event_log_storage)

    assert_lesser_recorder(choose_recorder(each_database), caplog, "the self-test failed: ")


@pytest.mark.fault("a Dagster that behaves otherwise than known", "P7")
@pytest.mark.parametrize("name", ["AssetEventTagsTable", "AssetCheckExecutionsTable"])
def test_a_new_column_that_we_would_leave_empty_means_the_public_recorder(
    each_database: DagsterInstance, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    table = getattr(self_test, name).to_metadata(db.MetaData())
    table.append_column(db.Column("tenant", db.Text))
    monkeypatch.setattr(self_test, name, table)

    assert_lesser_recorder(choose_recorder(each_database), caplog, f"{table.name} has a column that we do not fill")


@pytest.mark.fault("a Dagster that behaves otherwise than known", "P7")
@pytest.mark.parametrize(
    "statement", ["DROP TABLE asset_check_executions", "ALTER TABLE asset_keys DROP COLUMN last_run_id"]
)
def test_tables_of_an_older_dagster_mean_the_public_recorder_and_the_advice_to_migrate(
    each_database: DagsterInstance, statement: str, caplog: pytest.LogCaptureFixture
) -> None:
    changed_table(statement)(each_database.event_log_storage)

    assert_lesser_recorder(choose_recorder(each_database), caplog, "`dagster instance migrate`")


def without_run_view(storage: Any) -> None:
    with storage.run_connection("") as connection:
        connection.execute(db.text("DROP TABLE event_logs"))


@pytest.mark.parametrize("broken", [gone("run_connection"), without_run_view], ids=["gone", "empty"])
def test_a_run_view_that_cannot_be_written_means_the_public_recorder(
    sqlite: Database, broken: Break, caplog: pytest.LogCaptureFixture
) -> None:
    instance = sqlite.open()
    broken(instance.event_log_storage)

    assert_lesser_recorder(choose_recorder(instance), caplog, "the self-test failed: ")
