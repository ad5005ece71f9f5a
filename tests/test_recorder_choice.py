"""Which recorder an instance gets: what its storage is, what its database's role may do, whether it answers."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dagster import DagsterInstance
from databases import Database, PostgresDatabases, write_config
from lesser_recorder import assert_lesser_recorder
from postgres import ThrowAwayServer
from sqlalchemy.exc import DatabaseError

from asset_events import MaterializationEvent
from asset_reporting.bridge_tables import METADATA, OFFSETS
from asset_reporting.outcomes import Recorded
from asset_reporting.recorders import choose_recorder
from asset_reporting.storage_errors import classify

EVENT = MaterializationEvent(asset_key=("a",))


def test_a_role_that_may_not_create_tables_means_the_public_recorder_and_a_sentence_that_names_them(
    postgres: PostgresDatabases, postgresql: Database, caplog: pytest.LogCaptureFixture
) -> None:
    name, role = postgres.new_name(), postgres.new_role()
    postgres.server.execute(*everything(role), database=name)
    instance = postgresql.open(postgres.home(name, user=role))

    recorder = choose_recorder(instance)

    assert_lesser_recorder(recorder, caplog, *METADATA.tables, "cannot be created or used", "SQLSTATE 42501")
    assert [type(outcome) for outcome in recorder.record([EVENT])] == [Recorded]


def test_tables_made_by_another_role_are_used_once_the_right_is_granted(
    postgres: PostgresDatabases, postgresql: Database, caplog: pytest.LogCaptureFixture
) -> None:
    name, role = postgres.new_name(), postgres.new_role()
    choose_recorder(postgresql.open(postgres.home(name)))  # an administrator has made the tables
    postgres.server.execute(*everything(role), database=name)
    postgres.server.execute(f"REVOKE UPDATE ON {OFFSETS.name} FROM {role}", database=name)
    instance = postgresql.open(postgres.home(name, user=role))

    assert_lesser_recorder(choose_recorder(instance), caplog, *METADATA.tables)

    postgres.server.execute(f"GRANT UPDATE ON {OFFSETS.name} TO {role}", database=name)
    assert choose_recorder(instance).name == "transactional"


@pytest.mark.fault("the role may not write Dagster's tables", "P3")
def test_a_role_that_may_not_write_dagsters_own_tables_is_an_outage(
    postgres: PostgresDatabases, postgresql: Database
) -> None:
    name, role = postgres.new_name(), postgres.new_role()
    rights = f"GRANT CREATE ON SCHEMA public TO {role}", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    postgres.server.execute(*rights, database=name)
    instance = postgresql.open(postgres.home(name, user=role))

    with pytest.raises(Exception, match="permission denied for table event_logs") as caught:
        choose_recorder(instance)

    assert classify(caught.value) == "unavailable"


@pytest.mark.fault("PostgreSQL is down at the start", "P2")
@pytest.mark.usefixtures("quick_reconnects")
def test_a_server_that_is_down_at_the_start_raises_instead_of_meaning_the_public_recorder(
    postgresql: Database, stoppable_server: ThrowAwayServer, caplog: pytest.LogCaptureFixture
) -> None:
    instance = postgresql.open()
    stoppable_server.stop()

    with pytest.raises(Exception, match="too many retries") as caught:
        choose_recorder(instance)

    assert classify(caught.value) == "unavailable"
    stoppable_server.start()
    assert choose_recorder(instance).name == "transactional"


def test_a_sqlite_file_that_cannot_be_read_raises_too(sqlite: Database) -> None:
    home = sqlite.new_home()
    instance = sqlite.open(home)
    index = next(home.rglob("index.db"))
    os.truncate(index, 0)
    index.write_bytes(b"this is no database" * 500)

    with pytest.raises(DatabaseError) as caught:
        choose_recorder(instance)

    assert classify(caught.value) == "unavailable"


def test_a_storage_that_we_do_not_know_means_the_public_recorder(caplog: pytest.LogCaptureFixture) -> None:
    with DagsterInstance.ephemeral() as instance:
        assert_lesser_recorder(
            choose_recorder(instance), caplog, "InMemoryEventLogStorage has no transactions that we know"
        )


def test_a_relative_of_a_storage_that_we_know_is_not_trusted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_config(
        tmp_path,
        "event_log_storage:",
        "  module: dagster._core.storage.event_log",
        "  class: ConsolidatedSqliteEventLogStorage",
        f"  config: {{base_dir: {tmp_path}}}",
    )
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert_lesser_recorder(
            choose_recorder(instance), caplog, "ConsolidatedSqliteEventLogStorage has no transactions that we know"
        )


def test_several_that_start_at_once_on_a_database_without_our_tables_all_get_the_transactional_recorder(
    database: Database,
) -> None:
    home, start = database.new_home(), threading.Barrier(6)
    instances = [database.open(home) for _ in range(6)]

    def choose(instance: DagsterInstance) -> str:
        start.wait(30)
        return choose_recorder(instance).name

    with ThreadPoolExecutor(6) as pool:
        assert [*pool.map(choose, instances)] == ["transactional"] * 6


def everything(role: str) -> list[str]:
    """What a role needs to write to Dagster's tables, and not to make new ones."""
    return [f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {role}" for kind in ("TABLES", "SEQUENCES")]
