"""What became of every record: stored in Dagster once, or dead-lettered, and how far the offsets say that it went."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as db
from broker import Broker
from consuming import committed_offsets, eventually
from dagster import AssetCheckEvaluation, DagsterInstance
from dagster_reading import count_rows, events_after
from mock_cluster import Sent, consume_all, produce

from asset_reporting.bridge_tables import OFFSETS

Place = tuple[int, int]
"""A record's Kafka partition and offset."""

_LATE_S = 10.0
"""How long a letter may take to be shown by a broker that has acknowledged it."""

_BAD = b'{"event_type": "asset_check", "asset_key": "a"}'
_KINDS = (b'"asset_materialization"', b'"asset_observation"', b'"asset_check", "check_name": "c", "passed": true')


@dataclass
class Accounts:
    """Everything that was produced, and a question that may be asked at any time: is it kept as promised?

    Every `bad_every`th record is no event.
    """

    broker: Broker
    instance: DagsterInstance
    partitions: int
    bad_every: int = 7
    good: set[Place] = field(default_factory=set[Place])
    bad: set[Place] = field(default_factory=set[Place])
    stored: list[Place] = field(default_factory=list[Place])
    letters: list[Place] = field(default_factory=list[Place])
    deleted: set[Place] = field(default_factory=set[Place])
    """Letters that somebody has deleted after they were written."""
    posts: list[str] = field(default_factory=list[str])
    """The assets of the stored events that came from no record."""
    _checks: int = 0
    _seen_id: int = 0
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def feed(self, count: int) -> None:
        """Produce records to all partitions in turn."""
        numbers = list(itertools.islice(self._numbers, count))
        bad = [number % self.bad_every == 0 for number in numbers]
        sent = [
            Sent(_BAD if is_bad else _good(number), partition=number % self.partitions)
            for number, is_bad in zip(numbers, bad, strict=True)
        ]
        for place, is_bad in zip(produce(self.broker.bootstrap, self.broker.topic, *sent), bad, strict=True):
            (self.bad if is_bad else self.good).add(place)

    def check(self) -> None:
        """Whatever has happened: nothing is stored twice or out of order, and no offset has passed an open record.

        The offsets are asked first, and what is recorded after: consumers may go on meanwhile. What an offset has
        passed is stored by then, or never will have been in time. A letter alone is looked for again: a leader that
        has just been chosen shows it a moment later.
        """
        offsets = [self._ledger(), dict(enumerate(committed_offsets(self.broker, self.partitions)))]
        self._look()
        deadline = time.monotonic() + _LATE_S
        while (passed := self._passed_by(offsets)) and passed <= self.bad and time.monotonic() < deadline:
            self._look()
        twice = [place for place, count in Counter(self.stored).items() if count > 1]
        assert not twice, f"stored twice: {some(twice)}"
        assert self.stored_of_each() == {partition: sorted(of) for partition, of in self.stored_of_each().items()}
        assert set(self.stored) <= self.good
        assert set(self.letters) <= self.bad
        assert not passed, f"an offset, of the ledger or of Kafka, has passed open records: {some(passed)}"

    def is_settled(self) -> bool:
        """Whether Kafka has been told that everything is done."""
        return sum(max(0, offset) for offset in committed_offsets(self.broker, self.partitions)) == self.produced

    def settled(self, timeout_s: float = 30) -> None:
        """Wait until everything is done, and look all the while whether it is kept as promised."""

        def is_settled_and_well() -> bool:
            self.check()
            return self.is_settled()

        eventually(is_settled_and_well, timeout_s)

    def is_recorded(self) -> bool:
        """Whether the ledger says that everything is done."""
        return sum(self._ledger().values()) == self.produced

    def close(self) -> None:
        """At the end nothing is missing; everything is read once more, from its beginning."""
        self.stored, self.posts, self._checks, self._seen_id = [], [], 0, 0
        self.check()
        assert set(self.stored) == self.good, f"lost: {some(self.good - set(self.stored))}"
        letters = set(self.letters) | self.deleted
        assert letters == self.bad, f"lost: {some(self.bad - letters)}"
        assert self.is_recorded()
        events, _, checks = count_rows(self.instance)
        assert (events, checks) == (len(self.stored) + len(self.posts), self._checks)

    @property
    def produced(self) -> int:
        return len(self.good) + len(self.bad)

    def stored_of_each(self) -> dict[int, list[int]]:
        """The offsets that are stored, by partition, in the order of their storage ids."""
        return {
            partition: [offset for its, offset in self.stored if its == partition]
            for partition in range(self.partitions)
        }

    def _passed_by(self, offsets: Iterable[Mapping[int, int]]) -> set[Place]:
        """The open records that lie before one of these offsets."""
        passed = {(partition, below) for each in offsets for partition, end in each.items() for below in range(end)}
        return passed - set(self.stored) - set(self.letters) - self.deleted

    def _look(self) -> None:
        """Read what is new in the event log (its index, which Dagster itself reads), and the dead letters."""
        for storage_id, event in events_after(self.instance, self._seen_id):
            self._seen_id = storage_id
            record = event.metadata.get("kafka/record")
            if record is None:
                self.posts.append(event.asset_key.to_user_string())
            else:
                self.stored.append(self._place(str(record.value)))
            self._checks += isinstance(event, AssetCheckEvaluation)
        letters = consume_all(self.broker.bootstrap, self.broker.dead_letters, 0)
        self.letters = [self._place((dict(one.headers)["asset-bridge.dlq.id"] or b"").decode()) for one in letters]

    def _ledger(self) -> dict[int, int]:
        with _storage(self.instance).index_connection() as connection:
            return {row.partition: row.next_offset for row in connection.execute(db.select(OFFSETS))}

    def _place(self, identity: str) -> Place:
        topic, partition, offset = identity.split("/")
        assert topic == self.broker.topic
        return int(partition), int(offset)


def some(places: Iterable[Place]) -> str:
    """How many, and the first of them."""
    ordered = sorted(places)
    return f"{len(ordered)} in all, {ordered[:5]}"


def _good(number: int) -> bytes:
    kind = _KINDS[number % len(_KINDS)]
    return b'{"event_type": %b, "asset_key": ["a", "%d"], "metadata": {"n": %d}}' % (kind, number % 20, number)


def _storage(instance: DagsterInstance) -> Any:
    return instance.event_log_storage
