"""The consumer's loop under faults: a storage that hangs or refuses, a client that fails, partitions that are lost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from broker import Broker
from brokers import each_group_protocol
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from consuming import (
    QUICK,
    FaultyRecorder,
    RunningConsumer,
    committed_offsets,
    eventually,
    holds_for,
)
from dagster import DagsterInstance
from databases import new_instance
from mock_cluster import OFFSET_COMMIT, MockCluster, Sent, consume_all, produce
from numbered import event, numbers

from asset_consumer import backoff, classify, loop, settle
from asset_consumer.assignment import Assignment
from asset_consumer.client import consumer_config
from asset_consumer.commits import Commits
from asset_consumer.decode import decode
from asset_consumer.lane import Item, Lane
from asset_consumer.record import Record
from asset_events import AssetEvent, ErrorDetail
from asset_reporting.outcomes import Again, Failed, Outcome, Rejected
from asset_reporting.public_recorder import PublicRecorder
from asset_reporting.recorder import Progress
from asset_reporting.transactional_recorder import TransactionalRecorder

UNLUCKY = 13


def codes(broker: Broker, count: int) -> list[bytes | None]:
    letters = consume_all(broker.bootstrap, broker.dead_letters, count)
    return [dict(letter.headers)["asset-bridge.dlq.code"] for letter in letters]


@pytest.fixture
def instance(empty_home: Path, tmp_path: Path) -> Iterator[DagsterInstance]:
    with new_instance(empty_home, tmp_path) as instance:
        yield instance


@pytest.fixture(autouse=True)
def scaled_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is scaled: waits that are half a second to half a minute take a tenth of that."""
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    monkeypatch.setattr(backoff, "LONGEST_S", 0.5)


@pytest.fixture
def topic(broker: Broker) -> str:
    broker.create_topic(broker.topic, 1)
    broker.create_topic(broker.dead_letters, 1)
    return broker.topic


class Answers(FaultyRecorder):
    """Answers `outcome` for the unlucky event, whatever the storage says, and records the others."""

    outcome: Outcome = Failed("Strange at nowhere.py:1")

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        return [
            self.outcome if one.metadata.get("n") == UNLUCKY else super(Answers, self).record([one], progress)[0]
            for one in events
        ]


@pytest.mark.fault("partitions revoked while the storage hangs, the batch late", "P1", "P2")
@each_group_protocol
def test_a_rebalance_goes_through_while_the_storage_hangs_and_the_late_batch_is_fenced(
    broker: Broker, instance: DagsterInstance
) -> None:
    broker.create_topic(broker.topic, 2)
    produce(broker.bootstrap, broker.topic, *(Sent(event(n), partition=n % 2) for n in range(10)))
    hanging = FaultyRecorder(TransactionalRecorder(instance))
    hanging.gate.clear()
    with RunningConsumer(broker, hanging) as first:
        eventually(lambda: hanging.entered.is_set() and first.owned == 2)
        with RunningConsumer(broker, TransactionalRecorder(instance)) as second:
            eventually(lambda: second.owned == 1, timeout_s=30)
            eventually(lambda: len(numbers(instance)) >= 5)
            hanging.gate.set()
            eventually(lambda: sum(committed_offsets(broker, 2)) == 10, timeout_s=30)

    assert sorted(numbers(instance)) == list(range(10))


@pytest.mark.fault("the storage refuses an event for its content", "P1", "P4", "P6")
@pytest.mark.parametrize("recorder", [TransactionalRecorder, PublicRecorder])
def test_what_the_storage_refuses_is_dead_lettered_and_its_batch_goes_on(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: Any
) -> None:
    answers = Answers(recorder(instance))
    answers.outcome = Rejected((ErrorDetail("", "storage.rejected", "Refused."),))
    produce(broker.bootstrap, topic, event(1), event(UNLUCKY), event(2))

    with RunningConsumer(broker, PerEvent(answers)):
        eventually(lambda: committed_offsets(broker) == [3])

    assert numbers(instance) == [1, 2]
    assert codes(broker, 1) == [b"storage.rejected"]


class PerEvent(FaultyRecorder):
    """Moves the ledger itself after the events, so that `Answers` may record one by one on either recorder."""

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:  # noqa: ARG002 # moved later
        return self.inner.record(events)

    def move(self, progress: Sequence[Progress]) -> Outcome | None:  # noqa: ARG002 # see above
        return None


@pytest.mark.fault("the storage is down", "P1", "P3")
def test_an_outage_is_asked_about_by_probes_and_not_by_the_batch(
    broker: Broker, topic: str, instance: DagsterInstance
) -> None:
    recorder = FaultyRecorder(TransactionalRecorder(instance))
    recorder.broken = "down"
    produce(broker.bootstrap, topic, event(1))

    with RunningConsumer(broker, recorder):
        eventually(lambda: recorder.probes >= 5)
        assert recorder.calls <= 1  # none when the idle look at the storage came first
        recorder.broken = None
        eventually(lambda: numbers(instance) == [1])


