"""A throw-away PostgreSQL server, or the one that ASSET_BRIDGE_TEST_POSTGRES=host:port:user names, or a container.

The server is a child of this process and dies with it. It never flushes to disk: its data is not worth keeping.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from containers import docker_answers, postgres_container
from ports import free_port

NAMED = "ASSET_BRIDGE_TEST_POSTGRES"
START_S = 60.0

WAITING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
"""Finds somebody who waits for the writers' lock."""

QUICK = (
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "timezone=Asia/Kolkata",  # so that a time which depends on the server's time zone is noticed
)


ATTEMPTS = 3
"""Ports that are tried: between two processes that both find one free, one is quicker."""


class PortTakenError(Exception):
    """Somebody else listens on the port, which was free a moment ago."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a PostgreSQL server answers; the user needs no password and may create databases and roles."""

    host: str
    port: int
    user: str

    def execute(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements, each by itself, and return the rows of the last one."""
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def connect(self, database: str = "postgres") -> Any:
        connection = psycopg2.connect(host=self.host, port=self.port, user=self.user, dbname=database)
        connection.autocommit = True
        return connection


class ThrowAwayServer:
    """A cluster in a folder of its own, on a port of its own; may be stopped and started again."""

    def __init__(self, binaries: Path, settings: Sequence[str] = QUICK, standby_of: Server | None = None) -> None:
        """Start an empty one, or one that follows another until it is promoted."""
        self._binaries, self._settings = binaries, settings
        self._folder = Path(tempfile.mkdtemp(prefix="asset-bridge-postgres-"))
        self._as_user = ["setpriv", "--pdeathsig", "QUIT"] if shutil.which("setpriv") else []
        if os.geteuid() == 0:  # which initdb refuses to run as
            postgres = pwd.getpwnam("postgres")
            os.chown(self._folder, postgres.pw_uid, postgres.pw_gid)
            self._as_user += [f"--reuid={postgres.pw_uid}", f"--regid={postgres.pw_gid}", "--clear-groups"]
        self.server = Server("127.0.0.1", free_port(), "postgres")
        if standby_of is None:
            self._make("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale")
        else:
            address = ("-h", standby_of.host, "-p", str(standby_of.port), "-U", standby_of.user)
            self._make("pg_basebackup", *address, "--write-recovery-conf", "--checkpoint=fast")
        self._process: subprocess.Popen[bytes] | None = None
        for _ in range(ATTEMPTS):
            with suppress(PortTakenError):
                self.start()
                return
            self.server = Server("127.0.0.1", free_port(), "postgres")  # somebody was quicker
        self.start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = [*self._settings, f"port={self.server.port}", f"unix_socket_directories={self._folder}"]
        options = [part for setting in settings for part in ("-c", setting)]
        self._process = self._run("postgres", "-D", str(self._data), "-h", self.server.host, *options)
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.server.execute("SELECT 1")
            except psycopg2.OperationalError:
                self._check_alive(self._process)
                assert time.monotonic() < deadline, "PostgreSQL does not answer"
                time.sleep(0.02)
            else:
                return

    def _check_alive(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            said = (self._folder / "log").read_text()
            (self._folder / "log").unlink()
            raise PortTakenError(said) if "Address already in use" in said else AssertionError(said)

    def stop(self) -> None:
        """Stop at once, as a crash does: connections break, what was not committed is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_S)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _make(self, name: str, *arguments: str) -> None:
        self._run(name, *arguments, "--no-sync", "-D", str(self._data)).communicate()

    def _run(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            command = [*self._as_user, str(self._binaries / name), *arguments]
            return subprocess.Popen(command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def find_binaries() -> Path | None:
    """The folder with `postgres` and `initdb`: on the path, or where Debian keeps them; the newest there."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in debian), key=lambda folder: float(folder.parent.name), default=None)


@contextmanager
def running_server() -> Iterator[tuple[Server, ThrowAwayServer | None] | None]:
    """The server to test on, and how to stop it where it is ours; None where there is no PostgreSQL."""
    named, binaries = os.environ.get(NAMED), find_binaries()
    if named:
        host, port, user = named.split(":")
        yield Server(host, int(port), user), None
    elif binaries is not None:
        with closing(ThrowAwayServer(binaries)) as ours:
            yield ours.server, ours
    elif docker_answers():
        with postgres_container() as found:
            yield Server(*found), None
    else:
        yield None
