"""What became of every record and post of the soak, read from Kafka and from the database; nobody's memory is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as db
from dagster import DagsterInstance
from dagster_reading import count_rows, events_after
from soak_events import NAME, is_good, kind_of
from soak_posts import Answers
from soak_topics import Lane, SoakTopics

from asset_reporting.bridge_tables import OFFSETS


@dataclass
class Stored:
    """What the event log holds; an event that is there twice or out of order is found as it is read."""

    names: dict[str, int] = field(default_factory=dict[str, int])
    """The storage id of each event; the last one's, where Kafka's producer has sent an event again."""
    records: dict[Lane, dict[int, str]] = field(default_factory=dict[Lane, dict[int, str]])
    last_id: int = 0
    count: int = 0

    def read(self, instance: DagsterInstance) -> None:
        """Read what is new."""
        for storage_id, event in events_after(instance, self.last_id):
            name, record = str(event.metadata[NAME].value), event.metadata.get("kafka/record")
            seen = f"{name} as {storage_id} and {self.names.get(name)}, the former from {record}"
            assert is_good(name), f"recorded, and should be refused: {seen}"
            once = kind_of(name) == "keyed" or record is None
            assert not (once and name in self.names), f"recorded twice: {seen}"
            if record is not None:
                self._record(str(record.value), name)
            self.names[name] = self.last_id = storage_id
            self.count += 1

    def _record(self, identity: str, name: str) -> None:
        topic, partition, offset = identity.rsplit("/", 2)
        offsets = self.records.setdefault((topic, int(partition)), {})
        assert int(offset) not in offsets, f"recorded twice: {identity}"
        assert int(offset) > next(reversed(offsets), -1), f"out of order: {identity}"
        offsets[int(offset)] = name


@dataclass
class SoakAccounts:
    """A question that may be asked whenever broker and database answer: is all kept as promised?"""

    topics: SoakTopics
    instance: DagsterInstance
    answers: Answers
    stored: Stored = field(default_factory=Stored)
    passed: dict[Lane, int] = field(default_factory=dict[Lane, int])
    """Below this offset every record of a partition is done."""

    def check(self) -> None:
        """What is said (offsets, answers) is asked first, what is so after: consumers go on meanwhile."""
        told = {"ledger": self.ledger(), "Kafka": self.topics.committed()}
        answered = dict(self.answers.recorded)
        self.stored.read(self.instance)
        self.topics.read()
        self._compare()
        for who, offsets in told.items():
            for lane, offset in offsets.items():
                done = self._done(lane)
                assert offset <= done, (
                    f"{who} stands at {offset} of {lane}, and {self.topics.records[lane][done]} is open"
                )
        for name, event_id in answered.items():
            assert self.stored.names.get(name) == event_id, f"answered with id {event_id} and not there: {name}"

    def close(self) -> None:
        """At the end nothing is missing; the event log is read once more, from its beginning."""
        self.stored, self.passed = Stored(), {}
        self.check()
        ends = self.topics.ends()
        for lane, end in ends.items():
            assert self._done(lane) == end, f"lost: {self.topics.records[lane][self._done(lane)]} of {lane}"
        assert self.ledger() == {lane: end for lane, end in ends.items() if end}
        assert self.stored.count == count_rows(self.instance)[0]

    def has_passed(self, ends: Mapping[Lane, int]) -> bool:
        """Whether all below these offsets is done."""
        ledger = self.ledger()
        return all(ledger.get(lane, 0) >= end for lane, end in ends.items())

    def ledger(self) -> dict[Lane, int]:
        storage: Any = self.instance.event_log_storage
        with storage.index_connection() as connection:
            rows = connection.execute(db.select(OFFSETS)).all()
        return {(row.topic.partition("#")[0], row.partition): row.next_offset for row in rows}

    def _compare(self) -> None:
        """What is stored or dead-lettered is what was produced, and nothing that should be recorded was refused."""
        for lane, names in self.stored.records.items():
            produced = self.topics.records[lane]
            assert all(produced[offset] == name for offset, name in names.items())
        for (lane, offset), name in self.topics.letters.items():
            assert self.topics.records[lane][offset] == name
            assert not is_good(name), f"dead-lettered, and should be recorded: {name}"

    def _done(self, lane: Lane) -> int:
        """The first offset that is open."""
        names, offset = self.topics.records[lane], self.passed.get(lane, 0)
        while offset < len(names) and self._is_done(lane, offset, names[offset]):
            offset += 1
        self.passed[lane] = offset
        return offset

    def _is_done(self, lane: Lane, offset: int, name: str) -> bool:
        if kind_of(name) == "keyed":
            return name in self.stored.names
        return offset in self.stored.records.get(lane, {}) if is_good(name) else (lane, offset) in self.topics.letters
