"""Dead-letter producers on the mock cluster, what they are given to send, and what is then on the topic."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dead_letter_samples import RECORD, SCHEMA
from mock_cluster import MockCluster, consume_all

from asset_consumer.client import producer_config
from asset_consumer.dead_letter import DeadLetter
from asset_consumer.dead_letter_producer import DeadLetterProducer

if TYPE_CHECKING:
    from asset_consumer.record import Record

DLQ = "orders.events.dlq"


class Producers:
    """Opens producers on one cluster, which `close` closes; librdkafka properties with `_` for `.`."""

    def __init__(self, cluster: MockCluster) -> None:
        self._cluster = cluster
        self._opened: list[DeadLetterProducer] = []

    def open(self, **passthrough: str) -> DeadLetterProducer:
        properties = {"message.timeout.ms": "3000", "linger.ms": "1"}
        properties |= {name.replace("_", "."): value for name, value in passthrough.items()}
        config = producer_config(bootstrap_servers=self._cluster.bootstrap, passthrough=properties)
        self._opened.append(DeadLetterProducer(config, group="asset-bridge", app="bridge/1.2.3"))
        return self._opened[-1]

    def close(self) -> None:
        for producer in self._opened:
            producer.close(0)


def letters(*records: Record, topic: str = DLQ) -> list[tuple[str, Record, Any]]:
    return [(topic, record, SCHEMA) for record in records]


def read(cluster: MockCluster, count: int) -> list[DeadLetter]:
    records = consume_all(cluster.bootstrap, DLQ, count)
    return [DeadLetter(record.key, record.value, record.headers) for record in records]


def eventually_acknowledged(producer: DeadLetterProducer, within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while (answers := producer.send(letters(RECORD))) != [None]:
        assert time.monotonic() < deadline, answers
