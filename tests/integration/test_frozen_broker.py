"""A broker that hangs: connections stay open, nothing is answered, and the group forgets its members meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from accounts import Accounts
from brokers import both_group_protocols
from consuming import FaultyRecorder, RunningConsumer, eventually, happened, holds_for
from mock_cluster import produce
from numbered import event
from processes import Process, kafka_environment
from real_broker import SHORTEST_SESSION_MS, RealBroker

from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = pytest.mark.kafka


@both_group_protocols
@pytest.mark.fault("broker hangs for longer than the session timeout", "P1", "P2", "P3", "P6", "P7")
@pytest.mark.usefixtures("scaled_backoff")
def test_a_broker_that_hangs_for_longer_than_the_session_costs_nothing(
    kafka: RealBroker, accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = FaultyRecorder(TransactionalRecorder(accounts.instance))
    limits = {**kafka.quick_group(), "socket.timeout.ms": "2000"}
    with RunningConsumer(kafka, recorder, librdkafka=limits, batch_max_records=20, max_beat_age_s=10) as consumer:

        def costs_its_place() -> bool:
            freeze_in_mid_drain(kafka, accounts, recorder, consumer)
            accounts.feed(20)
            accounts.settled(60)
            eventually(lambda: consumer.health.ready)
            return "lost" in happened(caplog.records)

        # A broker that wakes looks either at its clock first or, now and then, at a heartbeat that came meanwhile.
        assert any(costs_its_place() for _ in range(5))
    accounts.close()


def freeze_in_mid_drain(
    kafka: RealBroker, accounts: Accounts, recorder: FaultyRecorder, consumer: RunningConsumer
) -> None:
    """Freeze it while a batch is under way, which is recorded and cannot be committed, and while more records wait."""
    recorder.gate.clear()
    recorder.entered.clear()
    accounts.feed(100)
    eventually(recorder.entered.is_set)
    with kafka.frozen():
        recorder.gate.set()
        eventually(lambda: not consumer.health.ready)
        assert holds_for(int(SHORTEST_SESSION_MS) / 1000 + 3, lambda: consumer.health.alive)


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
