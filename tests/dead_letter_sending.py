"""Dead-letter producers on a broker, what they are given to send, and what is then on the topic."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from broker import Broker
from dead_letter_samples import RECORD, SCHEMA
from mock_cluster import consume_all

from asset_consumer.client import producer_config
from asset_consumer.dead_letter import DeadLetter
from asset_consumer.dead_letter_producer import DeadLetterProducer

if TYPE_CHECKING:
    from asset_consumer.record import Record


class Producers:
    """Opens producers, which `close` closes; librdkafka properties with `_` for `.`."""

    def __init__(self) -> None:
        self._opened: list[DeadLetterProducer] = []

    def open(self, broker: Broker, **passthrough: str) -> DeadLetterProducer:
        properties = {"message.timeout.ms": "3000", "linger.ms": "1"}
        properties |= {name.replace("_", "."): value for name, value in passthrough.items()}
        config = producer_config(bootstrap_servers=broker.bootstrap, passthrough=properties)
        self._opened.append(DeadLetterProducer(config, group="asset-bridge", app="bridge/1.2.3"))
        return self._opened[-1]

    def close(self) -> None:
        for producer in self._opened:
            producer.close(0)


def letters(topic: str, *records: Record) -> list[tuple[str, Record, Any]]:
    return [(topic, record, SCHEMA) for record in records]


def read(broker: Broker, count: int) -> list[DeadLetter]:
    records = consume_all(broker.bootstrap, broker.dead_letters, count)
    return [DeadLetter(record.key, record.value, record.headers) for record in records]


def eventually_acknowledged(producer: DeadLetterProducer, topic: str, within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while (answers := producer.send(letters(topic, RECORD))) != [None]:
        assert time.monotonic() < deadline, answers
