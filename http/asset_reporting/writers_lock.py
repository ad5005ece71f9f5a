"""The lock that our writers take before their first storage id and hold until their commit.

Two transactions that both take ids and commit in the other order hide the lower ids from a reader that walks them
upwards. On PostgreSQL it is an advisory lock, which nobody else knows of; on SQLite the one lock for writing there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

WRITERS_LOCK = 4_172_650_581
"""Key of the advisory lock: arbitrary, and the same in every version."""

IDLE_MS = 10_000
"""How long a writer may be silent while it holds the lock.

A process that is frozen, or a machine that has left the network, would keep every other writer waiting; PostgreSQL then
rolls it back, and it finds its connection gone should it ever wake.
"""


def take_writers_lock(connection: Connection) -> None:
    """Wait for the lock; it is given back when the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_MS}; SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
        )
    else:
        begin_writing(connection)


def begin_writing(connection: Connection) -> None:
    """Begin a transaction that reads before it writes, and takes no storage id.

    Left to itself, SQLite takes its one lock at the first write, and refuses at once instead of waiting when a read
    came before it and somebody wrote in between.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
