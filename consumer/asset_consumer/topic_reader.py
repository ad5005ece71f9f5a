"""Read what topics hold now, once, from outside every group: nothing is committed and no group has a new member."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from asset_consumer.consume import kafka_config
from asset_consumer.kafka_clients import Consumer
from asset_consumer.missing_right import named
from asset_consumer.record import Record

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from asset_consumer.settings import Settings

BATCH_RECORDS = 500
"""Most records taken from the client at a time."""

WAIT_S = 0.1
"""How long the client waits for so many."""

Ends: TypeAlias = dict[tuple[str, int], int]
"""Where each Kafka partition ends for a reader."""


class TopicReaderError(Exception):
    """Raised when a topic cannot be read; says why in words for an operator."""


def read_topic(settings: Settings, topic: str, last: int | None = None) -> Iterator[Record]:
    """Yield the committed records of every Kafka partition up to where its log ends now, each partition's in order.

    Args:
        settings: The brokers, and how to reach them.
        topic: Any topic that the brokers' rights let us read.
        last: Only so many offsets before the end of each partition.

    Raises:
        TopicReaderError: It is not there, must not be read, or nothing came for `kafka.admin_timeout_s`.
    """
    return read_topics(settings, [topic], last)


def read_topics(settings: Settings, topics: Iterable[str], last: int | None = None) -> Iterator[Record]:
    """Like `read_topic`, for several: none is read further than it reached when the first record was asked for."""
    with _client(settings) as consumer:
        ends: Ends = {}
        begins: list[TopicPartition] = []
        for place, low, high in _extents(consumer, settings, topics):
            begin = low if last is None else max(low, high - last)
            if begin < high:
                ends[place.topic, place.partition] = high
                begins.append(TopicPartition(place.topic, place.partition, begin))
        consumer.assign(begins)
        yield from _records(consumer, settings, ends)


def read_record(settings: Settings, topic: str, partition: int, offset: int) -> Record | None:
    """The committed record at one place; None when there is none, or it is gone.

    Raises:
        TopicReaderError: As `read_topic` does.
    """
    with _client(settings) as consumer:
        for place, low, high in _extents(consumer, settings, [topic]):
            if place.partition == partition and low <= offset < high:
                consumer.assign([TopicPartition(topic, partition, offset)])
                records = _records(consumer, settings, {(topic, partition): offset + 1})
                return next((record for record in records if record.offset == offset), None)
    return None


def first_offsets(settings: Settings, topic: str) -> dict[int, int]:
    """Where each partition of the topic begins now: what lay before is deleted.

    Raises:
        TopicReaderError: As `read_topic` does.
    """
    with _client(settings) as consumer:
        return {place.partition: low for place, low, _ in _extents(consumer, settings, [topic])}


def extents(settings: Settings, topic: str) -> dict[int, tuple[int, int]]:
    """Where each partition of the topic begins and ends now.

    Raises:
        TopicReaderError: As `read_topic` does.
    """
    with _client(settings) as consumer:
        return {place.partition: (low, high) for place, low, high in _extents(consumer, settings, [topic])}


def count_records(settings: Settings, topics: Iterable[str]) -> int:
    """How many records the topics hold now, at most: a transaction's marks count too, and what compaction took.

    Raises:
        TopicReaderError: As `read_topic` does.
    """
    with _client(settings) as consumer:
        return sum(high - low for _, low, high in _extents(consumer, settings, topics))


def cluster_id(settings: Settings) -> str:
    """What the brokers call their cluster; empty where they have no name for it.

    Raises:
        TopicReaderError: They do not answer.
    """
    topic, timeout = settings.kafka.topics[0].name, settings.kafka.admin_timeout_s
    with _client(settings) as consumer:
        return consumer.list_topics(topic, timeout=timeout).cluster_id or ""


def _extents(
    consumer: Consumer, settings: Settings, topics: Iterable[str]
) -> Iterator[tuple[TopicPartition, int, int]]:
    """Each partition, with where its log begins and ends."""
    timeout = settings.kafka.admin_timeout_s
    for topic in topics:
        found = consumer.list_topics(topic, timeout=timeout).topics[topic]
        if found.error is not None:
            raise TopicReaderError(f"the topic {topic} cannot be looked at: {named(found.error.name(), 'READ', topic)}")
        for partition in sorted(found.partitions):
            place = TopicPartition(topic, partition)
            low, high = consumer.get_watermark_offsets(place, timeout=timeout)
            yield place, low, high


def _records(consumer: Consumer, settings: Settings, ends: Ends) -> Iterator[Record]:
    """What the assigned partitions hold before their ends."""
    heard = time.monotonic()
    while ends:
        messages = consumer.consume(BATCH_RECORDS, WAIT_S)
        if not messages and time.monotonic() - heard > settings.kafka.admin_timeout_s:
            topics = ", ".join(sorted({topic for topic, _ in ends}))
            raise TopicReaderError(f"the brokers gave no record of {topics} for {settings.kafka.admin_timeout_s} s")
        for message in messages:
            yield from _take(message, ends)
        if messages:
            heard = time.monotonic()  # after whoever asked has worked on them


def _take(message: Message, ends: Ends) -> Iterator[Record]:
    """The record of a message, if it lies before the end; a partition that has come to its end is done with."""
    place, offset, error = (message.topic() or "", message.partition() or 0), message.offset(), message.error()
    if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return  # nobody needs a right on a group that is never joined
    if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 # the public name of a code
        raise TopicReaderError(f"{place[0]} cannot be read: {named(error.name(), 'READ', place[0])}")
    if offset is None or place not in ends:
        return
    if error is None and offset < ends[place]:
        yield Record.from_message(message)
    if error is not None or offset >= ends[place] - 1:  # the last offsets may be a transaction's own marks
        del ends[place]


@contextmanager
def _client(settings: Settings) -> Generator[Consumer]:
    """A consumer that joins no group; the name of one that nobody else has is needed all the same."""
    config: dict[str, Any] = {
        **kafka_config(settings),
        "group.id": f"{settings.kafka.group_id}-reader-{uuid4()}",
        "enable.partition.eof": True,
    }
    consumer = Consumer(config)
    try:
        yield consumer
    except KafkaException as error:
        raise TopicReaderError(f"Kafka cannot be read: {error.args[0].name()}") from error
    finally:
        consumer.close()
