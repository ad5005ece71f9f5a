"""The soak's topics, read as they grow: what was produced, and what was dead-lettered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Self, TypeVar

from broker import Broker
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from consuming import committed
from soak_events import NAME

from asset_consumer.record import Record

PARTITIONS = {"orders": 4, "stock": 2}
DEAD_LETTER_PARTITIONS = 2
LETTER_BYTES = "1200000"
"""The most that a dead-letter topic takes: more than a letter of the soak ever has."""

READ_S = 30.0

T = TypeVar("T")

Lane = tuple[str, int]
"""A topic and one of its Kafka partitions."""


class SoakTopics:
    """Makes the topics, and knows every record's name by its place."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.names = {broker.name(name): count for name, count in PARTITIONS.items()}
        self.records: dict[Lane, list[str]] = {}
        self.letters: dict[tuple[Lane, int], str] = {}
        self.letters_written = 0
        for name, count in self.names.items():
            broker.create_topic(name, count)
            broker.create_topic(f"{name}.dlq", DEAD_LETTER_PARTITIONS, {"max.message.bytes": LETTER_BYTES})
            self.records |= {(name, partition): [] for partition in range(count)}
        letters = [(f"{name}.dlq", partition) for name in self.names for partition in range(DEAD_LETTER_PARTITIONS)]
        settings = {"auto.offset.reset": "earliest", "fetch.wait.max.ms": 20, "reconnect.backoff.max.ms": 500}
        # A broker that has just started may know no partitions yet, and for five minutes would not be asked again.
        settings["topic.metadata.refresh.interval.ms"] = 500
        client = {"bootstrap.servers": broker.bootstrap, "group.id": broker.name("soak"), "log_level": 0}
        self._reader = Consumer({**client, **settings, "enable.auto.commit": False})
        self._next = dict.fromkeys([*self.records, *letters], 0)
        self._reader.assign([TopicPartition(*lane, OFFSET_BEGINNING) for lane in self._next])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def read(self) -> None:
        """Read all that is there now."""
        for record in self._new():
            headers = dict(record.headers)
            name = (headers[NAME] or b"").decode()
            if (record.topic, record.partition) in self.records:
                of = self.records[record.topic, record.partition]
                assert record.offset == len(of)
                of.append(name)
            else:
                topic, partition, offset = (headers["asset-bridge.dlq.id"] or b"").decode().rsplit("/", 2)
                self.letters[(topic, int(partition)), int(offset)] = name
                self.letters_written += 1

    def ends(self) -> dict[Lane, int]:
        """The next offset of each partition, as the broker says."""
        return self._ends(self.records)

    def letter_ends(self) -> dict[Lane, int]:
        """The next offset of each partition of the dead-letter topics."""
        return self._ends(lane for lane in self._next if lane not in self.records)

    def committed(self) -> dict[Lane, int]:
        """The group's committed offsets, where there are any."""
        offsets: dict[Lane, int] = {}
        for name, count in self.names.items():
            offsets |= {
                (name, at): offset
                for at, (offset, _) in enumerate(_asked(partial(committed, self.broker, count, name)))
            }
        return offsets

    def _ends(self, lanes: Iterable[Lane]) -> dict[Lane, int]:
        return {lane: _asked(partial(self._end, lane)) for lane in lanes}

    def _end(self, lane: Lane) -> int:
        return self._reader.get_watermark_offsets(TopicPartition(*lane), timeout=5)[1]

    def _new(self) -> Iterator[Record]:
        ends, deadline = self._ends(self._next), time.monotonic() + READ_S
        while any(self._next[lane] < end for lane, end in ends.items()):
            assert time.monotonic() < deadline, f"what is at {ends} cannot be read within {READ_S} s"
            for message in self._reader.consume(1000, 0.05):
                if message.error() is None:
                    record = Record.from_message(message)
                    self._next[record.topic, record.partition] = record.offset + 1
                    yield record


def _asked(question: Callable[[], T]) -> T:
    """The answer of a broker that has come back, and may yet be without leaders and coordinators."""
    deadline = time.monotonic() + READ_S
    while True:
        try:
            return question()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
