"""What Prometheus is told of a consumer: of its records, its partitions, and why they wait."""

from __future__ import annotations

import json
import logging
import time
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from broker import Broker
from confluent_kafka import KafkaError, KafkaException, Producer
from consuming import FaultyRecorder, RunningConsumer, eventually, holds_for
from dagster import DagsterInstance
from databases import Database
from mock_cluster import MockCluster, Sent, produce
from numbered import event, numbers
from scraped import Growth, scraped
from starlette.testclient import TestClient

from asset_consumer import backoff, log_ends
from asset_consumer.lane import Item, Lane
from asset_consumer.lane_metrics import LaneMetrics, pause_of
from asset_consumer.log_ends import LogEnds
from asset_consumer.outage import Outage
from asset_consumer.record import Record
from asset_consumer.statistics import Statistics, snapshot
from asset_reporting import metrics
from asset_reporting.app import create_management_app
from asset_reporting.pauses import Pause
from asset_reporting.transactional_recorder import TransactionalRecorder

REJECTED = b'{"event_type": "asset_check", "asset_key": "a"}'

QUICK_STATISTICS = {"statistics.interval.ms": "100"}


@pytest.fixture
def instance(sqlite: Database) -> DagsterInstance:
    return sqlite.open()


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    monkeypatch.setattr(backoff, "LONGEST_S", 1.0)
    monkeypatch.setattr(log_ends, "LOOK_EVERY_S", 0.2)


@pytest.fixture
def recorder(instance: DagsterInstance) -> FaultyRecorder:
    return FaultyRecorder(TransactionalRecorder(instance))


def test_every_record_is_counted_by_what_became_of_it(
    broker: Broker, recorder: FaultyRecorder, instance: DagsterInstance
) -> None:
    broker.create_topic(broker.topic, 2)
    broker.create_topic(broker.dead_letters)
    growth = Growth()
    keyed = b'{"event_type": "asset_observation", "asset_key": "a", "idempotency_key": "metrics", "metadata": {"n": 9}}'
    produce(broker.bootstrap, broker.topic, event(1), event(2), keyed, keyed, REJECTED, REJECTED, b"{")

    with RunningConsumer(broker, recorder, librdkafka=QUICK_STATISTICS):
        eventually(lambda: growth.of(f"dead_letters_total:field.missing:{broker.topic}") == 2)
        eventually(lambda: growth.of("events_total:asset_observation:replayed:kafka") == 1)
        eventually(lambda: growth.of("commits_total:ok") >= 1)

    assert len(numbers(instance)) == 3
    assert growth.of("events_total:asset_materialization:recorded:kafka") == 2
    assert growth.of("events_total:asset_observation:recorded:kafka") == 1
    assert growth.of("events_total:unknown:rejected:kafka") == 3
    assert growth.of(f"dead_letters_total:json.malformed:{broker.topic}") == 1
    assert growth.of(f"consumed_records_total:{broker.topic}") == 7
    assert growth.of("batch_records_sum") == 7
    assert growth.of("batch_seconds_count") == growth.of("batch_records_count") >= 1
    assert growth.of("commit_seconds_count") >= 1
    assert growth.of("rebalances_total:assigned") >= 1


