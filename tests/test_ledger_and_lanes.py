"""A lane stands where the ledger stands, whatever comes in between: no letter is written again, no record passed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from broker import Broker
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from consuming import FaultyRecorder, RunningConsumer, committed, committed_offsets, eventually
from dagster import DagsterInstance
from databases import new_instance
from mock_cluster import PRODUCE, MockCluster, Sent, consume_all, produce
from numbered import event, numbers

from asset_consumer import backoff
from asset_consumer.topic_ids import TopicIds
from asset_events import AssetEvent
from asset_reporting.outcomes import Again, Failed, Outcome
from asset_reporting.public_recorder import PublicRecorder
from asset_reporting.recorder import GroupId, Progress
from asset_reporting.transactional_recorder import TransactionalRecorder

REJECTED = b'{"event_type": "asset_check", "asset_key": "a"}'
UNLUCKY = 13


def letters(broker: Broker) -> list[str]:
    """The records that stand on the dead-letter topic, `partition/offset`, each as often as it was written."""
    headers = [dict(letter.headers) for letter in consume_all(broker.bootstrap, broker.dead_letters, 0)]
    ids = [(header["asset-bridge.dlq.id"] or b"").decode() for header in headers]
    return sorted(name.removeprefix(f"{broker.topic}/") for name in ids)


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


@pytest.mark.fault("storage outage amid bad records and a rebalance", "P1", "P2", "P3")
@pytest.mark.parametrize("kind", [TransactionalRecorder, PublicRecorder])
def test_an_outage_among_bad_records_writes_no_letter_twice(
    broker: Broker, topic: str, instance: DagsterInstance, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = FaultyRecorder(kind(instance))
    recorder.gate.clear()
    produce(broker.bootstrap, topic, REJECTED, event(0), REJECTED, event(1), REJECTED)

    with RunningConsumer(broker, recorder) as consumer:
        eventually(recorder.entered.is_set)
        recorder.broken = "an outage"
        recorder.gate.set()
        eventually(lambda: consumer.reason("storage") == "an outage")
        recorder.broken = None
        eventually(lambda: committed_offsets(broker) == [5])

    assert numbers(instance) == [0, 1]
    assert letters(broker) == ["0/0", "0/2", "0/4"]
    assert "The offset ledger had moved" not in caplog.text


@pytest.mark.fault("storage outage amid bad records and a rebalance", "P1", "P3")
def test_an_outage_that_leaves_letters_alone_writes_none_twice(
    broker: Broker, topic: str, instance: DagsterInstance
) -> None:
    recorder = FaultyRecorder(TransactionalRecorder(instance), broken="an outage")
    produce(broker.bootstrap, topic, REJECTED, REJECTED)

    with RunningConsumer(broker, recorder) as consumer:
        eventually(lambda: consumer.reason("storage") == "an outage")
        assert committed_offsets(broker) == [0]
        recorder.broken = None
        eventually(lambda: committed_offsets(broker) == [2])

    assert letters(broker) == ["0/0", "0/1"]


class FailsAlways(TransactionalRecorder):
    """A failure nobody foresaw of the unlucky event, as of one that the storage chokes on: nothing is recorded."""

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        unlucky = [one.metadata.get("n") == UNLUCKY for one in events]
        if any(unlucky):
            return [Failed("Strange at nowhere.py:1") if one else Again() for one in unlucky]
        return super().record(events, progress)


@pytest.mark.fault("one event fails for a reason nobody foresaw", "P1", "P4")
def test_an_unforeseen_failure_behind_a_letter_is_isolated_and_the_letter_written_once(
    broker: Broker, topic: str, instance: DagsterInstance
) -> None:
    with RunningConsumer(broker, FailsAlways(instance)):
        produce(broker.bootstrap, topic, *(event(n) for n in range(10)))  # they earn the budget
        eventually(lambda: committed_offsets(broker) == [10])
        produce(broker.bootstrap, topic, REJECTED, event(UNLUCKY), event(20))
        eventually(lambda: committed_offsets(broker) == [13])

    assert numbers(instance) == [*range(10), 20]
    assert letters(broker) == ["0/10", "0/11"]


class Destroying:
    """A client of which one call fails after the records that it fetched are gone, once it is told to."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.armed, self.failed = False, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def consume(self, count: int, timeout: float) -> list[Any]:
        messages = self._consumer.consume(count, timeout)
        if self.armed and messages:
            self.armed, self.failed = False, True
            raise KafkaException(KafkaError(KafkaError._FAIL))
        return messages


@pytest.mark.fault("an exception of the client destroys fetched records", "P1", "P2")
def test_an_exception_of_the_client_passes_no_record_that_waits_for_its_letter(
    cluster: MockCluster, instance: DagsterInstance
) -> None:
    cluster.create_topic(cluster.topic, 2)
    cluster.create_topic(cluster.dead_letters, 2)
    consumer = RunningConsumer(cluster, TransactionalRecorder(instance))
    destroying: Any = Destroying(consumer._loop._intake._consumer)
    consumer._loop._intake._consumer = destroying

    with consumer:
        eventually(lambda: consumer.owned == 2)
        refused = [KafkaError.TOPIC_AUTHORIZATION_FAILED] * 20
        cluster.push_partition_errors(cluster.dead_letters, 0, PRODUCE, *refused)
        held = [Sent(REJECTED, partition=0), *(Sent(event(n), partition=0) for n in range(3))]
        produce(cluster.bootstrap, cluster.topic, *held)
        eventually(lambda: f"{cluster.topic}/0" in consumer.reason("partitions"))
        destroying.armed = True
        while not destroying.failed:
            produce(cluster.bootstrap, cluster.topic, *(Sent(event(n), partition=1) for n in range(100, 150)))
        assert committed_offsets(cluster, 2)[0] == 0
        eventually(lambda: committed_offsets(cluster, 2)[0] == 4)

    assert [number for number in numbers(instance) if number < 100] == [0, 1, 2]
    assert letters(cluster) == ["0/0"]


@pytest.mark.parametrize(("mark", "begins"), [("asset-bridge/1", 1), ("asset-bridge/1 public", 3), ("", 3)])
def test_where_a_recorder_without_ledger_has_come_to_is_where_the_one_with_a_ledger_goes_on(
    broker: Broker, topic: str, instance: DagsterInstance, mark: str, begins: int
) -> None:
    produce(broker.bootstrap, topic, *(event(n) for n in range(5)))
    recorder = TransactionalRecorder(instance)
    somebody = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": broker.group})
    group = GroupId(somebody.list_topics(topic, timeout=10).cluster_id or "", broker.group)
    log = TopicIds({"bootstrap.servers": broker.bootstrap}).logs([topic])[topic]
    recorder.place(group, {(log, 0): 1}, {})
    somebody.commit(offsets=[TopicPartition(topic, 0, 3, metadata=mark)], asynchronous=False)
    somebody.close()

    with RunningConsumer(broker, recorder):
        eventually(lambda: committed(broker) == [(5, "asset-bridge/1")])

    assert numbers(instance) == [*range(begins, 5)]
