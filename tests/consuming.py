"""Run real consumers against a broker and a real Dagster instance, with faults to switch on and off."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

from broker import Broker
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from mock_cluster import MockCluster, Sent, produce
from numbered import event

from asset_consumer.budget import DeadLetterBudget
from asset_consumer.client import consumer_config, producer_config
from asset_consumer.dead_letter_producer import DeadLetterProducer
from asset_consumer.loop import ConsumerLoop
from asset_consumer.options import ConsumerOptions
from asset_consumer.settle import Road
from asset_reporting.handlers import ReportingContext
from asset_reporting.health import Health
from asset_reporting.outcomes import Outcome, Unavailable

if TYPE_CHECKING:
    from asset_consumer.framed import FrameReader
    from asset_events import AssetEvent
    from asset_reporting.pauses import Pauses
    from asset_reporting.recorder import GroupId, Positions, Progress, Recorder

TOPIC, DEAD_LETTERS, GROUP = "events", "events.dlq", "bridge"

T = TypeVar("T")

QUICK = {
    "fetch.wait.max.ms": "20",
    "fetch.error.backoff.ms": "20",
    "topic.metadata.refresh.interval.ms": "500",
}


def eventually(check: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Wait until the check holds; the last answer is the failure's message."""
    deadline = time.monotonic() + timeout_s
    while not (answer := check()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {answer!r}"
        time.sleep(0.02)


def holds_for(seconds: float, check: Callable[[], object]) -> bool:
    """Look for so long, where it is the length of a fault that matters; false as soon as the check does not hold."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not check():
            return False
        time.sleep(0.1)
    return True


def happened(log: Sequence[logging.LogRecord]) -> set[str]:
    """What the log tells."""
    return {record.__dict__["happening"] for record in log if "happening" in record.__dict__}


@dataclass
class FaultyRecorder:
    """A real recorder with a switch: `broken` answers like a storage that is down, `gate` makes it wait.

    `sick` is what a probe finds while recording still seems to work.
    """

    inner: Recorder
    broken: str | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    gated: Callable[[Sequence[Progress]], bool] = lambda _: True
    """Which batches have to pass the gate."""
    sick: str | None = None
    calls: int = 0
    handed: int = 0
    """How many events were handed over, one that came twice counted twice."""
    probes: int = 0
    entered: threading.Event = field(default_factory=threading.Event)
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Dagster's instance in memory cannot be written by two threads at once before 1.12.13."""

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def guarantee(self) -> str:
        return self.inner.guarantee

    @property
    def shortcoming(self) -> str | None:
        return self.inner.shortcoming

    @property
    def batch_events(self) -> int:
        return self.inner.batch_events

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        self.calls += 1
        self.handed += len(events)
        if self.gated(progress):
            self.entered.set()
            assert self.gate.wait(60)  # a test that failed before it let go must not keep the process from ending
        if self.broken is not None:
            return [Unavailable(self.broken)] * len(events)
        with self.turn:
            return self.inner.record(events, progress)

    def move(self, progress: Sequence[Progress]) -> Outcome | None:
        return Unavailable(self.broken) if self.broken else self.inner.move(progress)

    def positions(self, group: GroupId) -> Positions:
        return self.inner.positions(group)

    def place(self, group: GroupId, offsets: Positions, stood: Positions) -> bool:
        return self.inner.place(group, offsets, stood)

    def probe(self) -> str | None:
        self.probes += 1
        return self.broken or self.sick or self.inner.probe()


def without_refused_commits(
    broker: Broker, next_owner: Recorder, stored: Sequence[T], log: Sequence[logging.LogRecord]
) -> list[T]:
    """What was stored, once each where the coordinator refused a commit to a recorder without a ledger; else as it is.

    The mock coordinator answers a member that syncs late with INVALID_REQUEST; it joins again, and commits are refused
    meanwhile, which a broker's coordinator accepts. What could not be committed is then repeated by the next owner.
    """
    refused = any(record.__dict__.get("happening") == "commit_failed" for record in log)
    refused = refused and isinstance(broker, MockCluster) and next_owner.guarantee == "at-least-once"
    return list(dict.fromkeys(stored)) if refused else list(stored)


class Feed:
    """Produces events without a pause to all partitions in turn, so that whatever happens until it ends meets a drain.

    It is never more than `AHEAD` events ahead of a recorder that all consumers share.
    """

    AHEAD, AT_ONCE = 150, 50

    def __init__(self, broker: Broker, partitions: int, recorder: FaultyRecorder) -> None:
        self._broker, self._partitions, self._recorder = broker, partitions, recorder
        self.produced = 0
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(1)
        self._running = self._thread.submit(self._run)

    @property
    def open(self) -> int:
        """How many are not even handed to the recorder, or fewer."""
        return self.produced - self._recorder.handed

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            if self.open < self.AHEAD:
                numbers = range(self.produced, self.produced + self.AT_ONCE)
                sent = [Sent(event(number), partition=number % self._partitions) for number in numbers]
                produce(self._broker.bootstrap, self._broker.topic, *sent)
                self.produced += len(sent)

    def stop(self) -> int:
        """Produce no more; returns how many there are."""
        self._stop.set()
        self._running.result(30)
        self._thread.shutdown()
        return self.produced


class RunningConsumer:
    """One consumer of the group, in a thread, until the `with` block ends."""

    def __init__(
        self,
        broker: Broker,
        recorder: Recorder | ReportingContext,
        *,
        librdkafka: Mapping[str, str] | None = None,
        delivery_timeout_ms: int = 2000,
        max_beat_age_s: float = 60,
        frames: FrameReader | None = None,
        pauses: Callable[[str], Pauses] = lambda _: {},
        **options: Any,
    ) -> None:
        topics = options.setdefault("topics", {broker.topic: None})
        options.setdefault("dead_letter_topics", {topic: f"{topic}.dlq" for topic in topics})
        passthrough = {**broker.session, **QUICK, **(librdkafka or {})}
        self.health = Health(max_beat_age_s=max_beat_age_s)
        self._dead_letters = DeadLetterProducer(
            producer_config(
                bootstrap_servers=broker.bootstrap,
                passthrough={"message.timeout.ms": str(delivery_timeout_ms), **(librdkafka or {})},
            ),
            group=broker.group,
            app="test/1",
        )
        road = Road(
            ConsumerOptions(group_id=broker.group, schema_registry=frames is not None, **options),
            recorder if isinstance(recorder, ReportingContext) else ReportingContext(recorder),
            self._dead_letters,
            DeadLetterBudget(),
            frames,
            pauses,
        )
        config = consumer_config(
            bootstrap_servers=broker.bootstrap,
            group_id=broker.group,
            group_protocol=broker.group_protocol,
            passthrough=passthrough,
        )
        self._loop = ConsumerLoop(config, road, self.health)
        self._stop = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._loop.run(self._stop)
        except BaseException as error:  # raised again where the test waits
            self.failure = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def impatient(self) -> Self:
        """Let a revocation wait for the batch under way for a moment only, so that the batch comes late."""
        self._loop._revoke_wait_s = 0.1
        return self

    def patient(self) -> Self:
        """Let a revocation wait for the batch under way as long as that takes.

        A third of the session timeout, which is short here, may be too little on a busy machine.
        """
        self._loop._revoke_wait_s = 30.0
        return self

    def stop(self, timeout_s: float = 15.0) -> None:
        """Leave the group, and fail when the loop did not end well."""
        self._stop.set()
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), "the consumer did not stop"
        self._dead_letters.close(1.0)
        if self.failure is not None:
            raise self.failure

    def reason(self, condition: str) -> str:
        """Why a readiness condition does not hold; empty when it does."""
        return str(self.health.report()["conditions"].get(condition, {"reason": "unknown"})["reason"])

    @property
    def owned(self) -> int:
        """How many Kafka partitions this consumer has."""
        return int(self.health.report().get("assigned", 0))


def committed(broker: Broker, partitions: int = 1, topic: str | None = None) -> list[tuple[int, str | None]]:
    """The group's committed offset and metadata of each partition; -1001 for none."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": broker.group, "log_level": 0})
    try:
        asked = [TopicPartition(topic or broker.topic, partition) for partition in range(partitions)]
        return [(answer.offset, answer.metadata) for answer in _ask(lambda: consumer.committed(asked, timeout=10))]
    finally:
        consumer.close()


_COORDINATOR_MOVES = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
}


def _ask(question: Callable[[], list[TopicPartition]], within_s: float = 20.0) -> list[TopicPartition]:
    """Ask the group's coordinator, again while it is on the move."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return question()
        except KafkaException as error:
            if error.args[0].code() not in _COORDINATOR_MOVES or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def committed_offsets(broker: Broker, partitions: int = 1) -> list[int]:
    """The group's committed offsets; -1001 for none."""
    return [offset for offset, _ in committed(broker, partitions)]
