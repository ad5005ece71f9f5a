"""A plain member of the test's group, without anything of ours."""

from __future__ import annotations

from broker import Broker
from confluent_kafka import Consumer


def group_member(broker: Broker, topic: str, **config: object) -> Consumer:
    consumer = Consumer({
        "bootstrap.servers": broker.bootstrap,
        "group.id": broker.group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 10,
        "log_level": 0,
        **config,
    })  # fmt: skip
    consumer.subscribe([topic])
    return consumer


def next_value(consumer: Consumer) -> bytes | None:
    for _ in range(100):
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            return message.value()
    raise TimeoutError("no record came")
