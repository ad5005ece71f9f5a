"""Hands records to librdkafka, and knows what became of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from confluent_kafka import KafkaError, KafkaException, Message

from asset_client.errors import EventRefusedError, NotReportedError
from asset_client.parts import Flow, Pause, Sendable
from asset_client.producer import let_go, open_producer, producer_config
from asset_client.reporter import Result
from asset_client.results import Delivered
from asset_events import AssetEvent, ErrorDetail

MIN_DEADLINE_S: Final = 3.0

_POLL_S: Final = 0.1  # from 0.2 s on, confluent-kafka's poll() waits out its time even when something arrives
_SCAN_S: Final = 1.0  # librdkafka looks for records that have timed out once a second
_AGAIN_S: Final = 0.05
_LOOKUP_S: Final = 5.0  # at most, so that closing need not wait longer for one that nobody waits for

_NO_SUCH_TOPIC: Final = {"UNKNOWN_TOPIC_OR_PART", "TOPIC_AUTHORIZATION_FAILED", "TOPIC_EXCEPTION"}
"""What no patience mends; a topic's other errors pass, as while its leader moves."""

_TOO_LARGE: Final = {"MSG_SIZE_TOO_LARGE", "INVALID_MSG_SIZE", "RECORD_LIST_TOO_LARGE"}

_NOT_WRITTEN: Final = {
    "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION", "UNKNOWN_TOPIC_OR_PART", "TOPIC_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED", "INVALID_RECORD", "POLICY_VIOLATION",
}  # fmt: skip
"""Refusals, which come at the first attempt: the topic has not got the record. After any other error nobody knows."""


@dataclass(frozen=True, slots=True)
class Until:
    """A step: wait until the future is done, or a point in (monotonic) time."""

    future: Future[Any]
    deadline: float

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return max(0.0, self.deadline - time.monotonic())


Steps: TypeAlias = Until | Pause


def record_key(event: AssetEvent) -> bytes:
    """The key of an asset's records, always the same, so that they stay in order: `warehouse/customers`."""
    return "/".join(event.asset_key).encode()


