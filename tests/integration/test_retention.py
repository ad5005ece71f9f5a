"""A log that grows shorter while nobody reads it: by age, or by compaction, which leaves gaps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from consuming import FaultyRecorder, RunningConsumer, committed_offsets, eventually
from databases import Database
from kafka_server import ThrowAwayKafka
from mock_cluster import Sent, consume_all, produce
from numbered import event, numbers
from real_broker import RealBroker

from asset_consumer.options import StartPolicy
from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("scaled_backoff")]

TIDY = {
    "log.cleaner.backoff.ms": "100",
    "log.initial.task.delay.ms": "0",
    "log.retention.check.interval.ms": "100",
}
"""What a broker does every fifteen seconds to five minutes, it does at once."""

AGES_AGO_MS = 1000


@pytest.fixture(scope="module")
def tidy(jars: Path) -> Iterator[ThrowAwayKafka]:
    with closing(ThrowAwayKafka(jars, TIDY)) as server:
        yield server


@pytest.fixture
def kafka(tidy: ThrowAwayKafka) -> Iterator[RealBroker]:
    with closing(RealBroker(tidy.bootstrap)) as broker:
        broker.create_topic(broker.dead_letters)
        yield broker


@pytest.mark.parametrize(("policy", "recorded"), [("error", []), ("earliest", [3, 4, 5]), ("latest", [5])])
@pytest.mark.fault("log truncated by retention under a consumer that waits for its storage", "P1", "P2", "P7")
def test_what_retention_took_away_meanwhile_is_never_skipped_in_silence(
    kafka: RealBroker, sqlite: Database, policy: StartPolicy, recorded: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    kafka.create_topic(kafka.topic)
    instance = sqlite.open()
    recorder = FaultyRecorder(TransactionalRecorder(instance))
    with RunningConsumer(kafka, recorder, out_of_range=policy) as consumer:
        recorder.gate.clear()
        produce(kafka.bootstrap, kafka.topic, event(0))
        eventually(recorder.entered.is_set)
        recorder.broken = "the database is down"
        recorder.gate.set()
        eventually(lambda: consumer.reason("storage"))  # from now on nothing more is fetched
        produce(kafka.bootstrap, kafka.topic, event(1), event(2))
        kafka.configure_topic(kafka.topic, retention_ms="1")
        eventually(lambda: consume_all(kafka.bootstrap, kafka.topic, 0) == [])
        kafka.configure_topic(kafka.topic, retention_ms="-1")
        produce(kafka.bootstrap, kafka.topic, event(3), event(4))
        recorder.broken = None
        if policy == "error":
            eventually(lambda: consumer.reason("partitions") == f"{kafka.topic}/0: offset.out_of_range")
            eventually(lambda: committed_offsets(kafka) == [1])
        else:
            eventually(lambda: committed_offsets(kafka) == [5])
            eventually(lambda: consumer.health.ready)
        produce(kafka.bootstrap, kafka.topic, event(5))
        eventually(lambda: numbers(instance) == [0, *recorded])
    said = [record.__dict__.get("happening") for record in caplog.records]
    assert ("stopped" if policy == "error" else "offset_moved") in said


@pytest.mark.fault("compacted topic, whose log has gaps where the group stands", "P1", "P2", "P6")
def test_a_compacted_topic_is_read_from_where_the_group_stands_though_that_record_is_gone(
    kafka: RealBroker, sqlite: Database
) -> None:
    kafka.create_topic(
        kafka.topic, 1, {"cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01"}
    )
    instance = sqlite.open()
    produce(kafka.bootstrap, kafka.topic, *(Sent(event(n), b"a", timestamp_ms=AGES_AGO_MS) for n in range(3)))
    with RunningConsumer(kafka, TransactionalRecorder(instance)):
        eventually(lambda: committed_offsets(kafka) == [3])
    produce(kafka.bootstrap, kafka.topic, *(Sent(event(n), b"a", timestamp_ms=AGES_AGO_MS) for n in range(3, 8)))
    produce(kafka.bootstrap, kafka.topic, Sent(event(8), b"b"))  # of now: begins a new segment, and the old is cleaned
    eventually(lambda: [record.offset for record in consume_all(kafka.bootstrap, kafka.topic, 2)] == [7, 8])

    with RunningConsumer(kafka, TransactionalRecorder(instance)):
        eventually(lambda: committed_offsets(kafka) == [9])
    assert numbers(instance) == [0, 1, 2, 7, 8]
