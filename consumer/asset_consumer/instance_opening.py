"""Open the Dagster instance that DAGSTER_HOME names; where it is SQLite, one process at a time.

Dagster makes the tables of a new SQLite home when it is opened. Two processes that do so at once leave two versions in
a table that shall hold one, and from then on nobody can open that home any more (alembic's CommandError; seen with
Dagster 1.13.27, in most of the tries). Our own processes start together, so they take turns. PostgreSQL lets one of
them wait for the other (seen: 30 openings of new databases by 5 at once), and nothing is written to such a home.
"""

from __future__ import annotations

import os
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from filelock import FileLock, Timeout

LOCK_FILE = ".asset-bridge-opening.lock"

TURN_S = 30.0
"""For how long another process may keep us from our turn: it may hang at a file that is locked."""


def get_instance() -> DagsterInstance:
    """Open it, as `DagsterInstance.get` does; raises what that raises."""
    home = Path(os.environ.get("DAGSTER_HOME", "")).expanduser()
    # A home that is not there: Dagster says itself what is wrong with it.
    if not home.is_absolute() or not home.is_dir() or not _has_sqlite(home):
        return DagsterInstance.get()
    lock = FileLock(home / LOCK_FILE, timeout=TURN_S)
    try:
        lock.acquire()
    except (OSError, Timeout):  # a home that cannot be written to has no SQLite to make
        return DagsterInstance.get()
    try:
        return DagsterInstance.get()
    finally:
        lock.release()


def _has_sqlite(home: Path) -> bool:
    """Does the instance of that home keep anything in SQLite? A mixed one names its storages in its configuration."""
    return "sqlite" in repr(InstanceRef.from_dir(str(home)).storage_data).lower()
