"""The client by Kafka: acknowledged and recorded in Dagster, refused with a reason, or given up for good."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import AssetCheckEvaluation, AssetKey, AssetMaterialization, AssetObservation, DagsterInstance
from dagster_reading import runless_events
from mock_cluster import INIT_PRODUCER_ID, METADATA, PRODUCE, MockCluster, consume_all
from reporters import BY_KAFKA, MakeReporter

from asset_client import Delivered, EventRefusedError, NotReportedError
from asset_client.kafka import AsyncKafkaReporter, KafkaReporter
from asset_events import MaterializationEvent
from asset_reporting.handlers import reporting_context

if TYPE_CHECKING:
    from broker import Broker

SHORT_S = 3.0  # the shortest deadline


@pytest.fixture(params=BY_KAFKA)
def make(request: pytest.FixtureRequest) -> MakeReporter:
    return BY_KAFKA[request.param]


@pytest.fixture
def topic(cluster: MockCluster) -> str:
    cluster.create_topic(cluster.topic, 3)
    return cluster.topic


def numbered(number: int, key: str = "a", **fields: Any) -> MaterializationEvent:
    return MaterializationEvent(asset_key=(key,), metadata={"n": number}, **fields)


def values(cluster: MockCluster, count: int) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"") for record in consume_all(cluster.bootstrap, cluster.topic, count)]


def caught(reporter: Any, event: MaterializationEvent) -> NotReportedError:
    with pytest.raises(NotReportedError) as given_up:
        reporter.report(event)
    return given_up.value


def test_each_kind_of_event_reaches_dagster(broker: Broker) -> None:
    broker.create_topic(broker.topic)
    broker.create_topic(broker.dead_letters)
    with KafkaReporter(broker.bootstrap, topic=broker.topic) as reporter:
        told = [
            reporter.materialization(["warehouse", "customers"], partition="2024-01-15", metadata={"rows": 1000}),
            reporter.check("orders", "no_nulls", passed=False, severity="WARN"),
            reporter.observation("orders", data_version="v1"),
        ]
    assert told == [Delivered(broker.topic, 0, offset) for offset in range(3)]

    with DagsterInstance.ephemeral() as instance:
        with RunningConsumer(broker, reporting_context(instance).recorder):
            eventually(lambda: committed_offsets(broker) == [3])
        materialization, check, observation = runless_events(instance)
    assert isinstance(materialization, AssetMaterialization)
    assert materialization.asset_key == AssetKey(["warehouse", "customers"])
    assert (materialization.partition, materialization.metadata["rows"].value) == ("2024-01-15", 1000)
    assert isinstance(check, AssetCheckEvaluation)
    assert (check.check_name, check.passed, check.severity.value) == ("no_nulls", False, "WARN")
    assert isinstance(observation, AssetObservation)


def test_a_record_is_keyed_by_its_asset_and_says_what_it_is(cluster: MockCluster, topic: str) -> None:
    with KafkaReporter(cluster.bootstrap, topic=topic) as reporter:
        reporter.materialization(["warehouse", "café"], idempotency_key="mine")
        reporter.observation(["warehouse", "café"])
    first, second = consume_all(cluster.bootstrap, topic, 2)
    assert first.key == second.key == "warehouse/café".encode()
    assert first.headers == (
        ("content-type", b"application/json"),
        ("event-type", b"asset_materialization"),
        ("idempotency-key", b"mine"),
    )
    assert dict(second.headers)["idempotency-key"] == json.loads(second.value or b"")["idempotency_key"].encode()


def test_many_keep_the_order_of_each_asset(make: MakeReporter, cluster: MockCluster, topic: str) -> None:
    cluster.push_request_errors(PRODUCE, *[KafkaError.NO_ERROR, KafkaError.REQUEST_TIMED_OUT] * 3)  # it is sent again
    events = [numbered(number, key=f"asset-{number % 7}") for number in range(2100)]
    with make(cluster.bootstrap, topic=topic, librdkafka={"batch.num.messages": 20}) as reporter:
        results = reporter.report_many(events)
    assert {type(result) for result in results} == {Delivered}
    found = values(cluster, len(events))
    assert len(found) == len(events)
    for asset in range(7):
        numbers = [event["metadata"]["n"] for event in found if event["asset_key"] == [f"asset-{asset}"]]
        assert numbers == list(range(asset, len(events), 7))


def test_many_at_once_on_an_event_loop_are_all_acknowledged(cluster: MockCluster, topic: str) -> None:
    async def report_all() -> list[Delivered]:
        async with AsyncKafkaReporter(cluster.bootstrap, topic=topic) as reporter:
            return await asyncio.gather(*(reporter.report(numbered(number)) for number in range(300)))

    delivered = asyncio.run(report_all())
    assert sorted(one.offset for one in delivered) == list(range(300))
    assert len({one.partition for one in delivered}) == 1


@pytest.mark.heavy
def test_a_broker_that_is_gone_records_nothing_later(cluster: MockCluster, topic: str) -> None:
    # Long enough for a busy machine; and librdkafka must not still be waiting when the broker is back.
    options: dict[str, Any] = {"deadline_s": 5.0, "librdkafka": {"reconnect.backoff.max.ms": 100}}
    with KafkaReporter(cluster.bootstrap, topic=topic, **options) as reporter:
        reporter.report(numbered(0))
        cluster.broker_down()
        start = time.monotonic()
        first = caught(reporter, numbered(1))  # it was there a moment ago: nobody knows how far the record came
        second = caught(reporter, numbered(2))  # by now it is known to be gone
        assert time.monotonic() - start < 2 * 5.0
        assert (first.may_be_recorded, second.may_be_recorded) == (True, False)
        cluster.broker_up()
        reporter.report(numbered(3))
    assert [event["metadata"]["n"] for event in values(cluster, 2)] == [0, 3]


def test_who_stops_waiting_disturbs_nobody(cluster: MockCluster, topic: str) -> None:
    async def stop_waiting() -> None:
        async with AsyncKafkaReporter(cluster.bootstrap, topic=topic) as reporter:
            await reporter.report(numbered(0))
            cluster.set_round_trip_ms(200)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reporter.report(numbered(1)), 0.05)
            await reporter.report(numbered(2))

    asyncio.run(stop_waiting())
    cluster.set_round_trip_ms(0)
    assert [event["metadata"]["n"] for event in values(cluster, 3)] == [0, 1, 2]


def test_a_leader_that_moves_is_waited_for(cluster: MockCluster, topic: str) -> None:
    cluster.set_topic_error(topic, KafkaError.LEADER_NOT_AVAILABLE)
    with KafkaReporter(cluster.bootstrap, topic=topic) as reporter, ThreadPoolExecutor(1) as pool:
        reporting = pool.submit(reporter.report, numbered(0))
        cluster.track_requests()
        eventually(lambda: cluster.requests().count(METADATA) > 1)
        assert not reporting.done()
        cluster.set_topic_error(topic, KafkaError.NO_ERROR)
        assert isinstance(reporting.result(), Delivered)


def test_a_broker_that_comes_back_in_time_is_waited_for(cluster: MockCluster, topic: str) -> None:
    cluster.broker_down()
    properties = {"reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100}
    with (
        KafkaReporter(cluster.bootstrap, topic=topic, librdkafka=properties) as reporter,
        ThreadPoolExecutor(1) as pool,
    ):
        reporting = pool.submit(reporter.report, numbered(0))
        assert wait([reporting], 0.2).not_done
        cluster.broker_up()
        assert isinstance(reporting.result(), Delivered)


def test_what_is_under_way_at_the_end_is_not_delivered_later(cluster: MockCluster, topic: str) -> None:
    async def stop_waiting() -> None:
        async with AsyncKafkaReporter(cluster.bootstrap, topic=topic) as reporter:
            await reporter.report(numbered(0))
            cluster.broker_down()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reporter.report(numbered(1)), 0.2)

    start = time.monotonic()
    asyncio.run(stop_waiting())
    assert time.monotonic() - start < 3
    cluster.broker_up()
    with KafkaReporter(cluster.bootstrap, topic=topic) as reporter:
        reporter.report(numbered(2))
    assert [event["metadata"]["n"] for event in values(cluster, 2)] == [0, 2]


def test_a_topic_that_is_not_there_is_told_at_once(make: MakeReporter, cluster: MockCluster) -> None:
    start = time.monotonic()
    with make(cluster.bootstrap, topic="nowhere") as reporter:
        given_up = caught(reporter, numbered(0))
    assert time.monotonic() - start < 3
    assert not given_up.may_be_recorded
    assert "UNKNOWN_TOPIC_OR_PART" in str(given_up)


def test_nothing_behind_a_part_that_was_given_up_is_tried(cluster: MockCluster, topic: str) -> None:
    cluster.push_request_errors(PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED])
    with KafkaReporter(cluster.bootstrap, topic=topic) as reporter:
        results = reporter.report_many([numbered(number) for number in range(1500)])
    assert not any(isinstance(result, Delivered) for result in results[1000:])
    assert not any(isinstance(result, NotReportedError) and result.may_be_recorded for result in results)


def test_a_producer_beyond_repair_is_replaced(cluster: MockCluster, topic: str) -> None:
    cluster.push_request_errors(INIT_PRODUCER_ID, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
    with KafkaReporter(cluster.bootstrap, topic=topic) as reporter:
        with suppress(NotReportedError):  # delivered, if librdkafka tells before it takes the record
            reporter.report(numbered(0))
        for number in range(1, 4):
            assert isinstance(reporter.report(numbered(number)), Delivered)
    assert [event["metadata"]["n"] for event in values(cluster, 3)][-3:] == [1, 2, 3]


def test_what_is_too_large_is_refused_before_it_is_sent(make: MakeReporter, cluster: MockCluster, topic: str) -> None:
    too_large = numbered(0, description="x" * 500)
    with make(cluster.bootstrap, topic=topic, max_event_bytes=400) as reporter:
        refused, delivered = reporter.report_many([too_large, numbered(1)])
    assert isinstance(refused, EventRefusedError)
    assert refused.code == "event.too_large"
    assert isinstance(delivered, Delivered)
    with make(cluster.bootstrap, topic=topic, librdkafka={"message.max.bytes": 1000}) as reporter:
        (refused,) = reporter.report_many([numbered(0, description="x" * 2000)])
    assert isinstance(refused, EventRefusedError)
    assert refused.code == "event.too_large"
    assert len(values(cluster, 1)) == 1


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"acks": "0"}, "reporter's own: acks"),
        ({"delivery.timeout.ms": "1"}, "reporter's own: delivery.timeout.ms"),
        ({"no.such": "canary"}, "refuses the property no.such"),
        ({"security.protocol": "canary"}, "refuses the property security.protocol"),
        ({"ssl.ca.pem": "canary", "security.protocol": "ssl"}, "refuses the properties"),
    ],
)
def test_a_property_is_refused_by_name_and_never_by_value(properties: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        KafkaReporter("127.0.0.1:1", librdkafka=properties)
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


def test_a_deadline_too_short_to_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        KafkaReporter("127.0.0.1:1", deadline_s=2.9)


def test_secrets_and_values_are_in_no_repr_log_or_exception(
    cluster: MockCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login = {
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "u",
        "sasl.password": "canary",
    }
    options: dict[str, Any] = {"librdkafka": {**login, "log_level": 7, "debug": "security,msg"}, "deadline_s": SHORT_S}
    with KafkaReporter(cluster.bootstrap, topic=cluster.topic, **options) as reporter:
        given_up = caught(reporter, numbered(0, description="canary"))
        assert cluster.bootstrap in repr(reporter)
        assert "canary" not in repr(reporter) + repr(given_up) + caplog.text
    assert "asset_client.librdkafka" in {record.name for record in caplog.records}