def test_an_outage_shows_as_lag_age_and_reason_and_all_of_it_ends(broker: Broker, recorder: FaultyRecorder) -> None:
    broker.create_topic(broker.topic)
    broker.create_topic(broker.dead_letters)
    where = broker.topic
    lag, age = (f"asset_bridge_{name}:0:{where}" for name in ("lag_records", "oldest_unprocessed_record_age_seconds"))
    outage = "asset_bridge_paused_partitions:outage"
    with RunningConsumer(broker, recorder, librdkafka=QUICK_STATISTICS) as consumer:
        client = TestClient(create_management_app(consumer.health))
        eventually(lambda: consumer.health.ready)
        recorder.broken = "OperationalError"
        hour_ago = int((time.time() - 3600) * 1000)
        produce(broker.bootstrap, broker.topic, *(Sent(event(n), timestamp_ms=hour_ago) for n in range(5)))
        eventually(lambda: scraped(client).get(outage) == 1)
        eventually(lambda: scraped(client).get(lag) == 5)
        eventually(lambda: 3600 <= scraped(client)[age] < 3700)
        produce(broker.bootstrap, broker.topic, event(5))  # the partition is paused: nothing of this is fetched
        eventually(lambda: scraped(client)[lag] == 6)
        told = scraped(client)
        assert (told["asset_bridge_ready"], told["asset_bridge_condition:storage"]) == (0, 0)
        assert told["asset_bridge_condition:broker"] == told["asset_bridge_assigned_partitions"] == 1
        assert [told[name] for name in told if name.startswith("asset_bridge_kafka_broker_up")] == [1]

        recorder.broken = None
        eventually(lambda: scraped(client).get(outage) == scraped(client).get(lag) == scraped(client).get(age) == 0)
        eventually(lambda: scraped(client)["asset_bridge_ready"] == 1)

    assert not [
        name for name in scraped() if where in name and name.startswith(("asset_bridge_lag", "asset_bridge_old"))
    ]


def test_a_partition_that_cannot_write_its_letter_is_told_with_the_reason(
    cluster: MockCluster, recorder: FaultyRecorder
) -> None:
    cluster.create_topic(cluster.topic)
    growth = Growth()
    produce(cluster.bootstrap, cluster.topic, REJECTED)
    with RunningConsumer(cluster, recorder):
        eventually(lambda: scraped().get("asset_bridge_paused_partitions:held") == 1)
    refused = "dlq.unavailable: UNKNOWN_TOPIC_OR_PART"
    assert growth.of(f"dead_letter_failures_total:{refused}:{cluster.topic}") >= 1


def lane(position: int | None, *pending: Record) -> Lane:
    lane = Lane("events", 0)
    lane.position = position
    lane.pending.extend(Item(record) for record in pending)
    return lane


def told_of(lane: Lane, end: int | None) -> dict[str, float]:
    """The samples of a lane's records, by the metric's name, when the log is known to end there."""
    answer: Future[Any] = Future()
    if end is None:
        answer.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
    else:
        answer.set_result(SimpleNamespace(offset=end))
    ends = LogEnds(SimpleNamespace(list_offsets=lambda asked, **_: dict.fromkeys(asked, answer)))  # type: ignore[arg-type] # asked once
    for _ in ("asks", "takes the answer"):
        ends.look([lane])
    told = LaneMetrics({("events", 0): lane}, ends, Statistics(), Outage())()
    return {live.name: value for live, labels, value in told if labels == ("events", "0")}


def test_what_is_not_known_is_not_told() -> None:
    assert metrics.LAG.name not in told_of(lane(5), None)
    assert metrics.LAG.name not in told_of(lane(None), 20)
    assert told_of(lane(5), 20)[metrics.LAG.name] == 15


def test_records_that_have_not_arrived_age_from_when_they_are_known_of() -> None:
    behind = lane(5)
    assert told_of(behind, 6)[metrics.OLDEST_AGE.name] < 10
    behind.behind = (5, time.time() - 300)
    assert 300 <= told_of(behind, 7)[metrics.OLDEST_AGE.name] < 310
    assert told_of(behind, 5)[metrics.OLDEST_AGE.name] == 0
    assert behind.behind is None


def test_a_record_without_a_timestamp_ages_while_it_is_held_and_the_next_one_anew() -> None:
    held = lane(5, Record("events", 0, 5, None, b""))
    assert told_of(held, 7)[metrics.OLDEST_AGE.name] < 10
    held.behind = (5, time.time() - 300)
    assert 300 <= told_of(held, 7)[metrics.OLDEST_AGE.name] < 310
    held.advance(6)
    assert told_of(held, 7)[metrics.OLDEST_AGE.name] < 10


