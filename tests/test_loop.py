"""The consumer's loop, black-box: records in, events in Dagster and letters on the dead-letter topic out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from broker import Broker
from brokers import each_group_protocol
from confluent_kafka import Consumer, KafkaError, TopicPartition
from consuming import (
    FaultyRecorder,
    Feed,
    RunningConsumer,
    committed,
    committed_offsets,
    eventually,
    happened,
    holds_for,
    without_refused_commits,
)
from dagster import DagsterInstance
from dagster_reading import runless_events
from databases import new_instance
from mock_cluster import PRODUCE, MockCluster, Sent, consume_all, produce
from numbered import event, numbers
from real_broker import SHORTEST_SESSION_MS

from asset_consumer import backoff, loop
from asset_events import AssetEvent, MaterializationEvent
from asset_reporting.outcomes import Failed, Outcome
from asset_reporting.public_recorder import PublicRecorder
from asset_reporting.transactional_recorder import TransactionalRecorder

both_recorders_everywhere = pytest.mark.parametrize(
    "recorder", [TransactionalRecorder, pytest.param(PublicRecorder, marks=pytest.mark.heavy)], indirect=True
)
"""For what follows from where the group stands, and is not promised alike by both: on the real broker too."""

REJECTED = b'{"event_type": "asset_check", "asset_key": "a"}'


@pytest.fixture
def instance(empty_home: Path, tmp_path: Path) -> Iterator[DagsterInstance]:
    with new_instance(empty_home, tmp_path) as instance:
        yield instance


@pytest.fixture(autouse=True)
def scaled_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is scaled: waits that are half a second to half a minute take a tenth of that."""
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    monkeypatch.setattr(backoff, "LONGEST_S", 3.0)


@pytest.fixture(
    params=[TransactionalRecorder, pytest.param(PublicRecorder, marks=[pytest.mark.heavy, pytest.mark.in_process])]
)
def recorder(instance: DagsterInstance, request: pytest.FixtureRequest) -> FaultyRecorder:
    """Both recorders, since the loop must keep its promises with either; what the broker does is one and the same."""
    return FaultyRecorder(request.param(instance))


@pytest.fixture
def topic(broker: Broker) -> str:
    broker.create_topic(broker.topic, 1)
    broker.create_topic(broker.dead_letters, 1)
    return broker.topic


