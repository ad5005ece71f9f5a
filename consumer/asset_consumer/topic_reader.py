"""Read what a topic holds now, once, from outside every group: nothing is committed and no group has a new member."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from asset_consumer.consume import kafka_config
from asset_consumer.record import Record

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from asset_consumer.settings import Settings

BATCH_RECORDS = 500
"""Most records taken from the client at a time."""


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
    with _client(settings) as consumer:
        ends = _assign(consumer, settings, topic, last)
        heard = time.monotonic()
        while ends:
            messages = consumer.consume(BATCH_RECORDS, 0.5)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > settings.kafka.admin_timeout_s:
                raise TopicReaderError(f"the brokers gave no record of {topic} for {settings.kafka.admin_timeout_s} s")
            for message in messages:
                yield from _take(message, ends)


def _take(message: Message, ends: dict[int, int]) -> Iterator[Record]:
    """The record of a message, if it lies before the end; a partition that has come to its end is done with."""
    partition, offset, error = message.partition(), message.offset(), message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 # the public name of a code
        raise KafkaException(error)
    if partition is None or offset is None or partition not in ends:
        return
    if error is None and offset < ends[partition]:
        yield Record.from_message(message)
    if error is not None or offset >= ends[partition] - 1:  # the last offsets may be a transaction's own marks
        del ends[partition]


def _assign(consumer: Consumer, settings: Settings, topic: str, last: int | None) -> dict[int, int]:
    """Begin to read; return where each partition that holds anything ends."""
    timeout = settings.kafka.admin_timeout_s
    found = consumer.list_topics(topic, timeout=timeout).topics[topic]
    if found.error is not None:
        raise TopicReaderError(f"the topic {topic} cannot be looked at: {found.error.name()}")
    ends: dict[int, int] = {}
    begins: list[TopicPartition] = []
    for partition in sorted(found.partitions):
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout)
        begin = low if last is None else max(low, high - last)
        if begin < high:
            ends[partition] = high
            begins.append(TopicPartition(topic, partition, begin))
    consumer.assign(begins)
    return ends


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
