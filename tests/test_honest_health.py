"""Health does not lie: a loop that hangs is not alive, what is mended is ready again, and the log says both ends."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest
from broker import Broker
from confluent_kafka import KafkaError, KafkaException
from consuming import FaultyRecorder, RunningConsumer, eventually
from dagster import DagsterInstance
from databases import Database
from mock_cluster import MockCluster, Sent, produce
from numbered import event, numbers
from scraped import scraped
from starlette.testclient import TestClient

from asset_consumer import loop
from asset_consumer.in_band import BrokerWatch
from asset_reporting.app import create_management_app
from asset_reporting.transactional_recorder import TransactionalRecorder

BOUND_S = 1.0


@pytest.fixture
def instance(sqlite: Database) -> DagsterInstance:
    return sqlite.open()


@pytest.mark.fault("the consumer's loop hangs", "P7")
def test_a_loop_that_hangs_is_not_alive_within_its_bound_and_is_again_when_it_turns(
    cluster: MockCluster, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, goes_on = threading.Event(), threading.Event()
    goes_on.set()

    look = BrokerWatch.look

    def hang(watch: BrokerWatch, consumer: Any) -> None:
        if not goes_on.is_set():
            hangs.set()
            assert goes_on.wait(60)
        look(watch, consumer)

    cluster.create_topic(cluster.topic)
    cluster.create_topic(cluster.dead_letters)
    monkeypatch.setattr(BrokerWatch, "look", hang)
    with RunningConsumer(cluster, TransactionalRecorder(instance), max_beat_age_s=BOUND_S) as consumer:
        client = TestClient(create_management_app(consumer.health))
        eventually(lambda: client.get("/readyz").status_code == 200)
        try:
            goes_on.clear()
            assert hangs.wait(20)
            assert client.get("/livez").status_code == 200
            stood = time.monotonic()
            eventually(lambda: client.get("/livez").status_code == 503)
            assert time.monotonic() - stood < BOUND_S + 1
            assert client.get("/livez").json()["status"] == "stalled"
            assert scraped(client)["asset_bridge_heartbeat_age_seconds"] > BOUND_S
            produce(cluster.bootstrap, cluster.topic, event(1))
        finally:
            goes_on.set()
        eventually(lambda: client.get("/livez").status_code == 200)
        eventually(lambda: numbers(instance) == [1])


@pytest.mark.heavy
@pytest.mark.fault("dead-letter topic made while a backlog is worked off", "P7")
def test_readiness_finds_a_dead_letter_topic_that_is_there_again_while_batch_follows_batch(
    broker: Broker, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LOOK_EVERY_S", 0.2)
    events = 1500
    broker.create_topic(broker.topic)
    recorder = FaultyRecorder(TransactionalRecorder(instance))
    with RunningConsumer(broker, recorder, batch_max_records=5) as consumer:
        eventually(lambda: broker.dead_letters in consumer.reason("dead_letters"))
        produce(broker.bootstrap, broker.topic, *(Sent(event(number)) for number in range(events)))
        eventually(lambda: recorder.handed > 0)
        broker.create_topic(broker.dead_letters)
        eventually(lambda: consumer.reason("dead_letters") == "", 60)
        assert recorder.handed < events


def test_a_record_that_arrives_ends_a_trouble_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asset_bridge")
    brokers = BrokerWatch()
    brokers.trouble("", KafkaError(KafkaError._ALL_BROKERS_DOWN))
    brokers.trouble("other", KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    for _ in range(2):
        brokers.heard("events")
    assert brokers.troubles == {"other": "TOPIC_AUTHORIZATION_FAILED"}
    happened = [(record.__dict__["happening"], record.__dict__["topic"]) for record in caplog.records]
    assert happened == [("broker_trouble", ""), ("broker_trouble", "other"), ("broker_well", "")]


@pytest.mark.fault("the Kafka client declares itself beyond repair", "P1", "P7")
def test_an_error_from_which_the_client_cannot_recover_ends_the_consumer(
    cluster: MockCluster, instance: DagsterInstance
) -> None:
    cluster.create_topic(cluster.topic)
    cluster.create_topic(cluster.dead_letters)
    with (
        pytest.raises(KafkaException, match="beyond repair"),
        RunningConsumer(cluster, TransactionalRecorder(instance)) as consumer,
    ):
        eventually(lambda: consumer.health.ready)
        # As the client's own callback would: the mock cluster has no way to make it say so.
        consumer._loop._brokers.on_error(KafkaError(KafkaError._FATAL, "beyond repair", fatal=True))
        eventually(lambda: consumer.failure is not None)
