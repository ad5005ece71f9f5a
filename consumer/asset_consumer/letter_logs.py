"""Which log a dead-letter topic is now, and of which cluster: what its letters' fates are known by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException

from asset_consumer.consume import kafka_config
from asset_consumer.topic_ids import TopicIds
from asset_consumer.topic_reader import TopicReaderError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asset_consumer.settings import Settings


@dataclass(frozen=True, slots=True)
class LetterLogs:
    """The cluster's id, and the name of each topic's present log."""

    cluster_id: str
    names: Mapping[str, str]


def letter_logs(settings: Settings, topics: Iterable[str]) -> LetterLogs:
    """Ask the brokers.

    Raises:
        TopicReaderError: They do not answer.
    """
    asked = list(topics)
    config = kafka_config(settings)
    consumer = Consumer(config)
    try:
        cluster_id = consumer.list_topics(asked[0], timeout=settings.kafka.admin_timeout_s).cluster_id
        return LetterLogs(cluster_id or "", TopicIds(config).logs(asked))
    except KafkaException as error:
        raise TopicReaderError(f"Kafka cannot be asked: {error.args[0].name()}") from error
    finally:
        consumer.close()


def dead_letter_topics(settings: Settings, *, parking: bool = False) -> tuple[str, ...]:
    """The dead-letter topics of all input topics, each once; or those for letters that were parked."""
    kafka = settings.kafka
    topics = dict.fromkeys(kafka.dead_letter_topic_of(topic.name) for topic in kafka.topics)
    return tuple(parking_topic(topic) if parking else topic for topic in topics)


def parking_topic(dead_letters: str) -> str:
    """Where letters of a dead-letter topic are parked; those that are parked already stay where they are."""
    return dead_letters if dead_letters.endswith(PARKING_SUFFIX) else f"{dead_letters}{PARKING_SUFFIX}"


PARKING_SUFFIX = ".parking"
