"""Fixtures that give each test an empty Dagster instance of its own, on SQLite and on PostgreSQL.

Without a PostgreSQL the cases on it are skipped; ASSET_BRIDGE_TEST_REQUIRE=postgres makes them fail instead.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from dagster import DagsterInstance
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from missing import missing
from postgres import Server, ThrowAwayServer, running_server

from asset_consumer import backoff

_MISSING = "there is no PostgreSQL: install it or Docker, or name a server in ASSET_BRIDGE_TEST_POSTGRES=host:port:user"

_numbers = itertools.count()


@dataclass
class Database:
    """One kind of database: makes DAGSTER_HOME folders, each of an empty instance, and opens what they name."""

    name: str
    new_home: Callable[[], Path]
    _open: ExitStack = field(default_factory=ExitStack)

    def open(self, home: Path | None = None) -> DagsterInstance:
        """An instance that is closed when the test ends: a new one, or once more the one of `home`."""
        return self._open.enter_context(DagsterInstance.from_config(str(home or self.new_home())))

    def close(self) -> None:
        self._open.close()


@dataclass
class PostgresDatabases:
    """Makes databases on one server, each a copy of a template in which Dagster has made its tables."""

    server: Server
    folder: Path
    template: str = ""
    names: list[str] = field(default_factory=list[str])
    roles: list[str] = field(default_factory=list[str])

    def new_home(self) -> Path:
        return self.home(self.new_name())

    def new_name(self) -> str:
        """Make a database and return its name."""
        name = f"asset_bridge_{os.getpid()}_{next(_numbers)}"
        self.server.execute(f"CREATE DATABASE {name}{f' TEMPLATE {self.template}' if self.template else ''}")
        self.names.append(name)
        return name

    def new_role(self, options: str = "") -> str:
        """Make a role that may log in and nothing else, and return its name."""
        name = f"asset_bridge_role_{os.getpid()}_{next(_numbers)}"
        self.server.execute(f"CREATE ROLE {name} LOGIN {options}")
        self.roles.append(name)
        return name

    def home(self, name: str, *, port: int | None = None, user: str | None = None) -> Path:
        """A DAGSTER_HOME for a database; `port` leads through a proxy, `user` is another role than the owner."""
        home = self.folder / f"{name}_{next(_numbers)}"
        home.mkdir()
        fields = {
            "username": user or self.server.user,
            "password": "unused",
            "hostname": self.server.host,
            "port": port or self.server.port,
            "db_name": name,
        }
        lines = [f"      {key}: {value}" for key, value in fields.items()]
        write_config(home, "storage:", "  postgres:", "    postgres_db:", *lines)
        return home

    def drop(self, keep: int = 0) -> None:
        while len(self.names) > keep:
            self.server.execute(f"DROP DATABASE {self.names.pop()} WITH (FORCE)")
        while self.roles:
            self.server.execute(f"DROP ROLE {self.roles.pop()}")


def write_config(home: Path, *lines: str) -> None:
    """Write dagster.yaml; nothing is ever told to anybody."""
    (home / "dagster.yaml").write_text("\n".join(["telemetry: {enabled: false}", *lines, ""]))


def empty_sqlite(home: Path) -> Path:
    """Make an instance's files and tables: Dagster's own first start in an empty folder is none for two at once."""
    write_config(home)
    with DagsterInstance.from_config(str(home)) as instance:
        instance.event_log_storage.get_maximum_record_id()
    return home


def new_instance(empty_home: Path, folder: Path) -> DagsterInstance:
    """An empty instance on SQLite, in a folder below this one."""
    return DagsterInstance.from_config(str(shutil.copytree(empty_home, folder / "home")))


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder that is in memory where the system has a place for that: SQLite flushes each commit."""
    memory = "/dev/shm"  # noqa: S108 # nothing is shared through it: the folder inside is of one test alone
    with TemporaryDirectory(prefix="asset-bridge-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@contextmanager
def throw_away_home(kind: str) -> Iterator[Path]:
    """A DAGSTER_HOME of an empty instance, outside of pytest; its database is gone with it."""
    with folder_in_memory() as folder:
        if kind == "sqlite":
            yield empty_sqlite(folder)
            return
        with running_server() as server:
            if server is None:
                raise SystemExit(_MISSING)
            databases = PostgresDatabases(server[0], folder)
            home = databases.new_home()
            with DagsterInstance.from_config(str(home)):  # makes the tables
                yield home
            databases.drop()


@pytest.fixture(scope="session")
def _server() -> Iterator[tuple[Server, ThrowAwayServer | None] | None]:
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def _postgres_template(
    _server: tuple[Server, ThrowAwayServer | None] | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresDatabases | None]:
    if _server is None:
        yield None
        return
    databases = PostgresDatabases(_server[0], tmp_path_factory.mktemp("postgres"))
    databases.template = databases.new_name()
    with DagsterInstance.from_config(str(databases.home(databases.template))):
        yield databases
    databases.drop()


@pytest.fixture
def postgres(_postgres_template: PostgresDatabases | None) -> Iterator[PostgresDatabases]:
    """The PostgreSQL server, for what is special there; its databases are dropped after the test."""
    if _postgres_template is None:
        missing("postgres", _MISSING)
    yield _postgres_template
    _postgres_template.drop(keep=1)


@pytest.fixture
def stoppable_server(
    postgres: PostgresDatabases, _server: tuple[Server, ThrowAwayServer | None]
) -> Iterator[ThrowAwayServer]:
    """The server itself, to be stopped and started."""
    ours = _server[1]
    if ours is None:
        missing("postgres", "a server that was named, or is in a container, must not be stopped")
    yield ours
    ours.restart()


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME with Dagster's tables in SQLite, to be copied: making them takes half a second."""
    return empty_sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="module")
def instance(empty_home: Path) -> Iterator[DagsterInstance]:
    """The tests of one file share it; a file that needs another has a fixture of this name."""
    with folder_in_memory() as folder, new_instance(empty_home, folder) as instance:
        yield instance


@pytest.fixture
def sqlite(empty_home: Path) -> Iterator[Database]:
    """SQLite, in files of this test."""
    with folder_in_memory() as folder:

        def new_home() -> Path:
            return Path(shutil.copytree(empty_home, folder / f"home{next(_numbers)}"))

        database = Database("sqlite", new_home)
        yield database
        database.close()


@pytest.fixture
def postgresql(postgres: PostgresDatabases) -> Iterator[Database]:
    """PostgreSQL, in databases of this test."""
    database = Database("postgresql", postgres.new_home)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each kind of database that the transactional recorder knows."""
    database: Database = request.getfixturevalue(request.param)
    return database


@pytest.fixture
def each_database(database: Database) -> DagsterInstance:
    """An empty instance on each kind of database."""
    return database.open()


@pytest.fixture
def quick_reconnects(monkeypatch: pytest.MonkeyPatch) -> None:
    """dagster-postgres tries six times to connect, for 11 seconds; the waits between are cut."""
    monkeypatch.setattr("dagster_postgres.utils.calculate_delay", lambda **_: 0.01)


@pytest.fixture
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is scaled: waits for a storage that are half a second to half a minute take a fiftieth of that."""
    monkeypatch.setattr(backoff, "FIRST_S", 0.01)
    monkeypatch.setattr(backoff, "LONGEST_S", 0.6)


@pytest.fixture
def impatient_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a lock; older Dagsters do not have the name, and wait for SQLite's own 5 seconds."""
    monkeypatch.setattr(sqlite_event_log, "SQLITE_BUSY_TIMEOUT_SECONDS", 0.05, raising=False)
