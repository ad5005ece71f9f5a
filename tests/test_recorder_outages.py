"""A storage that breaks at the worst moment: nothing is lost, nothing is recorded twice, and nobody waits for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest
from consuming import eventually
from dagster import DagsterInstance
from dagster_reading import runless_events
from dagster_tables import all_rows
from databases import Database, PostgresDatabases
from postgres import ThrowAwayServer
from postgres_proxy import PostgresProxy
from recorder_events import GROUP, event, kinds, progress, recorded_ids

from asset_reporting import writers_lock
from asset_reporting.outcomes import Fenced, Outcome, Recorded, Unavailable
from asset_reporting.transactional_recorder import TransactionalRecorder
from asset_reporting.writers_lock import WRITERS_LOCK

BATCH = [event(), event("b")]
PROGRESS = [progress(0, 2)]
HELD = ["Unavailable", "Unavailable"]


@pytest.fixture
def name(postgres: PostgresDatabases) -> str:
    return postgres.new_name()


@pytest.fixture
def instance(postgres: PostgresDatabases, postgresql: Database, name: str) -> DagsterInstance:
    """Reaches the database without the proxy, and sees what is really there."""
    return pooled(postgresql.open(postgres.home(name)))


@pytest.fixture
def proxy(postgres: PostgresDatabases) -> Iterator[PostgresProxy]:
    with PostgresProxy(postgres.server) as proxy:
        yield proxy


@pytest.fixture
def behind_proxy(
    postgres: PostgresDatabases, postgresql: Database, name: str, proxy: PostgresProxy
) -> TransactionalRecorder:
    return placed(pooled(postgresql.open(postgres.home(name, port=proxy.port))))


def may_be_recorded(outcomes: list[Outcome]) -> list[bool]:
    """Whether events that could not be recorded now may be there all the same; fails for any other outcome."""
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    return [isinstance(outcome, Unavailable) and outcome.may_be_recorded for outcome in outcomes]


def pooled(instance: DagsterInstance) -> DagsterInstance:
    """Keep connections open, as `serve` and `consume` do, and wait for no statement for ever."""
    instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3600, max_overflow=2)
    return instance


def placed(instance: DagsterInstance) -> TransactionalRecorder:
    recorder = TransactionalRecorder(instance)
    recorder.place(GROUP, {("events", 0): 0}, {})
    return recorder


def in_background(recorder: TransactionalRecorder) -> Future[list[Outcome]]:
    with_one_thread = ThreadPoolExecutor(1)
    future = with_one_thread.submit(recorder.record, BATCH, PROGRESS)
    with_one_thread.shutdown(wait=False)
    return future


WRONG_TABLES = {
    "a sequence behind its rows": (
        "SELECT setval('event_logs_id_seq', 1)",
        "SELECT setval('event_logs_id_seq', (SELECT max(id) FROM event_logs))",
    ),
    "a new column that nobody fills": (
        "ALTER TABLE event_logs ADD extra TEXT NOT NULL DEFAULT 'x'; ALTER TABLE event_logs ALTER extra DROP DEFAULT",
        "ALTER TABLE event_logs DROP extra",
    ),
}
"""What an operator can do to Dagster's tables, and undo."""


@pytest.mark.fault("Dagster's tables take no event at all", "P1", "P3")
@pytest.mark.parametrize(("broken", "mended"), WRONG_TABLES.values(), ids=WRONG_TABLES.keys())
def test_tables_that_take_no_event_at_all_are_an_outage_and_no_events_fault(
    postgres: PostgresDatabases, instance: DagsterInstance, name: str, broken: str, mended: str
) -> None:
    recorder = placed(instance)
    recorded_ids(recorder.record([event()] * 5))
    postgres.server.execute(broken, database=name)

    assert kinds(recorder.record(BATCH, PROGRESS)) == HELD
    assert kinds(recorder.record(BATCH[:1])) == HELD[:1]

    postgres.server.execute(mended, database=name)
    assert kinds(recorder.record(BATCH, PROGRESS)) == ["Recorded", "Recorded"]


@pytest.mark.fault("the answer to a commit is lost", "P1", "P2")
def test_an_answer_to_commit_that_is_lost_is_settled_by_the_ledger(
    instance: DagsterInstance, behind_proxy: TransactionalRecorder, proxy: PostgresProxy
) -> None:
    proxy.fail("COMMIT", "lose the answer")

    assert may_be_recorded(behind_proxy.record(BATCH, PROGRESS)) == [True, True]
    assert proxy.met.is_set()

    assert behind_proxy.record(BATCH, PROGRESS) == [Fenced(), Fenced()]
    assert behind_proxy.positions(GROUP) == {("events", 0): 2}
    assert len(runless_events(instance)) == 2


@pytest.mark.fault("the answer to a commit is lost", "P1", "P2")
def test_an_answer_to_commit_that_is_lost_is_settled_by_an_idempotency_key(
    instance: DagsterInstance, behind_proxy: TransactionalRecorder, proxy: PostgresProxy
) -> None:
    proxy.fail("COMMIT", "lose the answer")
    post = [event(idempotency_key="k")]

    assert may_be_recorded(behind_proxy.record(post)) == [True]

    (outcome,) = behind_proxy.record(post)
    assert isinstance(outcome, Recorded)
    assert outcome.replayed
    assert len(runless_events(instance)) == 1


