"""The soak's database, and what can be done to it while everybody works."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dagster import DagsterInstance
from dagster_tables import refuse
from databases import PostgresDatabases, empty_sqlite, folder_in_memory
from missing import missing
from postgres import ThrowAwayServer, find_binaries
from postgres_proxy import Fault, PostgresProxy
from soak_events import REFUSED_PARTITION


class SoakDatabase(Protocol):
    """`home` is that of the processes under test, `instance` our own, which no fault comes between."""

    home: Path
    instance: DagsterInstance


@dataclass
class Sqlite:
    home: Path
    instance: DagsterInstance

    @contextmanager
    def locked(self) -> Generator[None]:
        """Somebody else writes, and does not come to an end."""
        (index,) = self.home.rglob("index.db")
        with closing(sqlite3.connect(index, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield


@dataclass
class Postgres:
    home: Path
    instance: DagsterInstance
    server: ThrowAwayServer
    proxy: PostgresProxy

    @contextmanager
    def down(self) -> Generator[None]:
        """Stopped as by a crash."""
        self.server.stop()
        yield
        self.server.start()

    @contextmanager
    def commit(self, fault: Fault) -> Generator[Callable[[], bool]]:
        """Lose one COMMIT, or the answer to one; yields whether there was one."""
        self.proxy.fail("COMMIT", fault)
        yield self.proxy.met.is_set
        self.proxy.spare()


@contextmanager
def soak_database(kind: str) -> Iterator[Sqlite | Postgres]:
    """An empty database of this kind, which refuses one value."""
    with folder_in_memory() as folder:
        if kind == "sqlite":
            home = empty_sqlite(folder)
            with DagsterInstance.from_config(str(home)) as instance:
                refuse(instance, "event_logs", "partition", REFUSED_PARTITION)
                yield Sqlite(home, instance)
            return
        binaries = find_binaries()
        if binaries is None:
            missing("postgres", "there is no PostgreSQL of ours to stop and start: install it")
        with closing(ThrowAwayServer(binaries)) as ours, PostgresProxy(ours.server) as proxy:
            databases = PostgresDatabases(ours.server, folder)
            name = databases.new_name()
            home = databases.home(name, port=proxy.port)
            with DagsterInstance.from_config(str(databases.home(name))) as instance:
                instance.event_log_storage.get_maximum_record_id()
                refuse(instance, "event_logs", "partition", REFUSED_PARTITION)
                yield Postgres(home, instance, ours, proxy)
