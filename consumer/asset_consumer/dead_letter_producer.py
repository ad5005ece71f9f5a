"""Writes dead letters, and knows of each whether the dead-letter topic has it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message

from asset_consumer.dead_letter import SHRINK_STEPS, DeadLetter, Reason, dead_letter, shrink
from asset_consumer.kafka_clients import Producer
from asset_consumer.record import Record

TOO_LARGE: Final = "dlq.too_large"
"""Answer for a letter that the topic's size limit refuses, however small it was made."""

UNAVAILABLE: Final = "dlq.unavailable"
"""Begins every other answer of a letter that was not acknowledged; the error's name follows."""

ANY_PARTITION: Final = -1

_RIGHTS_ERRORS: Final = frozenset({"CLUSTER_AUTHORIZATION_FAILED"})
_SIZE_ERRORS: Final = frozenset({"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_MSG_SIZE"})
_DEFAULT_MESSAGE_TIMEOUT_MS: Final = 300_000  # librdkafka's
_WHICHEVER: Final = "_FATAL"  # says that there was a fatal error, where the error itself says which
_MARGIN_S: Final = 5.0  # after message.timeout.ms librdkafka scans for timed out messages once a second
_LOOKUP_S: Final = 5.0
_POLL_S: Final = 0.1  # from 0.2 s on, confluent-kafka's poll() waits out its time even when something arrives


class DeadLetterFatalError(Exception):
    """Raised when a second producer failed as fatally as the first: the process must end, and be started anew."""


@dataclass(frozen=True, slots=True)
class _Outgoing:
    topic: str
    partition: int
    letter: DeadLetter


