"""Where the group stands in Kafka, and how long the oldest record has waited: asked of the brokers, joining nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from confluent_kafka import TopicPartition

from asset_consumer.consume import kafka_config
from asset_consumer.kafka_clients import Consumer
from asset_consumer.offsets import PartitionOffsets
from asset_consumer.topic_ids import TopicIds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asset_consumer.settings import Settings

ASK_S = 5.0
"""Seconds that one question to the brokers may take."""

LOOK_S = 1.5
"""Seconds in which the oldest records are looked for."""

Place: TypeAlias = tuple[str, int]
"""Topic and Kafka partition."""


@dataclass(frozen=True, slots=True)
class GroupLook:
    """What the brokers say of the group; the ledger's part of `PartitionOffsets` is not filled in.

    `logs` names each topic's present log, by which the ledger knows it; `missing` are topics that cannot be looked at.
    """

    cluster_id: str
    partitions: tuple[PartitionOffsets, ...]
    logs: Mapping[str, str]
    missing: Mapping[str, str]


class BrokerQuestions:
    """Asks with one client that is kept; for one thread."""

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing before the first question."""
        self._topics = [topic.name for topic in settings.kafka.topics]
        self._config: dict[str, Any] = {**kafka_config(settings), **_QUIET}
        self._consumer: Consumer | None = None
        self._ids: TopicIds | None = None

    def group(self) -> GroupLook:
        """Ask where the group and the logs stand; raises KafkaException while no broker answers."""
        consumer = self._client()
        if self._ids is None:
            self._ids = TopicIds(self._config)
        metadata = consumer.list_topics(timeout=ASK_S)
        found = {name: metadata.topics.get(name) for name in self._topics}
        missing = {
            name: "UNKNOWN_TOPIC_OR_PART" if topic is None or topic.error is None else topic.error.name()
            for name, topic in found.items()
            if topic is None or topic.error is not None
        }
        asked = [
            TopicPartition(name, partition)
            for name, topic in found.items()
            if topic is not None and name not in missing
            for partition in sorted(topic.partitions)
        ]
        logs = self._ids.logs(name for name in self._topics if name not in missing) if asked else {}
        return GroupLook(metadata.cluster_id or "", tuple(self._offsets(consumer, asked)), logs, missing)

    @staticmethod
    def _offsets(consumer: Consumer, asked: list[TopicPartition]) -> Iterator[PartitionOffsets]:
        for answer in consumer.committed(asked, timeout=ASK_S) if asked else []:
            low, high = consumer.get_watermark_offsets(TopicPartition(answer.topic, answer.partition), timeout=ASK_S)
            yield PartitionOffsets(
                topic=answer.topic,
                partition=answer.partition,
                ledger=None,
                committed=answer.offset if answer.offset >= 0 else None,
                mark=answer.metadata or "",
                log_begins=low,
                log_ends=high,
            )

    def oldest(self, stands: Mapping[Place, int]) -> dict[Place, float]:
        """Epoch seconds of the record at each of these offsets, or of the next that is there; some may be missing."""
        if not stands:
            return {}
        consumer = self._client()
        consumer.assign([TopicPartition(*place, offset) for place, offset in stands.items()])
        found: dict[Place, float] = {}
        until = time.monotonic() + LOOK_S
        try:
            while len(found) < len(stands) and (left := until - time.monotonic()) > 0:
                message = consumer.poll(left)
                if message is None:
                    continue
                place = (message.topic() or "", message.partition() or 0)
                if message.error() is None and message.timestamp()[0]:
                    found.setdefault(place, message.timestamp()[1] / 1000)
                consumer.incremental_unassign([TopicPartition(*place)])
        finally:
            consumer.unassign()
        return found

    def _client(self) -> Consumer:
        if self._consumer is None:
            self._consumer = Consumer(self._config)
        return self._consumer


_QUIET = {
    "log_level": 0,  # what troubles this client is on the page
    "queued.min.messages": 1,  # of a partition that lags, one record is looked at
    "fetch.message.max.bytes": 65536,
    "fetch.wait.max.ms": 100,
}
