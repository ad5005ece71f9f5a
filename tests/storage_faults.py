"""What can be wrong with a database that answers, each until its `with` block ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from dagster import DagsterInstance
from postgres import Server
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


def disconnect(server: Server, name: str) -> None:
    """Cut all connections to a database: what a new session is given reaches no session that is there already."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        _disconnect(cursor, name)


def _disconnect(cursor: Any, name: str) -> bool:
    """Whether there were any."""
    cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    return bool(cursor.fetchall())


@contextmanager
def setting(server: Server, name: str, parameter: str, value: str) -> Iterator[None]:
    """A parameter of a database, as an operator or a failover sets it."""
    server.execute(f"ALTER DATABASE {name} SET {parameter} = '{value}'")
    disconnect(server, name)
    yield
    server.execute(f"ALTER DATABASE {name} RESET {parameter}")
    disconnect(server, name)


@contextmanager
def no_connections(server: Server, name: str) -> Iterator[None]:
    """Others have all the connections that the server takes, and the superuser's reserve too."""
    with ExitStack() as held:
        while _is_used(server, name, held):
            pass
        yield


def _is_used(server: Server, name: str, held: ExitStack) -> bool:
    """Take all connections that are free, then free those of a database, to be taken in the next round."""
    last = None
    try:
        while True:
            connection = held.enter_context(closing(server.connect()))
            last = connection
    except psycopg2.OperationalError:
        assert last is not None
    with last.cursor() as cursor:
        return _disconnect(cursor, name)


@contextmanager
def empty_pools(*instances: DagsterInstance) -> Iterator[None]:
    """Others in the process have all the connections of Dagster's pool; the wait for one, 30 s, is cut."""
    with ExitStack() as held:
        for instance in instances:
            storage: Any = instance.event_log_storage
            pool = storage._engine.pool
            pool._timeout = 0.05
            try:
                while True:
                    held.enter_context(storage._engine.connect())
            except PoolTimeoutError:
                pass
        yield


def failing_inserts(server: Server, name: str, sqlstate: str) -> AbstractContextManager[None]:
    """Every event fails with an error that is not its own: the server's, only raised by a trigger."""
    return _trigger(server, name, f"RAISE EXCEPTION USING ERRCODE = '{sqlstate}';")


def slow_inserts(server: Server, name: str, event_s: float) -> AbstractContextManager[None]:
    """Every event takes so long."""
    return _trigger(server, name, f"PERFORM pg_sleep({event_s}); RETURN NEW;")


@contextmanager
def _trigger(server: Server, name: str, does: str) -> Iterator[None]:
    server.execute(
        f"CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does} END $$",
        "CREATE TRIGGER fault BEFORE INSERT ON event_logs FOR EACH ROW EXECUTE FUNCTION fault()",
        database=name,
    )
    yield
    server.execute("DROP FUNCTION fault CASCADE", database=name)


@contextmanager
def locked_table(server: Server, name: str) -> Iterator[None]:
    """Somebody keeps Dagster's event log locked against writers, as a migration does."""
    with closing(server.connect(name)) as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE event_logs IN EXCLUSIVE MODE")
        yield


@contextmanager
def locked_file(home: Path) -> Iterator[None]:
    """Somebody keeps SQLite's index locked against writers."""
    with closing(sqlite3.connect(next(home.rglob("index.db")))) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def pragma(statement: str) -> Iterator[None]:
    """SQLite's own refusals, for every connection that is opened meanwhile; Dagster opens one for each operation."""

    def limit(connection: Any, _: object) -> None:
        connection.execute(statement)

    event.listen(Engine, "connect", limit)
    yield
    event.remove(Engine, "connect", limit)
