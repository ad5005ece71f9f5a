"""What a command line of Kafka's `kafka-topics.sh` would make, as `consume` would find it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from asset_consumer.topics import TopicFacts

KAFKAS_OWN = {"cleanup.policy": "delete", "max.message.bytes": "1048588", "retention.ms": "604800000"}


def topic_made_by(words: Sequence[str]) -> TopicFacts:
    """The topic that is made; what is not said is Kafka's default."""
    pairs = list(pairwise(words))
    said = dict(pairs)
    config = KAFKAS_OWN | dict(after.split("=", 1) for word, after in pairs if word == "--config")
    return TopicFacts(
        said["--topic"],
        int(said["--partitions"]),
        cleanup_policy=config["cleanup.policy"],
        max_message_bytes=int(config["max.message.bytes"]),
        retention_ms=int(config["retention.ms"]),
    )