class Deliveries:
    """One producer, and a thread that takes its answers. May be used by several threads."""

    def __init__(self, bootstrap_servers: str, topic: str, deadline_s: float, librdkafka: Mapping[str, Any]) -> None:
        """Take a deadline in seconds; raises ValueError as the reporters do."""
        if deadline_s < MIN_DEADLINE_S:
            raise ValueError(f"deadline_s must be at least {MIN_DEADLINE_S:g}.")
        self._bootstrap_servers, self._topic, self._half_s = bootstrap_servers, topic, deadline_s / 2
        # So that nothing is delivered that its sender has been told is not.
        timeout_ms = int((self._half_s - _SCAN_S) * 1000)
        self._config = producer_config(
            librdkafka,
            {"bootstrap.servers": bootstrap_servers, "message.timeout.ms": timeout_ms, "error_cb": self._on_error},
        )
        self._lock = threading.Lock()
        self._fatal = False
        self._found: Future[str | None] | None = None
        self._last_error = "no answer in time"
        self._producer = open_producer(self._config)
        self._looking = ThreadPoolExecutor(1, "asset-client-topic")
        self._closed = threading.Event()
        self._polling = threading.Thread(target=self._poll, name="asset-client-poll", daemon=True)
        self._polling.start()

    def __str__(self) -> str:
        """Where the records go."""
        return f"{self._bootstrap_servers!r}, topic={self._topic!r}"

    def send(self, part: Sequence[Sendable]) -> Flow[Steps, Delivered]:
        """Hand over the records in their order, then wait for every answer until the deadline."""
        start = time.monotonic()
        if (problem := (yield from self._find(start + self._half_s))) is not None:
            return [NotReportedError(problem, may_be_recorded=False)] * len(part)
        answers = yield from self._hand_over_all(part, start + self._half_s)
        results: list[Result[Delivered]] = []
        for answer in answers:
            yield Until(answer, start + 2 * self._half_s)
            late = NotReportedError("no acknowledgement in time", may_be_recorded=True)
            results.append(answer.result() if answer.done() else late)
        return results

    def close(self) -> None:
        """Drop what is still under way, and let go of the connections; a second call does nothing."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
        self._polling.join()
        self._looking.shutdown()
        let_go(self._producer)

    def _find(self, deadline: float) -> Generator[Steps, Any, str | None]:
        """Ask once whether the topic is there, and again after a failure; None, or why not.

        Where no broker answers nothing is handed over, so that it is certain that nothing was recorded.
        """
        while True:
            with self._lock:
                if self._found is None:
                    self._found = self._looking.submit(self._look_up, deadline)
                found = self._found
            yield Until(found, deadline)
            problem = found.result() if found.done() else "no broker answers"
            if problem is None:
                return None
            if self._found is found and found.done():
                self._found = None
            if problem in _NO_SUCH_TOPIC:
                return f"the topic cannot be written to ({problem})"
            if time.monotonic() >= deadline:
                return f"no broker answers ({self._last_error})"
            yield Pause(_AGAIN_S)

    def _look_up(self, deadline: float) -> str | None:
        self._renew_if_fatal()
        left_s = min(_LOOKUP_S, max(_AGAIN_S, deadline - time.monotonic()))
        try:
            error = self._producer.list_topics(self._topic, timeout=left_s).topics[self._topic].error
        except KafkaException as raised:
            error = raised.args[0]
        return None if error is None else str(error.name())

    def _hand_over_all(
        self, part: Sequence[Sendable], deadline: float
    ) -> Generator[Steps, Any, list[Future[Result[Delivered]]]]:
        answers: list[Future[Result[Delivered]]] = [Future() for _ in part]
        for one, answer in zip(part, answers, strict=True):
            answer.set_running_or_notify_cancel()  # who stops waiting must not keep librdkafka's answer from its place
            while not self._hand_over(one, answer):
                if time.monotonic() > deadline:
                    answer.set_result(NotReportedError("too many records are under way", may_be_recorded=False))
                    break
                yield Pause(_AGAIN_S)
        return answers

    def _hand_over(self, one: Sendable, answer: Future[Result[Delivered]]) -> bool:
        """Give a record to librdkafka; false while its queue is full."""
        event = one.event
        headers: list[tuple[str, str | bytes | None]] = [
            ("content-type", b"application/json"),
            ("event-type", event.event_type.encode()),
            ("idempotency-key", (event.idempotency_key or "").encode()),
        ]
        told = partial(self._on_delivery, answer)
        try:
            self._producer.produce(self._topic, one.value, record_key(event), on_delivery=told, headers=headers)
        except BufferError:
            return False
        except KafkaException as raised:
            answer.set_result(self._failed(raised.args[0], handed_over=False))
        return True

    def _on_delivery(self, answer: Future[Result[Delivered]], error: KafkaError | None, message: Message) -> None:
        """Runs inside `poll()`, where it must not raise."""
        if error is not None:
            answer.set_result(self._failed(error, handed_over=True))
        else:
            answer.set_result(Delivered(self._topic, message.partition() or 0, message.offset() or 0))

    def _on_error(self, error: KafkaError) -> None:
        """Runs inside `poll()` too; librdkafka goes on trying."""
        self._last_error = error.name()
        self._fatal = self._fatal or error.fatal()

    def _failed(self, error: KafkaError, *, handed_over: bool) -> EventRefusedError | NotReportedError:
        name = error.name()
        if name in _TOO_LARGE:
            return EventRefusedError([ErrorDetail("", "event.too_large", "The event is larger than the topic takes.")])
        self._fatal = self._fatal or error.fatal() or name == "_FATAL"
        self._found = None  # so that the next report begins by asking whether anybody is there
        return NotReportedError(f"Kafka says {name}", may_be_recorded=handed_over and name not in _NOT_WRITTEN)

    def _poll(self) -> None:
        while not self._closed.is_set():
            # A fatal error, which every record is told as well; a producer just replaced; a callback of the caller's.
            with suppress(Exception):
                self._producer.poll(_POLL_S)

    def _renew_if_fatal(self) -> None:
        """Replace a producer that librdkafka has declared beyond repair; what it still held is told as failed."""
        if self._fatal:
            old, self._producer, self._fatal = self._producer, open_producer(self._config), False
            let_go(old)
