"""The offset ledger: how far each consumer group has come, moved in the same transaction as the events.

A consumer that lost its partitions and does not know it yet cannot write: its compare-and-set fails, and with it the
whole transaction. So does a batch whose commit was acknowledged to nobody and is tried again. Nor can it say where a
partition begins: what it read before may have moved since.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import sqlalchemy as db

from asset_reporting.bridge_tables import OFFSETS
from asset_reporting.recorder import GroupId, Positions, Progress
from asset_reporting.upsert import upsert

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class LedgerMovedError(Exception):
    """Raised when the ledger is not where the batch begins: another consumer, or this one before, has moved it."""


def advance(connection: Connection, progress: Iterable[Progress]) -> None:
    """Move the ledger from each start to each next offset: a compare-and-set of two statements, however many.

    Raises:
        LedgerMovedError: One of them does not begin where the ledger stands; roll back.
    """
    by_group: dict[GroupId, list[Progress]] = {}
    for step in progress:
        by_group.setdefault(step.group, []).append(step)
    for group, steps in by_group.items():
        stood = {(step.topic, step.partition): step.start_offset for step in steps}
        place(connection, group, {(step.topic, step.partition): step.next_offset for step in steps}, stood)


def read(connection: Connection, group: GroupId) -> dict[tuple[str, int], int]:
    """The next offset of every partition the ledger knows of this group."""
    return _positions(connection, _rows_of(group))


def place(connection: Connection, group: GroupId, offsets: Positions, stood: Positions) -> None:
    """Set where partitions stand, if each is still where it `stood`, or nowhere yet.

    That is where the caller saw it: one that has moved away and come back since is not told apart.

    Raises:
        LedgerMovedError: One of them is elsewhere; roll back.
    """
    stands = _positions(connection, _rows_of(group).with_for_update())
    if any(stands.get(key) != stood.get(key) for key in offsets):
        raise LedgerMovedError
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


def _rows_of(group: GroupId) -> db.Select[tuple[str, int, int]]:
    table = OFFSETS
    return db.select(table.c.topic, table.c.partition, table.c.next_offset).where(
        table.c.cluster_id == group.cluster_id, table.c.group_id == group.group_id
    )


def _positions(connection: Connection, rows: db.Select[tuple[str, int, int]]) -> dict[tuple[str, int], int]:
    return {(topic, partition): offset for topic, partition, offset in connection.execute(rows)}
