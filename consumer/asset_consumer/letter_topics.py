"""Where dead letters lie: the topics of the settings, and those for letters that were parked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asset_consumer.settings import Settings

PARKING_SUFFIX: Final = ".parking"


def dead_letter_topics(settings: Settings, *, parking: bool = False) -> tuple[str, ...]:
    """The dead-letter topics of all input topics, each once; or those for letters that were parked."""
    kafka = settings.kafka
    topics = dict.fromkeys(kafka.dead_letter_topic_of(topic.name) for topic in kafka.topics)
    return tuple(parking_topic(topic) if parking else topic for topic in topics)


def parking_topic(dead_letters: str) -> str:
    """Where letters of a dead-letter topic are parked."""
    return f"{dead_letters}{PARKING_SUFFIX}"


def is_parking(topic: str) -> bool:
    """Whether this is a topic of parked letters, which stay where they are."""
    return topic.endswith(PARKING_SUFFIX)
