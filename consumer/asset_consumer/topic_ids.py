"""The identities that brokers give to topics: one that was deleted and made anew has the old name and another log.

An offset counts in one log only. Without the identity, a group that stood at 5 would go on at 5 in the new log, and
skip what lies before it in silence.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import KafkaError, KafkaException, TopicCollection

from asset_consumer.client import CONSUMER_ONLY
from asset_consumer.kafka_clients import AdminClient

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from confluent_kafka.admin import TopicDescription  # type: ignore[attr-defined] # documented, not declared

ASK_S = 5.0
LOOK_EVERY_S = 5.0
"""How long one question may take, and how often one is asked on the way."""

_NO_ID = frozenset({"AAAAAAAAAAAAAAAAAAAAAA", "None"})
"""What brokers before 2.8 answer, whose topics have no identity: sixteen zeros."""

_SEPARATOR = "#"
"""Between name and identity: no topic's name may hold it."""


class TopicIds:
    """Asks for the topics' identities; for one thread."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take the consumer's configuration: the same brokers, with the same rights."""
        shared = {name: value for name, value in config.items() if name not in CONSUMER_ONLY}
        self.admin = AdminClient({**shared, "log_level": 0})  # what troubles this client troubles the consumer too
        """May be asked other things, too."""
        self._asked: dict[str, Future[TopicDescription]] = {}
        self._asked_at = time.monotonic()

    def logs(self, topics: Iterable[str]) -> dict[str, str]:
        """The name of each topic's present log, by which the ledger knows it; the topic's own where none is told.

        Raises:
            KafkaException: No broker answers.
        """
        names = sorted(set(topics))
        metadata = self.admin.list_topics(names[0], timeout=ASK_S)
        if metadata.controller_id not in metadata.brokers:  # the question would wait for one: mock brokers have none
            return {topic: topic for topic in names}
        return {topic: _answer(topic, future) for topic, future in self._ask(names).items()}

    def seen_on_the_way(self, topics: Iterable[str]) -> dict[str, str | KafkaError]:
        """Like `logs`, without waiting: asks now and then, and returns the answers once they are there.

        The answer for a topic that is not there is the brokers' error.
        """
        if not self._asked:
            if time.monotonic() - self._asked_at >= LOOK_EVERY_S:
                self._asked, self._asked_at = self._ask(topics), time.monotonic()
            return {}
        if not all(future.done() for future in self._asked.values()):
            return {}
        answered, self._asked = self._asked, {}
        return {topic: _missing(future) or _answer(topic, future) for topic, future in answered.items()}

    def _ask(self, topics: Iterable[str]) -> dict[str, Future[TopicDescription]]:
        names = sorted(set(topics))
        if not names:
            return {}
        return cast(
            "dict[str, Future[TopicDescription]]",
            self.admin.describe_topics(TopicCollection(names), request_timeout=ASK_S),  # pyright: ignore[reportUnknownMemberType] - an untyped Future
        )


def topic_of(log: str) -> str:
    """The topic of a log's name."""
    return log.partition(_SEPARATOR)[0]


def is_identified(log: str) -> bool:
    """Whether the brokers told the identity of this log, and not its topic's name alone."""
    return _SEPARATOR in log


def another(log: str, other: str) -> bool:
    """Whether two logs of a topic are known to be two: as long as one has no identity, nobody can tell."""
    return is_identified(log) and is_identified(other) and log != other


def _missing(future: Future[TopicDescription]) -> KafkaError | None:
    failure = future.exception()
    error = failure.args[0] if isinstance(failure, KafkaException) else None
    return error if error is not None and error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART else None


def _answer(topic: str, future: Future[TopicDescription]) -> str:
    try:
        identity = str(future.result(2 * ASK_S).topic_id)
    except (KafkaException, TimeoutError):  # a right is missing, or the broker is of a kind that cannot tell
        return topic
    return topic if identity in _NO_ID else f"{topic}{_SEPARATOR}{identity}"
