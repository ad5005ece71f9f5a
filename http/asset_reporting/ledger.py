"""The offset ledger: how far each consumer group has come, moved in the same transaction as the events.

A consumer that lost its partitions and does not know it yet cannot write: its compare-and-set fails, and with it the
whole transaction. So does a batch whose commit was acknowledged to nobody and is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from asset_reporting.bridge_tables import OFFSETS
from asset_reporting.recorder import GroupId, Positions, Progress
from asset_reporting.upsert import upsert

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class LedgerMovedError(Exception):
    """Raised when the ledger is not where the batch begins: another consumer, or this one before, has moved it."""


def advance(connection: Connection, progress: Iterable[Progress]) -> None:
    """Move the ledger from each start to each next offset; ordered, so that two writers cannot deadlock.

    Raises:
        LedgerMovedError: One of them does not begin where the ledger stands; roll back.
    """
    table = OFFSETS
    for step in sorted(progress, key=lambda one: (one.topic, one.partition)):
        moved = connection.execute(
            table.update()
            .where(
                table.c.cluster_id == step.group.cluster_id,
                table.c.group_id == step.group.group_id,
                table.c.topic == step.topic,
                table.c.partition == step.partition,
                table.c.next_offset == step.start_offset,
            )
            .values(next_offset=step.next_offset)
        )
        if moved.rowcount != 1:
            raise LedgerMovedError


def read(connection: Connection, group: GroupId) -> dict[tuple[str, int], int]:
    """The next offset of every partition the ledger knows of this group."""
    table = OFFSETS
    found = connection.execute(
        table.select().where(table.c.cluster_id == group.cluster_id, table.c.group_id == group.group_id)
    )
    return {(row.topic, row.partition): row.next_offset for row in found}


def place(connection: Connection, group: GroupId, offsets: Positions) -> None:
    """Set where partitions stand, at their first use or after an operator's reset."""
    if not offsets:
        return
    connection.execute(
        upsert(connection, OFFSETS, OFFSETS.primary_key.columns.keys(), ["next_offset"]),
        [
            {
                "cluster_id": group.cluster_id,
                "group_id": group.group_id,
                "topic": topic,
                "partition": partition,
                "next_offset": offset,
            }
            for (topic, partition), offset in sorted(offsets.items())
        ],
    )
