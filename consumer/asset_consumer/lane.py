"""What the consumer knows about one Kafka partition while it owns it.

A lane lives from assignment to revocation. Work that comes back for a lane that is no longer owned changes only the
old object: identity is the fence, so there is no epoch to compare.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asset_consumer.backoff import Backoff
    from asset_consumer.dead_letter import Reason
    from asset_consumer.record import Record
    from asset_consumer.record_span import RecordSpan
    from asset_events import AssetEvent
    from asset_reporting.pauses import Pause


@dataclass(slots=True)
class Item:
    """One record on its way: to be reported (`events`), or to be dead-lettered (`reason`), until it is `done`.

    Reading it may also have failed for an unforeseen `failure`, which is retried and isolated like one of the
    recorder's; and a record that says nothing to Dagster is done from the beginning.
    """

    record: Record
    events: tuple[AssetEvent, ...] = ()
    reason: Reason | None = None
    failure: str | None = None
    attempts: int = 0
    done: bool = False
    unread: bool = False
    """Whether its value is framed and waits for a schema registry, which only the worker thread may ask."""
    trace: RecordSpan | None = None
    """Its span, while tracing is on."""

    def become(self, read: Item) -> None:
        """Take what a reading of the same record has found."""
        self.events, self.reason, self.failure = read.events, read.reason, read.failure
        self.done, self.unread = read.done, read.unread

    @property
    def room(self) -> int:
        """How much of a batch it takes: events decide how long a transaction is, and most records have one."""
        return max(1, len(self.events))


@dataclass(slots=True, eq=False)
class Lane:
    """One owned Kafka partition: its records in order, and how far it has come."""

    topic: str
    partition: int
    pending: deque[Item] = field(default_factory=deque["Item"])
    position: int | None = None
    """Next offset to commit, and where the ledger stands: everything below is recorded or dead-lettered. None until
    the lane is positioned."""
    committed: int | None = None
    """What Kafka has acknowledged as our committed offset in this assignment."""
    log: str | None = None
    """The log that the offsets of this lane belong to, as the ledger names it: a topic made anew has another."""
    fetched: int = 0
    """Next offset to come from the broker; where to seek after an error that may have swallowed records."""
    positioned: bool = False
    hold: Backoff | None = None
    """Why this lane waits, and until when."""
    stopped: str | None = None
    """Why nobody but an operator can set this lane going again."""
    operator_pause: Pause | None = None
    """Why an operator wants this lane left alone."""
    paused: bool = True
    """Whether the client is told to fetch nothing for it, for whatever reason."""
    read_to: int | None = None
    """Where the log ended when the client came to its end; since this lane was last positioned."""
    behind: tuple[int, float] | None = None
    """The position behind which the log is known to go on, and since when (epoch seconds) it has been there."""

    @property
    def name(self) -> str:
        """`topic/partition`, as it appears in logs and readiness."""
        return f"{self.topic}/{self.partition}"

    @property
    def next_record(self) -> Record | None:
        """The record at which this lane stands, if it has arrived; safe to ask from another thread."""
        try:
            return self.pending[0].record
        except IndexError:
            return None

    @property
    def ready(self) -> bool:
        """Whether work may be taken from this lane now."""
        return bool(self.pending) and self.operator_pause is None and (self.hold is None or self.hold.due)

    @property
    def waits(self) -> bool:
        """Whether no more records are wanted, for a reason of this lane's own."""
        return not self.positioned or self.hold is not None or self.operator_pause is not None

    def begin(self, offset: int) -> None:
        """Set where the lane reads from and commits from."""
        self.position = self.fetched = offset
        self.positioned, self.stopped, self.hold = True, None, None
        self.read_to = None

    def restart(self) -> None:
        """Forget everything: where this lane stands is to be asked again, and its records to be read again."""
        self.give_back()
        self.pending.clear()
        self.position, self.positioned, self.hold = None, False, None

    def give_back(self) -> None:
        """Say of all records that are open that they will be read again, here or by another consumer."""
        for item in self.pending:
            if item.trace is not None:
                item.trace.give_back()

    def come_to_end(self, offset: int) -> None:
        """Note where the log ends: all records before it have arrived."""
        if self.positioned:
            self.read_to = offset

    def left(self, end: int) -> int | None:
        """How many records are left in a log that ends there; None until the lane is positioned. From any thread.

        What lies behind the last record is none: the markers of transactions, and records of those that were aborted.
        """
        read_to, position = self.read_to, self.position  # before the records: those that come to an end come first
        if position is None:
            return None
        return max(0, end - (position if self.pending or read_to is None else max(position, read_to)))

    def add(self, item: Item) -> bool:
        """Take a record as it arrives; one that was handed out before (read again after a seek) is not taken twice."""
        taken = self.positioned and item.record.offset >= self.fetched
        if taken:
            self.pending.append(item)
            self.fetched = item.record.offset + 1
        return taken

    def take(self, limit: int) -> list[Item]:
        """The first records, in order, without removing them: as many as have room, and one at least."""
        taken: list[Item] = []
        for item in self.pending:
            limit -= item.room
            if taken and limit < 0:
                break
            taken.append(item)
        return taken

    def advance(self, position: int) -> None:
        """Move the position over settled records, to where the ledger has moved."""
        while self.pending and self.pending[0].record.offset < position:
            self.pending.popleft()
        self.position = position


def share_out(lanes: Iterable[Lane], room: int) -> list[tuple[Lane, list[Item]]]:
    """The next batch: as evenly as the lanes can fill it, so that a busy lane does not starve the others."""
    ready = sorted((lane for lane in lanes if lane.ready), key=lambda lane: len(lane.pending))
    work: list[tuple[Lane, list[Item]]] = []
    for left, lane in zip(range(len(ready), 0, -1), ready, strict=True):
        work.append((lane, lane.take(max(1, room // left))))
        room -= sum(item.room for item in work[-1][1])
    return work


def waiting(lanes: Iterable[Lane]) -> int:
    """How many records could be worked on now.

    No more are taken than are worked off: a lane that runs full is paused, and what is prefetched for it thrown away.
    """
    return sum(len(lane.pending) for lane in lanes if lane.ready)