@each_group_protocol
def test_events_are_recorded_in_order_and_the_offset_moves_with_our_mark(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    produce(broker.bootstrap, topic, *(event(n) for n in range(5)))

    with RunningConsumer(broker, recorder):
        mark = {"transactional": "asset-bridge/1", "public": "asset-bridge/1 public"}[recorder.name]
        eventually(lambda: committed(broker) == [(5, mark)])

    assert numbers(instance) == [0, 1, 2, 3, 4]


@pytest.mark.fault("records that are no event: against the contract, or without a value (tombstone)", "P1", "P4")
def test_a_bad_record_is_dead_lettered_and_its_batch_goes_on(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    produce(broker.bootstrap, topic, event(0), Sent(REJECTED, b"key", [("h", b"\xff"), ("h", None)]), None, event(1))

    with RunningConsumer(broker, recorder):
        eventually(lambda: committed_offsets(broker) == [4])

    assert numbers(instance) == [0, 1]
    rejected, tombstone = consume_all(broker.bootstrap, broker.dead_letters, 2)
    assert (rejected.key, rejected.value, rejected.headers[:2]) == (b"key", REJECTED, (("h", b"\xff"), ("h", None)))
    assert dict(rejected.headers)["asset-bridge.dlq.code"] == b"field.missing"
    assert dict(rejected.headers)["asset-bridge.dlq.id"] == f"{broker.topic}/0/1".encode()
    assert tombstone.value is None
    assert dict(tombstone.headers)["asset-bridge.dlq.code"] == b"tombstone"


def test_the_stored_event_says_which_record_it_came_from(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    produce(broker.bootstrap, topic, event(0), event(1))

    with RunningConsumer(broker, recorder):
        eventually(lambda: len(numbers(instance)) == 2)

    assert [stored.metadata["kafka/record"].value for stored in runless_events(instance)] == [
        f"{broker.topic}/0/0",
        f"{broker.topic}/0/1",
    ]


def test_a_topic_bound_to_a_type_needs_none_in_the_event(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    produce(broker.bootstrap, topic, b'{"asset_key": "a", "metadata": {"n": 7}}')

    with RunningConsumer(broker, recorder, topics={topic: "asset_observation"}):
        eventually(lambda: numbers(instance) == [7])


@pytest.mark.fault("the storage is down", "P1", "P2", "P3", "P6", "P7")
def test_a_storage_outage_holds_everything_and_writes_no_dead_letter(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    produce(broker.bootstrap, topic, *(event(n) for n in range(3)))
    with RunningConsumer(broker, recorder) as consumer:
        eventually(lambda: committed_offsets(broker) == [3])
        recorder.broken = "the database is down"
        calls = recorder.calls
        produce(broker.bootstrap, topic, *(event(n) for n in range(3, 9)))
        eventually(lambda: consumer.reason("storage") == "the database is down")
        produce(broker.bootstrap, topic, event(9))
        assert recorder.calls <= calls + 1  # the batch once, where no look at rest came first; then only the probe asks
        assert committed_offsets(broker) == [3]
        assert consumer.owned == 1

        recorder.broken = None
        eventually(lambda: committed_offsets(broker) == [10])
        eventually(lambda: consumer.reason("storage") == "")

    assert numbers(instance) == list(range(10))
    assert consume_all(broker.bootstrap, broker.dead_letters, 0) == []


@pytest.mark.fault("the storage hangs", "P1", "P2", "P6")
@each_group_protocol
def test_a_storage_that_hangs_does_not_cost_the_group_membership(
    broker: Broker,
    topic: str,
    instance: DagsterInstance,
    recorder: FaultyRecorder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "asset_bridge")
    monkeypatch.setattr(loop, "PATIENCE_S", 0.2)
    recorder.gate.clear()
    produce(broker.bootstrap, topic, *(event(n) for n in range(3)))
    session = broker.quick_group()
    limit_ms = int(session.get("session.timeout.ms", SHORTEST_SESSION_MS))  # it may not be shorter than the session

    with RunningConsumer(broker, recorder, librdkafka={**session, "max.poll.interval.ms": str(limit_ms)}) as consumer:
        eventually(recorder.entered.is_set)
        assert holds_for(limit_ms / 1000 + 1, lambda: consumer.health.alive)
        recorder.gate.set()
        eventually(lambda: committed_offsets(broker) == [3], timeout_s=15)
        assert consumer.owned == 1
        assert not {"lost", "revoked"} & happened(caplog.records)  # it was never thrown out of the group

    assert recorder.handed == 3  # nor was it handed the records again
    assert numbers(instance) == [0, 1, 2]


@pytest.mark.fault("dead-letter topic missing from the start", "P1", "P4", "P7")
def test_a_failing_dead_letter_topic_holds_the_offset_says_why_and_heals(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    broker.delete_topic(broker.dead_letters)
    produce(broker.bootstrap, topic, event(0), REJECTED, event(1))

    with RunningConsumer(broker, recorder) as consumer:
        eventually(lambda: f"{broker.topic}/0" in consumer.reason("partitions"))
        eventually(lambda: committed_offsets(broker) == [1])
        assert not consumer.health.ready
        broker.create_topic(broker.dead_letters, 1)
        eventually(lambda: committed_offsets(broker) == [3], timeout_s=60)
        eventually(lambda: consumer.health.ready)

    assert numbers(instance) == [0, 1]
    assert len(consume_all(broker.bootstrap, broker.dead_letters, 1)) >= 1


@pytest.mark.fault("dead letters of one partition cannot be written", "P1", "P6")
def test_one_held_partition_does_not_hold_the_others(
    broker: Broker, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    broker.create_topic(broker.topic, 2)  # and no dead-letter topic
    events = [Sent(event(n), partition=1) for n in range(5)]
    produce(broker.bootstrap, broker.topic, Sent(REJECTED, partition=0), *events)

    with RunningConsumer(broker, recorder):
        eventually(lambda: committed_offsets(broker, 2)[1] == 5)
        produce(broker.bootstrap, broker.topic, *(Sent(event(n), partition=1) for n in range(5, 8)))
        eventually(lambda: committed_offsets(broker, 2)[1] == 8)

        assert committed_offsets(broker, 2)[0] in (0, -1001)

    assert numbers(instance) == list(range(8))


@pytest.mark.fault("dead letters refused in the middle of a batch", "P1", "P6")
def test_the_committed_offset_never_passes_an_open_dead_letter(
    cluster: MockCluster, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    cluster.create_topic(cluster.topic)
    cluster.create_topic(cluster.dead_letters)
    produce(cluster.bootstrap, cluster.topic, event(0), REJECTED, event(1), REJECTED, event(2))
    cluster.push_request_errors(PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 1000)

    with RunningConsumer(cluster, recorder):
        eventually(lambda: committed_offsets(cluster) == [1])
        assert numbers(instance) == [0]
        cluster.clear_request_errors(PRODUCE)
        eventually(lambda: committed_offsets(cluster) == [5])

    assert numbers(instance) == [0, 1, 2]


class FailsFor(FaultyRecorder):
    """An unforeseen failure of the events whose number is 13, while the storage answers."""

    def record(self, events: Any, progress: Any = ()) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for one in events:
            outcomes += [Failed("Strange at nowhere.py:1")] if is_unlucky(one) else super().record([one], progress)
        return outcomes


def is_unlucky(one: AssetEvent) -> bool:
    return isinstance(one, MaterializationEvent) and one.metadata.get("n") == 13


@pytest.mark.fault("one event fails for a reason nobody foresaw", "P1", "P4")
def test_an_unforeseen_failure_is_isolated_once_its_neighbours_are_recorded(
    broker: Broker, topic: str, instance: DagsterInstance
) -> None:
    produce(broker.bootstrap, topic, event(1), event(13), event(2))

    with RunningConsumer(broker, FailsFor(PublicRecorder(instance))):
        eventually(lambda: committed_offsets(broker) == [3], timeout_s=40)

    assert numbers(instance) == [1, 2]
    (letter,) = consume_all(broker.bootstrap, broker.dead_letters, 1)
    assert dict(letter.headers)["asset-bridge.dlq.code"] == b"internal"
    assert dict(letter.headers)["asset-bridge.dlq.attempts"] == b"5"


@pytest.mark.fault("every event fails for a reason nobody foresaw", "P3", "P7")
def test_a_failure_of_every_event_holds_instead_of_filling_the_dead_letters(
    broker: Broker, topic: str, instance: DagsterInstance
) -> None:
    produce(broker.bootstrap, topic, event(13), event(13))
    recorder = FailsFor(PublicRecorder(instance))

    with RunningConsumer(broker, recorder) as consumer:
        eventually(lambda: "internal" in consumer.reason("partitions"))
        held = consumer._loop._assignment.lanes[broker.topic, 0]
        eventually(lambda: held.pending[0].attempts > 5, timeout_s=60)

    assert consume_all(broker.bootstrap, broker.dead_letters, 0) == []
    assert committed_offsets(broker)[0] in (0, -1001)


def test_a_group_without_offsets_starts_at_the_earliest_record_by_default(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    produce(broker.bootstrap, topic, event(0))

    with RunningConsumer(broker, recorder, start="earliest"):
        eventually(lambda: numbers(instance) == [0])


@each_group_protocol
def test_a_group_that_starts_at_the_latest_keeps_that_place_over_a_restart(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    produce(broker.bootstrap, topic, event(0))
    with RunningConsumer(broker, recorder, start="latest"):
        eventually(lambda: committed_offsets(broker) == [1])
    produce(broker.bootstrap, topic, event(1))

    with RunningConsumer(broker, recorder, start="latest"):
        eventually(lambda: numbers(instance) == [1])


def test_a_group_without_offsets_stops_the_partition_when_told_so(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    produce(broker.bootstrap, topic, event(0))

    with RunningConsumer(broker, recorder, start="error") as consumer:
        eventually(lambda: consumer.reason("partitions") == f"{broker.topic}/0: offset.missing")

    assert numbers(instance) == []


@each_group_protocol
@pytest.mark.parametrize(("policy", "expected"), [("error", []), ("earliest", [3, 4]), ("latest", [])])
@pytest.mark.fault("offset outside the log at start", "P1", "P7")
def test_an_offset_outside_the_log_is_never_skipped_in_silence(
    broker: Broker,
    topic: str,
    instance: DagsterInstance,
    recorder: FaultyRecorder,
    policy: str,
    expected: list[int],
) -> None:
    produce(broker.bootstrap, topic, *(event(n) for n in range(5)))
    commit(broker, 1)
    broker.delete_records(topic, 0, 3)

    with RunningConsumer(broker, recorder, out_of_range=policy) as consumer:
        if policy == "error":
            eventually(lambda: consumer.reason("partitions") == f"{broker.topic}/0: offset.out_of_range")
        else:
            eventually(lambda: committed_offsets(broker) == [5])
        eventually(lambda: consumer.health.ready == (policy != "error"))

    assert numbers(instance) == expected


def commit(broker: Broker, offset: int) -> None:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": broker.group})
    consumer.commit(offsets=[TopicPartition(broker.topic, 0, offset)], asynchronous=False)
    consumer.close()


@each_group_protocol
@pytest.mark.fault("consumer joins and leaves in mid-drain", "P1", "P2", "P6")
@both_recorders_everywhere
def test_partitions_move_to_a_second_consumer_without_loss_and_in_order_and_without_repetition_where_promised(
    broker: Broker, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    broker.create_topic(broker.topic, 4)
    broker.create_topic(broker.dead_letters, 4)
    feed = Feed(broker, 4, recorder)
    with RunningConsumer(broker, recorder, batch_max_records=40).impatient() as first:
        eventually(lambda: first.owned == 4 and feed.open > 100)
        recorder.gated = lambda progress: len(progress) > 2  # records of three partitions or four: some will move
        recorder.gate.clear()
        recorder.entered.clear()
        eventually(recorder.entered.is_set)
        calls = recorder.calls
        with RunningConsumer(broker, recorder, batch_max_records=40) as second:
            eventually(lambda: recorder.calls > calls, timeout_s=30)  # the second records some of the same
            recorder.gate.set()
            eventually(lambda: (first.owned, second.owned) == (2, 2), timeout_s=30)
            later = recorder.handed + 100
            eventually(
                lambda: recorder.handed > later and feed.open > 100, timeout_s=60
            )  # there is much left, as it leaves
        eventually(lambda: first.owned == 4, timeout_s=30)
        count = feed.stop()
        eventually(lambda: sum(committed_offsets(broker, 4)) == count, timeout_s=60)

    stored = numbers(instance)
    if recorder.guarantee == "at-least-once":  # the late batch is repeated
        stored = list(dict.fromkeys(stored))
    assert sorted(stored) == list(range(count))
    for partition in range(4):
        assert [n for n in stored if n % 4 == partition] == list(range(partition, count, 4))


@each_group_protocol
@pytest.mark.fault("partitions revoked while a batch is in flight", "P1", "P2")
def test_a_revocation_waits_for_the_batch_under_way_and_commits_it(
    broker: Broker, instance: DagsterInstance, recorder: FaultyRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "asset_bridge")
    broker.create_topic(broker.topic, 2)
    recorder.gate.clear()
    produce(broker.bootstrap, broker.topic, *(Sent(event(n), partition=n % 2) for n in range(4)))
    newcomer = FaultyRecorder(PublicRecorder(instance))
    with RunningConsumer(broker, recorder).patient() as first:
        eventually(recorder.entered.is_set)
        with RunningConsumer(broker, newcomer) as second:
            eventually(lambda: len(first._loop._assignment.lanes) == 1)  # one is being revoked, and the batch is open
            recorder.gate.set()
            eventually(lambda: (first.owned, second.owned) == (1, 1), timeout_s=30)
            eventually(lambda: sum(committed_offsets(broker, 2)) == 4)

    log = list(takewhile(lambda record: record.__dict__.get("happening") != "revoked", caplog.records))
    assert len(log) < len(caplog.records)
    assert sorted(without_refused_commits(broker, newcomer, numbers(instance), log)) == list(range(4))


@each_group_protocol
@pytest.mark.fault("input topic missing", "P7")
def test_an_unknown_input_topic_makes_the_consumer_unready_with_its_name(
    broker: Broker, topic: str, recorder: FaultyRecorder
) -> None:
    nowhere = broker.name("nowhere")
    with RunningConsumer(broker, recorder, topics={topic: None, nowhere: None}) as consumer:
        eventually(lambda: nowhere in consumer.reason("broker"))
        assert not consumer.health.ready
        broker.create_topic(nowhere, 1)
        broker.create_topic(f"{nowhere}.dlq", 1)
        eventually(lambda: consumer.health.ready, timeout_s=30)


@each_group_protocol
@pytest.mark.fault("brokers gone at rest, and back", "P1", "P7")
def test_brokers_that_go_away_and_come_back_cost_nothing(
    broker: Broker, topic: str, instance: DagsterInstance, recorder: FaultyRecorder
) -> None:
    with RunningConsumer(broker, recorder) as consumer:
        eventually(lambda: consumer.health.ready)
        broker.broker_down()
        eventually(lambda: consumer.reason("broker") != "")
        broker.broker_up()
        produce(broker.bootstrap, topic, *(event(n) for n in range(3)))
        eventually(lambda: committed_offsets(broker) == [3], timeout_s=90)
        eventually(lambda: consumer.health.ready)

    assert numbers(instance) == [0, 1, 2]


def test_a_fresh_consumer_is_ready_without_any_record(broker: Broker, topic: str, recorder: FaultyRecorder) -> None:
    with RunningConsumer(broker, recorder) as consumer:
        eventually(lambda: consumer.health.ready)
        assert consumer.health.alive
