"""A Kafka broker inside this process for trying things out: librdkafka's mock cluster, the real wire protocol.

It keeps records in memory and forgets them when the process ends; it is not for production.
"""

from __future__ import annotations

import logging
from typing import Self

from confluent_kafka import Producer

METADATA_S = 10.0


class EmbeddedBroker:
    """One broker on a free port of the loopback interface; close its clients first."""

    def __init__(self) -> None:
        # The cluster lives as long as this producer, and is the only thing that the producer is for.
        self._owner = Producer({"test.mock.num.brokers": 1}, logger=logging.getLogger("asset_bridge.librdkafka"))
        brokers = self._owner.list_topics(timeout=METADATA_S).brokers.values()
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def __enter__(self) -> Self:
        """Nothing more to start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the broker."""
        del self._owner

    def create_topic(self, name: str) -> None:
        """Create a topic with four partitions, as the mock cluster does when one is asked for."""
        self._owner.list_topics(name, timeout=METADATA_S)
