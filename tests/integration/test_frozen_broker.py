"""A broker that hangs: connections stay open, nothing is answered, and the group forgets its members meanwhile."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from brokers import both_group_protocols
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import DagsterInstance
from mock_cluster import consume_all, produce
from numbered import event, numbers
from processes import Process, kafka_environment
from real_broker import RealBroker

from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = pytest.mark.kafka

REJECTED = b'{"event_type": "asset_check", "asset_key": "a"}'


@both_group_protocols
@pytest.mark.fault("broker hangs for longer than the session timeout", "P1", "P2", "P3", "P6", "P7")
def test_a_broker_that_hangs_for_longer_than_the_session_costs_nothing(kafka: RealBroker, tmp_path: Path) -> None:
    kafka.create_topic(kafka.topic)
    kafka.create_topic(kafka.dead_letters)
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        recorder = TransactionalRecorder(instance)
        with RunningConsumer(kafka, recorder, librdkafka={"socket.timeout.ms": "2000"}) as consumer:
            produce(kafka.bootstrap, kafka.topic, *(event(n) for n in range(50)), REJECTED)
            eventually(lambda: committed_offsets(kafka) == [51])
            with kafka.frozen():
                time.sleep(kafka.session_timeout_ms / 1000 + 2)
                eventually(lambda: not consumer.health.ready)
                assert consumer.health.alive
            produce(kafka.bootstrap, kafka.topic, *(event(n) for n in range(50, 60)))
            eventually(lambda: committed_offsets(kafka) == [61], timeout_s=60)
            eventually(lambda: consumer.health.ready)
        assert numbers(instance) == list(range(60))
    assert len(consume_all(kafka.bootstrap, kafka.dead_letters, 1)) == 1


@both_group_protocols
def test_consume_is_out_within_its_deadline_when_the_broker_hangs(kafka: RealBroker, tmp_path: Path) -> None:
    kafka.create_topic(kafka.topic)
    kafka.create_topic(kafka.dead_letters, 1, {"max.message.bytes": "1200000"})
    environment = kafka_environment(kafka, ASSET_BRIDGE_KAFKA__SHUTDOWN_DEADLINE_S="3")
    produce(kafka.bootstrap, kafka.topic, *(event(n) for n in range(200)))
    with Process("consume", home=tmp_path, environment=environment) as process:
        process.line("asset-bridge ready")
        with kafka.frozen():
            process.signal()
            code = process.wait(30)  # the client by itself waits for session.timeout.ms: 45 seconds
    assert code in (0, 1)  # 1 when an offset was still to be committed and the deadline forced the end
