"""Empty Dagster instances to write to, one for each contender, whose database flushes to disk as it does in earnest."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
from dagster import DagsterInstance
from databases import PostgresDatabases, write_config
from postgres import ThrowAwayServer, find_binaries

DURABLE = ("max_connections=200",)
"""Server settings: all that concerns durability stays at PostgreSQL's defaults."""


@dataclass(frozen=True, slots=True)
class Home:
    """A DAGSTER_HOME, and a way to its database past Dagster."""

    path: Path
    connect: Callable[[], Any]

    def recorded(self) -> int:
        """How many events are in the log, cheaply: none of those who write here leave gaps."""
        rows = self.query("SELECT coalesce(max(id) - min(id) + 1, 0) FROM event_logs")
        return int(rows[0][0])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query, in a connection of its own."""
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Database:
    """One kind of database, and how to get an empty one."""

    name: str
    version: str
    new_home: Callable[[], Home]


@contextmanager
def postgresql() -> Iterator[Database]:
    """A throw-away server in a folder of its own.

    Raises:
        SystemExit: There is no PostgreSQL.
    """
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("There is no PostgreSQL: install it.")
    server = ThrowAwayServer(binaries, DURABLE)
    with tempfile.TemporaryDirectory() as folder:
        databases = PostgresDatabases(server.server, Path(folder))
        databases.template = databases.new_name()
        _make_tables(databases.home(databases.template))

        def new_home() -> Home:
            name, address = databases.new_name(), server.server
            return Home(
                databases.home(name),
                lambda: psycopg2.connect(host=address.host, port=address.port, user=address.user, dbname=name),
            )

        try:
            yield Database("PostgreSQL", str(server.server.execute("SHOW server_version")[0][0]).split()[0], new_home)
        finally:
            databases.drop()
            server.close()


@contextmanager
def sqlite() -> Iterator[Database]:
    """Files in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        template, numbers = Path(folder, "template"), count()
        template.mkdir()
        write_config(template)
        _make_tables(template)

        def new_home() -> Home:
            path = Path(shutil.copytree(template, Path(folder, f"home{next(numbers)}")))
            return Home(path, lambda: sqlite3.connect(path / "history/runs/index.db", timeout=60))

        yield Database("SQLite", sqlite3.sqlite_version, new_home)


def _make_tables(home: Path) -> None:
    with DagsterInstance.from_config(str(home)) as instance:
        instance.event_log_storage.get_maximum_record_id()