class DeadLetterProducer:
    """Sends dead letters and awaits every acknowledgement. Blocking; for one thread at a time.

    A letter counts as written only when the topic's in-sync replicas have it. Nothing here raises for a topic that is
    missing, full, forbidden or too small for a letter: the answer says so, and the caller keeps the record.
    """

    def __init__(self, config: Mapping[str, Any], *, group: str, app: str, connect: bool = True) -> None:
        """Take the configuration of `client.producer_config`; connects in the background.

        Args:
            config: librdkafka properties.
            group: The consumer group that the letters name.
            app: What the letters name as their writer, `name/version`.
            connect: Whether the letters carry Kafka Connect's headers too.
        """
        self._config = {**config, "error_cb": self._on_error}
        timeout_ms = float(config.get("message.timeout.ms", 0)) or _DEFAULT_MESSAGE_TIMEOUT_MS  # 0 would be endless
        self._patience_s = timeout_ms / 1000
        self._group, self._app, self._connect = group, app, connect
        self._fatal: str | None = None
        self._closed = False
        self._producer = Producer(self._config)

    def send(self, letters: Sequence[tuple[str, Record, Reason]]) -> list[str | None]:
        """Write one letter per (dead-letter topic, record, reason); one answer each, in their order.

        None: acknowledged. Else why not, without values: `dlq.too_large`, or `dlq.unavailable: ` and an error's name.
        Takes at most about twice `message.timeout.ms`, longer only when letters are refused for their size. A letter
        that was given up may still arrive: letters can be doubled, and share their id then.

        Raises:
            DeadLetterFatalError: Two producers in a row failed fatally; letters may or may not have been written.
        """
        if self._fatal is not None:
            self._renew()
        failed_at = datetime.now(UTC)
        built = [
            (topic, record.partition, dead_letter(
                record, reason, group=self._group, app=self._app, failed_at=failed_at, connect_headers=self._connect,
            ))
            for topic, record, reason in letters
        ]  # fmt: skip
        answers: list[str | None] = [UNAVAILABLE] * len(built)
        for renewed in (False, True):
            if renewed:
                self._renew()
            todo = [index for index, answer in enumerate(answers) if answer is not None]
            for index, answer in zip(todo, self._attempt([built[index] for index in todo]), strict=True):
                answers[index] = answer
            if self._fatal is None:
                return answers
            if self._fatal in _RIGHTS_ERRORS:  # beyond repair for this producer, but somebody may grant the right
                return [answer and f"{UNAVAILABLE}: {self._fatal}" for answer in answers]
        raise DeadLetterFatalError(f"the dead-letter producer failed fatally, twice in a row: {self._fatal}")

    def unusable(self, topics: Iterable[str]) -> dict[str, str]:
        """Ask which dead-letter topics cannot be written to now, and why; by name."""
        try:
            found = {topic: self._look_up(topic) for topic in topics}
        except KafkaException as error:  # no broker answers: true of every topic
            return dict.fromkeys(topics, self._answer(error.args[0]))
        return {topic: why for topic, why in found.items() if isinstance(why, str)}

    def serve(self) -> None:
        """Take librdkafka's pending log lines and errors; call it now and then while there is nothing to send."""
        self._poll(0)

    def close(self, timeout_s: float) -> None:
        """Give what is still under way `timeout_s` seconds, give up the rest, and let go of the connections."""
        if not self._closed:
            self._closed = True
            _let_go(self._producer, timeout_s)

    def _attempt(self, built: Sequence[tuple[str, int, DeadLetter]]) -> list[str | None]:
        try:
            topics = {topic: self._look_up(topic) for topic in dict.fromkeys(topic for topic, _, _ in built)}
        except KafkaException as error:  # no broker answers: true of every topic
            return [self._answer(error.args[0])] * len(built)
        answers: list[str | None] = []
        outgoing: list[_Outgoing] = []
        for topic, partition, letter in built:
            found = topics[topic]
            answers.append(found if isinstance(found, str) else None)
            if isinstance(found, int):
                outgoing.append(_Outgoing(topic, partition if partition < found else ANY_PARTITION, letter))
        written = iter(self._deliver_fitting(outgoing))
        return [answer if answer is not None else next(written) for answer in answers]

    def _look_up(self, topic: str) -> int | str:
        """How many partitions a topic has, or why it cannot be written to.

        Asked anew for every batch of letters: one short round trip, where librdkafka itself would hold letters for a
        missing topic until they time out, and partitions that were added are seen at once.
        """
        found = self._producer.list_topics(topic, timeout=min(_LOOKUP_S, self._patience_s)).topics[topic]
        return self._answer(found.error) if found.error is not None else len(found.partitions)

    def _deliver_fitting(self, outgoing: Sequence[_Outgoing]) -> list[str | None]:
        """Deliver all; letters refused for their size once more each by itself, and smaller and smaller.

        By itself first, since a broker refuses a whole batch of small letters for the size of the batch.
        """
        answers = self._deliver(outgoing)
        for index, item in enumerate(outgoing):
            for step in range(SHRINK_STEPS + 1):
                if answers[index] != TOO_LARGE:
                    break
                letter = shrink(item.letter, step) if step else item.letter
                answers[index] = self._deliver([_Outgoing(item.topic, item.partition, letter)])[0]
        return answers

    def _deliver(self, outgoing: Sequence[_Outgoing]) -> list[str | None]:
        """Produce all and wait until each is acknowledged or has failed; never trusts `flush()` to know."""
        answers: dict[int, str | None] = {}
        for index, item in enumerate(outgoing):
            self._produce(item, index, answers)
        deadline = time.monotonic() + self._patience_s + _MARGIN_S
        while len(answers) < len(outgoing) and self._fatal is None and time.monotonic() < deadline:
            self._poll(_POLL_S)
        while self._fatal == _WHICHEVER and time.monotonic() < deadline:  # which one, `_on_error` is told
            self._poll(_POLL_S)
        return [answers.get(index, f"{UNAVAILABLE}: no answer") for index in range(len(outgoing))]

    def _produce(self, item: _Outgoing, index: int, answers: dict[int, str | None]) -> None:
        deadline = time.monotonic() + self._patience_s
        on_delivery = partial(self._on_delivery, index, answers)
        while True:
            try:
                self._producer.produce(
                    item.topic,
                    item.letter.value,
                    item.letter.key,
                    item.partition,
                    on_delivery=on_delivery,
                    headers=list(item.letter.headers),
                )
            except BufferError:  # the queue is full; polling lets it drain
                if self._fatal is None and time.monotonic() < deadline:
                    self._poll(_POLL_S)
                    continue
                answers[index] = f"{UNAVAILABLE}: _QUEUE_FULL"
            except KafkaException as error:
                answers[index] = self._answer(error.args[0])
            return

    def _on_delivery(self, index: int, answers: dict[int, str | None], error: KafkaError | None, _: Message) -> None:
        """Runs inside `poll()`, where an exception would be raised to whoever polls, instead of the answer."""
        answers[index] = None if error is None else self._answer(error)

    def _on_error(self, error: KafkaError) -> None:
        """Runs inside `poll()` too; what is not fatal librdkafka retries and logs itself."""
        self._answer(error)

    def _answer(self, error: KafkaError) -> str:
        name = error.name()
        if name == _WHICHEVER:
            self._fatal = self._fatal or name
        elif error.fatal():
            self._fatal = name
        return TOO_LARGE if name in _SIZE_ERRORS else f"{UNAVAILABLE}: {name}"

    def _poll(self, timeout_s: float) -> None:
        try:
            self._producer.poll(timeout_s)
        except KafkaException as error:  # only of a fatal error, besides the call of `_on_error`
            self._answer(error.args[0])

    def _renew(self) -> None:
        """Replace a producer that librdkafka has declared beyond repair; what it still held is sent again."""
        _let_go(self._producer, 0)
        self._fatal = None
        self._producer = Producer(self._config)


def _let_go(producer: Producer, timeout_s: float) -> None:
    """Close without waiting longer than `timeout_s`: `Producer.close()` alone would flush until all has timed out."""
    for step in (partial(producer.flush, timeout_s), producer.purge, producer.close):
        with suppress(KafkaException):  # a fatal producer says so again at every step, and closes all the same
            step()