@pytest.mark.fault("a commit never arrives", "P1", "P2", "P3")
def test_a_commit_that_never_arrives_leaves_nothing_and_the_batch_is_recorded_next_time(
    instance: DagsterInstance, behind_proxy: TransactionalRecorder, proxy: PostgresProxy
) -> None:
    before = all_rows(instance)
    proxy.fail("COMMIT", "lose the request")

    assert kinds(behind_proxy.record(BATCH, PROGRESS)) == HELD
    assert all_rows(instance) == before
    assert behind_proxy.positions(GROUP) == {("events", 0): 0}

    recorded_ids(behind_proxy.record(BATCH, PROGRESS))
    assert len(runless_events(instance)) == 2


@pytest.mark.fault("a connection breaks in mid-transaction", "P2", "P3")
def test_a_connection_that_breaks_between_two_statements_leaves_nothing(
    instance: DagsterInstance, behind_proxy: TransactionalRecorder, proxy: PostgresProxy
) -> None:
    before = all_rows(instance)
    proxy.fail("INSERT INTO asset_keys", "lose the answer")

    assert may_be_recorded(behind_proxy.record(BATCH, PROGRESS)) == [False, False]
    assert proxy.met.is_set()
    assert all_rows(instance) == before


@pytest.mark.fault("a writer freezes in mid-transaction", "P1", "P2")
def test_a_writer_that_freezes_in_mid_transaction_does_not_keep_the_others_waiting(
    instance: DagsterInstance,
    behind_proxy: TransactionalRecorder,
    proxy: PostgresProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writers_lock, "IDLE_MS", 1000)
    proxy.fail("INSERT INTO asset_keys", "freeze")
    frozen = in_background(behind_proxy)
    assert proxy.met.wait(20)

    recorded_ids(TransactionalRecorder(instance).record(BATCH, PROGRESS))

    assert kinds(frozen.result(20)) == HELD
    assert len(runless_events(instance)) == 2
    assert behind_proxy.record(BATCH, PROGRESS) == [Fenced(), Fenced()]


@pytest.mark.fault("PostgreSQL stops while a batch waits for its turn", "P1", "P2", "P3")
@pytest.mark.usefixtures("quick_reconnects")
def test_a_server_that_stops_while_a_batch_waits_holds_it_until_it_is_back(
    postgres: PostgresDatabases, name: str, instance: DagsterInstance, stoppable_server: ThrowAwayServer
) -> None:
    recorder = placed(instance)
    before = all_rows(instance)
    with closing(postgres.server.connect(name)) as other:
        other.cursor().execute(f"SELECT pg_advisory_lock({WRITERS_LOCK})")
        waiting = in_background(recorder)
        eventually(lambda: postgres.server.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))
        stoppable_server.stop()

    assert kinds(waiting.result(60)) == HELD
    assert kinds(recorder.record(BATCH, PROGRESS)) == HELD
    assert recorder.probe() is not None

    stoppable_server.start()
    assert recorder.probe() is None
    assert all_rows(instance) == before
    recorded_ids(recorder.record(BATCH, PROGRESS))


@pytest.mark.fault("PostgreSQL is read-only", "P1", "P2", "P3")
def test_a_database_that_is_read_only_holds_the_batch(
    postgres: PostgresDatabases, postgresql: Database, name: str
) -> None:
    instance = postgresql.open(postgres.home(name))
    recorder = placed(instance)
    before = all_rows(instance)
    postgres.server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")

    assert kinds(recorder.record(BATCH, PROGRESS)) == HELD
    assert isinstance(recorder.move(PROGRESS), Unavailable)

    postgres.server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
    assert all_rows(instance) == before
    recorded_ids(recorder.record(BATCH, PROGRESS))


@pytest.mark.fault("PostgreSQL takes no more connections", "P1", "P3")
@pytest.mark.usefixtures("quick_reconnects")
def test_a_server_that_takes_no_more_connections_holds_the_batch(
    postgres: PostgresDatabases, postgresql: Database, name: str
) -> None:
    role = postgres.new_role()
    postgres.server.execute(f"ALTER DATABASE {name} OWNER TO {role}", f"GRANT postgres TO {role}")
    recorder = placed(postgresql.open(postgres.home(name, user=role)))
    postgres.server.execute(f"ALTER ROLE {role} CONNECTION LIMIT 0")

    assert kinds(recorder.record(BATCH, PROGRESS)) == HELD

    postgres.server.execute(f"ALTER ROLE {role} CONNECTION LIMIT 9")
    recorded_ids(recorder.record(BATCH, PROGRESS))


@pytest.mark.fault("SQLite is read-only, its disk is full, or somebody else keeps it locked", "P1", "P3")
@pytest.mark.usefixtures("impatient_sqlite")
def test_a_sqlite_file_that_somebody_else_keeps_locked_holds_the_batch(sqlite: Database) -> None:
    home = sqlite.new_home()
    recorder = placed(sqlite.open(home))
    with closing(sqlite3.connect(next(home.rglob("index.db")))) as other:
        other.execute("BEGIN EXCLUSIVE")

        assert kinds(recorder.record(BATCH, PROGRESS)) == HELD

    recorded_ids(recorder.record(BATCH, PROGRESS))
