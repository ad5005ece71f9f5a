"""A process whose consumer has a callback that raises: commits how far it got, prints how many records came, and goes.

A process of its own, since after some such exceptions the client's `close()` never returns (confluent-kafka 2.16.1).

    python raising_callback.py BOOTSTRAP TOPIC
"""

from __future__ import annotations

import os
import sys
import time

from confluent_kafka import Consumer, TopicPartition

QUIET_S = 2.0
GROUP = ".raising"


def main(bootstrap: str, topic: str) -> None:
    received: list[int | None] = []
    raised: list[str] = []

    def raise_twice(statistics: str) -> None:
        if received and len(raised) < 2:
            raised.append(statistics)
            raise ValueError

    config = {
        "bootstrap.servers": bootstrap,
        "group.id": f"{topic}{GROUP}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "statistics.interval.ms": 20,
    }
    consumer = Consumer({**config, "stats_cb": raise_twice})
    consumer.subscribe([topic])
    quiet_since = time.monotonic()
    while not received or time.monotonic() - quiet_since < QUIET_S:
        try:
            messages = consumer.consume(7, 0.5)
        except ValueError:
            continue
        received += [message.offset() for message in messages if message.error() is None]
        if messages:
            quiet_since = time.monotonic()
    position = consumer.position([TopicPartition(topic, 0)])
    consumer.commit(offsets=position, asynchronous=False)
    sys.stdout.write(f"{len(received)} {position[0].offset}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
