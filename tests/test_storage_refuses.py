"""A storage that answers and does not take events: they are held, whatever the reason, and recorded once it is over."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

import pytest
from both_roads import BothRoads
from databases import Database, PostgresDatabases
from mock_cluster import MockCluster
from postgres import ThrowAwayServer
from storage_faults import (
    empty_pools,
    failing_inserts,
    locked_file,
    locked_table,
    no_connections,
    pragma,
    setting,
)

PROMISES = ("P1", "P2", "P3", "P6")

pytestmark = [pytest.mark.usefixtures("quick_backoff")]


def holds_and_heals(roads: BothRoads, faults: Mapping[str, AbstractContextManager[None]]) -> None:
    """One fault after the other, each known by its reason: both roads hold or refuse, and go on by themselves."""
    posts = [f"post{number}" for number in range(len(faults))]
    for post, (reason, fault) in zip(posts, faults.items(), strict=True):
        with fault:
            roads.holds(reason)
            roads.refuses(post)
        roads.healed(*posts[: posts.index(post) + 1])


@pytest.mark.fault("PostgreSQL takes no more connections", *PROMISES)
@pytest.mark.usefixtures("quick_reconnects")
def test_a_server_that_takes_no_more_connections(
    cluster: MockCluster, postgres: PostgresDatabases, stoppable_server: ThrowAwayServer
) -> None:
    name = postgres.new_name()
    with BothRoads(cluster, postgres.home(name)) as roads:
        holds_and_heals(roads, {"DagsterPostgresException": no_connections(stoppable_server.server, name)})


@pytest.mark.fault("the pool of connections is exhausted", *PROMISES)
@pytest.mark.usefixtures("quick_reconnects")
def test_a_pool_without_a_free_connection(cluster: MockCluster, postgresql: Database) -> None:
    with BothRoads(cluster, postgresql.new_home()) as roads:
        holds_and_heals(roads, {"DagsterPostgresException": empty_pools(*roads.instances)})


@pytest.mark.fault("PostgreSQL is read-only", *PROMISES)
def test_a_database_that_is_read_only(cluster: MockCluster, postgres: PostgresDatabases) -> None:
    name = postgres.new_name()
    read_only = setting(postgres.server, name, "default_transaction_read_only", "on")
    with BothRoads(cluster, postgres.home(name)) as roads:
        holds_and_heals(roads, {"ReadOnlySqlTransaction": read_only})


SERVERS_OWN = {
    "53100": "DiskFull",
    "53200": "OutOfMemory",
    "40P01": "DeadlockDetected",
    "40001": "SerializationFailure",
    "58030": "IoError",
}


@pytest.mark.fault("PostgreSQL reports a full disk, no memory, a deadlock, a serialization failure", *PROMISES)
def test_an_error_that_is_the_servers_own(cluster: MockCluster, postgres: PostgresDatabases) -> None:
    name = postgres.new_name()
    with BothRoads(cluster, postgres.home(name)) as roads:
        faults = {
            f"(SQLSTATE {sqlstate}, {reason})": failing_inserts(postgres.server, name, sqlstate)
            for sqlstate, reason in SERVERS_OWN.items()
        }
        holds_and_heals(roads, faults)


@pytest.mark.fault("a lock that is not given in time (lock timeout, statement timeout)", *PROMISES)
@pytest.mark.parametrize(
    ("lock_timeout_ms", "statement_timeout_ms", "reason"),
    [(100, 15_000, "LockNotAvailable"), (0, 100, "QueryCanceled")],
)
def test_a_table_that_somebody_keeps_locked(
    cluster: MockCluster, postgres: PostgresDatabases, lock_timeout_ms: int, statement_timeout_ms: int, reason: str
) -> None:
    name = postgres.new_name()
    postgres.server.execute(f"ALTER DATABASE {name} SET lock_timeout = {lock_timeout_ms}")
    with BothRoads(cluster, postgres.home(name), statement_timeout_ms=statement_timeout_ms) as roads:
        holds_and_heals(roads, {reason: locked_table(postgres.server, name)})


@pytest.mark.fault("SQLite is read-only, its disk is full, or somebody else keeps it locked", *PROMISES)
@pytest.mark.usefixtures("impatient_sqlite")
def test_a_sqlite_file_that_takes_nothing(cluster: MockCluster, sqlite: Database) -> None:
    with BothRoads(cluster, sqlite.new_home()) as roads:
        faults = {
            "SQLITE_READONLY": pragma("PRAGMA query_only = ON"),
            "SQLITE_FULL": pragma("PRAGMA max_page_count = 1"),
            "SQLITE_BUSY": locked_file(roads.home),
        }
        holds_and_heals(roads, faults)
