"""What the Kafka client says besides records: errors between the records, and errors out of its background threads.

librdkafka reports many conditions once and then stays silent, so what was heard is kept until the broker is asked
again and answers well.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException

from asset_consumer import happenings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confluent_kafka import Consumer

    from asset_consumer.lane import Lane

LOOK_EVERY_S = 5.0
LOOK_S = 1.0

_UNSUPPORTED = (KafkaError.UNSUPPORTED_VERSION, KafkaError._UNSUPPORTED_FEATURE)  # noqa: SLF001 # the client's public codes are named so
_OUT_OF_RANGE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}  # noqa: SLF001 # see above
_REFUSED = {
    KafkaError._AUTHENTICATION,  # noqa: SLF001 # see above
    KafkaError._SSL,  # noqa: SLF001 # see above
    KafkaError.GROUP_AUTHORIZATION_FAILED,
}
_TOPIC_TROUBLE = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 # see above
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 # see above
}


class BrokerWatch:
    """Whether the brokers and the input topics can be reached, as far as the client has said."""

    def __init__(self) -> None:
        self.troubles: dict[str, str] = {}
        """What is wrong, by topic; the empty name stands for the brokers as a whole."""
        self._fatal: KafkaError | None = None
        self._looked_at = 0.0

    def on_error(self, error: KafkaError) -> None:
        """Take an error from the client's background threads; called within `poll`, so it must not raise."""
        if is_fatal(error):
            self._fatal = error
        elif error.code() in _REFUSED:
            self.trouble("", error)
        elif error.code() == KafkaError._ALL_BROKERS_DOWN and "" not in self.troubles:  # noqa: SLF001 # see above
            self.trouble("", error)  # it follows on a refused login too, and says less

    def trouble(self, topic: str, error: KafkaError) -> None:
        """Note what is wrong with a topic, and say so once."""
        if topic not in self.troubles:
            happenings.broker_trouble(topic, error)
        self.troubles[topic] = error.name()

    def without_missing(self, seen: Mapping[str, str | KafkaError]) -> dict[str, str]:
        """Note topics that are not there, of which the client says nothing with the group protocol `consumer`."""
        for topic, log in seen.items():
            if isinstance(log, KafkaError):
                self.trouble(topic, log)
        return {topic: log for topic, log in seen.items() if isinstance(log, str)}

    def heard(self, topic: str | None) -> None:
        """A record arrived: its topic is well, and so is a broker."""
        if self.troubles:  # asked for every record
            for name in {"", topic or ""} & self.troubles.keys():
                self._well(name)

    def look(self, consumer: Consumer) -> None:
        """While something is wrong, ask the broker now and then whether it still is."""
        if not self.troubles or time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = time.monotonic()
        for topic in list(self.troubles):
            try:
                answer = consumer.list_topics(topic or None, timeout=LOOK_S)
            except KafkaException:
                return
            if not topic or answer.topics[topic].error is None:
                self._well(topic)

    def _well(self, topic: str) -> None:
        del self.troubles[topic]
        happenings.broker_well(topic)

    def raise_fatal(self) -> None:
        """End the process on an error from which the client says it cannot recover.

        Raises:
            KafkaException: The fatal error.
        """
        if self._fatal is not None:
            raise KafkaException(self._fatal)


def is_fatal(error: KafkaError) -> bool:
    """Whether the client can do nothing more; one that comes in place of a record tells it by its code alone."""
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001 # see above


def is_unsupported(error: KafkaError) -> bool:
    """Whether a fatal error says that the brokers do not know what they were asked.

    The client gives every fatal error the same code, and tells the broker's one in words alone.
    """
    return is_fatal(error) and any(KafkaError(code).str() in error.str() for code in _UNSUPPORTED)


def handle_error(error: KafkaError, topic: str | None, lane: Lane | None, brokers: BrokerWatch) -> None:
    """Act on an error that came in place of a record; each kind means something else, and none may be dropped.

    Raises:
        KafkaException: The error is fatal.
    """
    if is_fatal(error):
        raise KafkaException(error)
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 # see above
        return
    if error.code() in _OUT_OF_RANGE and lane is not None:
        lane.positioned = False  # asked anew where its log begins and ends, and judged by the configured policy
        happenings.client_said(error, lane.name)
    elif error.code() in _TOPIC_TROUBLE:
        brokers.trouble(topic or "", error)
    elif error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        brokers.trouble("", error)
    else:
        # _MAX_POLL_EXCEEDED too: the group has given our partitions away, on_lost follows within the next poll.
        happenings.client_said(error, topic or "")