@pytest.mark.fault("the storage is down for writing alone", "P3")
def test_an_unforeseen_failure_of_a_sick_storage_is_held_and_not_dead_lettered(
    broker: Broker, topic: str, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LOOK_EVERY_S", 3600)  # a look at rest would call it an outage
    sick = Answers(PublicRecorder(instance))
    produce(broker.bootstrap, topic, *(event(n) for n in range(10)))
    with RunningConsumer(broker, sick) as consumer:
        eventually(lambda: len(numbers(instance)) == 10)  # others went through: the budget has tokens
        eventually(lambda: sick.probes == 1)  # the first look
        sick.sick = "half dead"
        produce(broker.bootstrap, topic, event(UNLUCKY))
        eventually(lambda: "internal" in consumer.reason("partitions"))
        held = consumer._loop._assignment.lanes[broker.topic, 0]
        eventually(lambda: held.pending[0].attempts > settle.ATTEMPTS + 2)

    assert codes(broker, 0) == []


@pytest.mark.fault("our own decoder fails on a record", "P1", "P4")
def test_a_record_that_our_own_decoder_fails_on_is_isolated(
    broker: Broker, topic: str, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(record: Record, **options: Any) -> AssetEvent:
        if record.value == event(UNLUCKY):
            raise RuntimeError("canary")
        return decode(record, **options)

    monkeypatch.setattr(classify, "decode", failing)
    produce(broker.bootstrap, topic, event(1), event(UNLUCKY), event(2))

    with RunningConsumer(broker, TransactionalRecorder(instance)):
        eventually(lambda: numbers(instance)[:1] == [1])
        produce(broker.bootstrap, topic, event(3))
        eventually(lambda: committed_offsets(broker) == [4], timeout_s=40)

    assert numbers(instance) == [1, 2, 3]
    assert codes(broker, 1) == [b"internal"]


@pytest.mark.fault("the storage hangs", "P1", "P7")
def test_liveness_is_the_turning_of_the_loop_at_rest_and_while_the_storage_hangs(
    broker: Broker, topic: str, instance: DagsterInstance
) -> None:
    recorder = FaultyRecorder(PublicRecorder(instance))
    with RunningConsumer(broker, recorder, max_beat_age_s=2.5) as consumer:
        eventually(lambda: consumer.health.ready)
        assert holds_for(3.5, lambda: consumer.health.alive)  # longer than a heartbeat may be old
        recorder.gate.clear()
        produce(broker.bootstrap, topic, event(1))
        eventually(recorder.entered.is_set)
        assert holds_for(3.5, lambda: consumer.health.alive)  # longer than a heartbeat may be old
        recorder.gate.set()
        eventually(lambda: numbers(instance) == [1])


@pytest.mark.fault("the storage is down", "P7")
def test_readiness_finds_out_by_itself_that_storage_or_dead_letter_topic_fail(
    broker: Broker, topic: str, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LOOK_EVERY_S", 0.3)
    recorder = FaultyRecorder(PublicRecorder(instance))
    with RunningConsumer(broker, recorder) as consumer:
        eventually(lambda: consumer.health.ready)
        recorder.broken = "down"
        eventually(lambda: consumer.reason("storage") == "down")
        recorder.broken = None
        eventually(lambda: consumer.health.ready)
        broker.delete_topic(broker.dead_letters)
        eventually(lambda: broker.dead_letters in consumer.reason("dead_letters"))
        broker.create_topic(broker.dead_letters, 1)
        eventually(lambda: consumer.health.ready)
    assert recorder.calls == 0


@pytest.mark.fault("a failure of one event passes", "P1", "P2", "P6")
@pytest.mark.parametrize("recorder", [TransactionalRecorder, PublicRecorder])
def test_a_failure_that_passes_does_not_change_the_order(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: Any
) -> None:
    produce(broker.bootstrap, topic, *(event(n) for n in range(6)))

    with RunningConsumer(broker, FailsOnce(recorder(instance))):
        eventually(lambda: committed_offsets(broker) == [6])

    assert numbers(instance) == list(range(6))


class FailsOnce(FaultyRecorder):
    """Fails the second event of its first batch, and gives the rest back, as both recorders do."""

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        if self.calls == 0 and len(events) > 1:
            self.calls += 1
            return [Again(), Failed("Strange at nowhere.py:1"), *[Again()] * (len(events) - 2)]
        return super().record(events, progress)


class Destroying:
    """A consumer whose `consume` fails once, after the records it fetched are gone, as librdkafka's may."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def consume(self, count: int, timeout: float) -> list[Any]:
        messages = self._consumer.consume(count, timeout)
        if messages and not self.failed:
            self.failed = True
            raise KafkaException(KafkaError(KafkaError._FAIL))
        return messages


@pytest.mark.fault("an exception of the client destroys fetched records", "P1", "P6")
def test_records_that_an_exception_of_the_client_destroyed_are_read_again(
    broker: Broker, topic: str, instance: DagsterInstance
) -> None:
    produce(broker.bootstrap, topic, *(event(n) for n in range(50)))
    consumer = RunningConsumer(broker, PublicRecorder(instance))
    destroying: Any = Destroying(consumer._loop._intake._consumer)
    consumer._loop._intake._consumer = destroying

    with consumer:
        eventually(lambda: committed_offsets(broker) == [50])

    assert destroying.failed
    assert numbers(instance) == list(range(50))


@pytest.mark.parametrize(("policy", "recorded"), [("earliest", [0, 3, 4]), ("latest", [0, 4])])
@pytest.mark.fault("offset falls out of the log while partitions are paused", "P1", "P2", "P7")
def test_a_partition_whose_log_has_moved_on_meanwhile_is_fetched_again(
    broker: Broker, topic: str, instance: DagsterInstance, policy: Any, recorded: list[int]
) -> None:
    recorder = FaultyRecorder(TransactionalRecorder(instance))
    with RunningConsumer(broker, recorder, out_of_range=policy) as consumer:
        recorder.gate.clear()
        produce(broker.bootstrap, topic, event(0))
        eventually(recorder.entered.is_set)
        recorder.broken = "down"
        recorder.gate.set()
        eventually(lambda: consumer.reason("storage"))  # from now on nothing more is fetched
        produce(broker.bootstrap, topic, *(event(n) for n in range(1, 4)))
        broker.delete_records(topic, 0, 3)
        recorder.broken = None
        eventually(lambda: committed_offsets(broker) == [4])
        produce(broker.bootstrap, topic, event(4))
        eventually(lambda: numbers(instance) == recorded)
        eventually(lambda: consumer.health.ready)


@pytest.mark.fault("partitions lost to max.poll.interval.ms", "P1")
@each_group_protocol
def test_lost_partitions_are_not_committed(broker: Broker, topic: str) -> None:
    limit_ms = str(broker.session_timeout_ms)
    client = group_client(broker, {**QUICK, **broker.session, "max.poll.interval.ms": limit_ms})
    committed_before_revoke: list[Lane] = []
    assignment = Assignment(client, committed_before_revoke.extend)
    assignment.subscribe([topic])
    poll_until(client, lambda: len(assignment.lanes) == 1)
    (lane,) = assignment.lanes.values()

    time.sleep(int(limit_ms) / 1000 + 1)  # not polling for longer than max.poll.interval.ms is what is tested
    poll_until(client, lambda: lane not in assignment.lanes.values())
    client.close()

    assert lane not in committed_before_revoke


def group_client(broker: Broker, properties: Mapping[str, str] | None = None) -> Consumer:
    """The Kafka client alone, as the loop has it."""
    group: Any = {"group_id": broker.group, "group_protocol": broker.group_protocol}
    return Consumer(consumer_config(bootstrap_servers=broker.bootstrap, **group, passthrough=properties))


def poll_until(client: Consumer, check: Any) -> None:
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline
        client.poll(0.05)


@each_group_protocol
def test_what_is_about_to_go_is_committed_before_the_call_returns(broker: Broker, topic: str) -> None:
    produce(broker.bootstrap, topic, event(1), event(2))
    client = group_client(broker)
    lane = Lane(topic, 0)
    lane.begin(2)

    Commits(lambda *_: lane, "mark").commit_and_wait(client, [lane])

    (answer,) = client.committed([TopicPartition(topic, 0)], timeout=10)
    client.close()
    assert (answer.offset, answer.metadata) == (2, "mark")


@pytest.mark.parametrize("refusal", [KafkaError.REBALANCE_IN_PROGRESS, KafkaError.STALE_MEMBER_EPOCH])
def test_a_commit_that_is_refused_for_a_moment_only_is_made_again(cluster: MockCluster, refusal: int) -> None:
    cluster.create_topic(cluster.topic)
    client = group_client(cluster)
    lane = Lane(cluster.topic, 0)
    lane.begin(2)
    cluster.push_request_errors(OFFSET_COMMIT, refusal)

    Commits(lambda *_: lane, "mark").commit_and_wait(client, [lane])

    client.close()
    assert committed_offsets(cluster) == [2]


def test_a_lane_takes_each_record_once_and_none_before_it_is_positioned() -> None:
    lane = Lane("t", 0)
    records = [Item(Record("t", 0, offset, None, None)) for offset in range(5)]

    lane.add(records[0])
    assert list(lane.pending) == []
    lane.begin(2)
    for item in (records[1], records[2], records[3], records[2], records[4]):
        lane.add(item)

    assert [item.record.offset for item in lane.pending] == [2, 3, 4]


def test_a_busy_lane_does_not_starve_the_others(cluster: MockCluster, instance: DagsterInstance) -> None:
    idle = RunningConsumer(cluster, PublicRecorder(instance), batch_max_records=10)._loop
    for partition, waiting in enumerate((100, 3)):
        lane = Lane(cluster.topic, partition)
        lane.begin(0)
        for offset in range(waiting):
            lane.add(Item(Record(cluster.topic, partition, offset, None, None)))
        idle._assignment.lanes[cluster.topic, partition] = lane

    assert [len(items) for _, items in idle._collect()] == [3, 7]
    idle._consumer.close()
