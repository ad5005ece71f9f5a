"""Sends records and knows of each whether Kafka has it, has it not, or whether nobody can say."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError, KafkaException, Message

from asset_consumer.kafka_clients import Producer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asset_consumer.record import Headers

ANY_PARTITION: Final = -1

SIZE_ERRORS: Final = frozenset({"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_MSG_SIZE"})

_CONTENT_ERRORS: Final = SIZE_ERRORS | {"INVALID_TIMESTAMP", "INVALID_RECORD"}
_PERHAPS: Final = frozenset({"REQUEST_TIMED_OUT", "NOT_ENOUGH_REPLICAS_AFTER_APPEND"})
_NEVER_SENT: Final = frozenset({"_PURGE_QUEUE", "_QUEUE_FULL", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION", "_INVALID_ARG"})
_MARGIN_S: Final = 5.0  # after message.timeout.ms librdkafka scans for timed out messages once a second
_POLL_S: Final = 0.1  # from 0.2 s on, confluent-kafka's poll() waits out its time even when something arrives
_DEFAULT_TIMEOUT_MS: Final = 300_000.0  # librdkafka's


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to send; partition -1 leaves the choice to the key, timestamp 0 is now."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int = 0

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        names = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + names


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a record: `place` once Kafka has it, else the `error`; `unsure` when it may have it yet."""

    place: str | None = None
    error: str | None = None
    unsure: bool = False

    @property
    def of_this_record(self) -> bool:
        """Whether Kafka refused this record for what it is, so that another may be taken."""
        return self.error in _CONTENT_ERRORS


class LetterSender:
    """Blocking; for one thread. Every record is acknowledged by all in-sync replicas, in the order given."""

    def __init__(self, config: Mapping[str, Any], lookup_s: float) -> None:
        """Take the configuration of `client.producer_config`, and how long one question about a topic may take."""
        self._patience_s = (float(config.get("message.timeout.ms", 0)) or _DEFAULT_TIMEOUT_MS) / 1000
        self._lookup_s = lookup_s
        self._fatal: str | None = None
        self._producer = Producer({**config, "error_cb": self._on_error})
        self._partitions: dict[str, int | str] = {}

    def partitions(self, topic: str) -> int | str:
        """How many partitions a topic has, or the error's name why it cannot be written to; asked once."""
        if topic not in self._partitions:
            try:
                found = self._producer.list_topics(topic, timeout=self._lookup_s).topics[topic]
            except KafkaException as error:
                return str(error.args[0].name())
            self._partitions[topic] = len(found.partitions) if found.error is None else found.error.name()
        return self._partitions[topic]

    def send(self, records: Sequence[Outgoing]) -> list[Answer]:
        """Send all and wait until each is acknowledged or has failed; never raises for what Kafka says.

        What is refused for its size is sent once more by itself: brokers refuse a whole batch for that of the batch.
        """
        answers = self._send(records)
        for index, answer in enumerate(answers):
            if answer.error in SIZE_ERRORS and len(records) > 1:
                answers[index] = self._send([records[index]])[0]
        return answers

    def _send(self, records: Sequence[Outgoing]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        for index, record in enumerate(records):
            self._produce(record, index, answers)
        deadline = time.monotonic() + self._patience_s + _MARGIN_S
        while len(answers) < len(records) and self._fatal is None and time.monotonic() < deadline:
            self._poll(_POLL_S)
        nobody_knows = Answer(error=self._fatal or "no answer", unsure=True)
        return [answers.get(index, nobody_knows) for index in range(len(records))]

    def close(self) -> None:
        """Let go of the connections at once: nothing is under way that somebody still waits for."""
        for step in (self._producer.purge, self._producer.close):
            with suppress(KafkaException):
                step()

    def _produce(self, record: Outgoing, index: int, answers: dict[int, Answer]) -> None:
        deadline = time.monotonic() + self._patience_s
        on_delivery = partial(self._on_delivery, index, answers)
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    record.partition,
                    on_delivery=on_delivery,
                    timestamp=record.timestamp_ms,
                    headers=list(record.headers),
                )
            except BufferError:  # the queue is full; polling lets it drain
                if self._fatal is None and time.monotonic() < deadline:
                    self._poll(_POLL_S)
                    continue
                answers[index] = Answer(error="_QUEUE_FULL")
            except KafkaException as error:  # the client itself refuses it
                answers[index] = Answer(error=error.args[0].name())
            except OverflowError:  # anybody may have written the number that a letter tells as its time
                answers[index] = Answer(error="INVALID_TIMESTAMP")
            return

    def _on_delivery(self, index: int, answers: dict[int, Answer], error: KafkaError | None, message: Message) -> None:
        """Runs inside `poll()`, where an exception would be raised to whoever polls."""
        if error is None:
            answers[index] = Answer(place=f"{message.topic()}/{message.partition()}/{message.offset()}")
        else:
            answers[index] = _failed(error)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error.name()

    def _poll(self, timeout_s: float) -> None:
        try:
            self._producer.poll(timeout_s)
        except KafkaException as error:  # only of a fatal error
            self._fatal = self._fatal or error.args[0].name()


def _failed(error: KafkaError) -> Answer:
    """A broker that answers with an error has not written it, but for two; what the client gave up may have arrived."""
    name = error.name()
    surely = name in _NEVER_SENT or (error.code() > 0 and name not in _PERHAPS)
    return Answer(error=name, unsure=not surely)
