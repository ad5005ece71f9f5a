"""A plain member of the test's group, without anything of ours."""

from __future__ import annotations

import time
from collections.abc import Callable

from broker import Broker
from confluent_kafka import Consumer


def group_member(broker: Broker, topic: str, **config: object) -> Consumer:
    consumer = Consumer({
        "bootstrap.servers": broker.bootstrap,
        "group.id": broker.group,
        "group.protocol": broker.group_protocol,
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


def poll_until(check: Callable[[], object], *consumers: Consumer, within_s: float = 30) -> list[bytes | None]:
    """Keep all the consumers in their groups until the check holds; returns the values that came meanwhile."""
    values: list[bytes | None] = []
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        for consumer in consumers:
            values += [message.value() for message in consumer.consume(100, 0.05) if message.error() is None]
    return values
