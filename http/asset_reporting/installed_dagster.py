"""What the installed Dagster has, asked of itself and never of its version: all that differs between them."""

from __future__ import annotations

from inspect import signature
from typing import Any

import sqlalchemy as db
from dagster import AssetCheckEvaluation

CHECKS_HAVE_PARTITIONS = "partition" in signature(AssetCheckEvaluation).parameters
"""From 1.12.13 on a check's result can be of one partition."""


def partition_of(evaluation: AssetCheckEvaluation) -> str | None:
    """The partition that a check's result is of."""
    partition: str | None = getattr(evaluation, "partition", None)
    return partition


def give_connections_back(storage: Any) -> None:  # noqa: ANN401 # any event log storage
    """Let `has_table`, which Dagster asks before it stores a check or a data version, give its connection back.

    Late in 1.13 it came to do so (dagster-io/dagster #34154). Before, a pool is empty after as many events as it may
    hold connections, and the next one waits for the garbage collector. Only PostgreSQL and MySQL have a pool.
    """
    if type(storage).__name__ not in {"PostgresEventLogStorage", "MySQLEventLogStorage"}:
        return

    def has_table(table_name: str) -> bool:
        with storage.index_connection() as connection:
            return bool(db.inspect(connection).has_table(table_name))

    storage.has_table = has_table