def test_nothing_is_left_where_the_log_was_read_to_its_end_until_a_record_has_arrived() -> None:
    read = lane(None)
    read.come_to_end(9)
    read.begin(5)
    assert read.left(9) == 4  # what was said before the lane had a place is not believed
    read.come_to_end(9)
    assert (read.left(9), read.left(12)) == (0, 3)
    assert (told_of(read, 9)[metrics.LAG.name], told_of(read, 9)[metrics.OLDEST_AGE.name]) == (0, 0)
    read.pending.append(Item(Record("events", 0, 7, None, b"")))
    assert read.left(9) == 4
    read.restart()
    assert read.left(9) is None
    read.begin(5)
    assert read.left(9) == 4


@pytest.mark.kafka
def test_a_producers_transactions_leave_no_lag_and_no_age(
    kafka: Broker, recorder: FaultyRecorder, instance: DagsterInstance
) -> None:
    kafka.create_topic(kafka.topic)
    kafka.create_topic(kafka.dead_letters)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": kafka.topic})
    producer.init_transactions(20)
    with RunningConsumer(kafka, recorder):
        for end in (producer.commit_transaction, producer.abort_transaction):
            producer.begin_transaction()
            for number in range(3):
                producer.produce(kafka.topic, event(number))
            producer.flush(20)
            end(20)
        eventually(lambda: len(numbers(instance)) == 3)
        lag, age = (f"{live.name}:0:{kafka.topic}" for live in (metrics.LAG, metrics.OLDEST_AGE))
        eventually(lambda: scraped().get(lag) == 0)
        assert holds_for(2, lambda: scraped()[lag] == scraped()[age] == 0)  # the log's end is asked for meanwhile
        produce(kafka.bootstrap, kafka.topic, event(9))
        eventually(lambda: len(numbers(instance)) == 4)


def test_a_producer_whose_clock_is_ahead_makes_no_negative_age() -> None:
    ahead = Record("events", 0, 5, None, b"", timestamp_ms=int((time.time() + 3600) * 1000))
    assert told_of(lane(5, ahead), 6)[metrics.OLDEST_AGE.name] == 0


def test_what_needs_a_person_is_told_before_an_outage() -> None:
    waiting = lane(None)
    assert pause_of(waiting, outage=False) is None
    assert pause_of(waiting, outage=True) == "outage"
    waiting.operator_pause = Pause("migration", "anna", 0)
    assert pause_of(waiting, outage=True) == "operator"
    waiting.stopped = "offset.missing"
    assert pause_of(waiting, outage=True) == "stopped"


def test_statistics_that_cannot_be_read_harm_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    statistics = Statistics()
    statistics.on_statistics(json.dumps({"brokers": {}, "topics": {}}))
    before = statistics.latest
    statistics.on_statistics('{"brokers": {}}')
    assert statistics.latest is before
    assert [record.__dict__["callback"] for record in caplog.records] == ["stats_cb"]


def test_brokers_are_told_by_their_ids_and_addresses_without_one_are_not() -> None:
    broker = {"nodeid": 3, "state": "UP", "rtt": {"avg": 2500, "cnt": 4}, "txerrs": 1, "rxerrs": 2, "req_timeouts": 3}
    found = snapshot({"brokers": {"a": broker, "boot": {**broker, "nodeid": -1}}, "topics": {}}).brokers
    assert list(found) == ["3"]
    assert (found["3"].up, found["3"].rtt_s) == (True, 0.0025)
    assert found["3"].errors == {"transmit": 1, "receive": 2, "timeout": 3}


def test_prefetched_records_are_told_of_real_partitions() -> None:
    partitions = {"0": {"partition": 0, "fetchq_cnt": 7}, "-1": {"partition": -1, "fetchq_cnt": 3}}
    found = snapshot({"brokers": {}, "topics": {"events": {"partitions": partitions}}})
    assert found.prefetched == {("events", 0): 7}
