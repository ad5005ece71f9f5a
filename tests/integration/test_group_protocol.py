"""Changing the group protocol under a group that is at work, and brokers that do not serve the new one."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import DagsterInstance
from dagster_reading import runless_events
from kafka_server import ThrowAwayKafka
from mock_cluster import Sent, produce
from numbered import event
from processes import Process, kafka_environment, two_topics
from real_broker import RealBroker

from asset_consumer.librdkafka import GroupProtocol
from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = pytest.mark.kafka

PARTITIONS, RECORDS = 4, 40


@pytest.mark.fault("group protocol changed between two runs of a group", "P1", "P2", "P6")
@pytest.mark.parametrize(("old", "new"), [("classic", "consumer"), ("consumer", "classic")])
def test_a_group_that_comes_back_by_the_other_protocol_goes_on_where_it_was(
    kafka: RealBroker, tmp_path: Path, old: GroupProtocol, new: GroupProtocol
) -> None:
    kafka.create_topic(kafka.topic, PARTITIONS)
    kafka.create_topic(kafka.dead_letters, PARTITIONS)
    rounds = 0

    def consumed() -> None:
        nonlocal rounds
        numbers = range(rounds * RECORDS, (rounds + 1) * RECORDS)
        produce(kafka.bootstrap, kafka.topic, *(Sent(event(n), partition=n % PARTITIONS) for n in numbers))
        rounds += 1
        eventually(lambda: sum(committed_offsets(kafka, PARTITIONS)) == rounds * RECORDS, timeout_s=60)

    with DagsterInstance.local_temp(str(tmp_path)) as instance, ExitStack() as members:

        def join(protocol: GroupProtocol) -> RunningConsumer:
            kafka.group_protocol = protocol
            return members.enter_context(RunningConsumer(kafka, TransactionalRecorder(instance)))

        for protocol in (old, new):
            one, other = join(protocol), join(protocol)
            eventually(lambda: one.owned == other.owned == PARTITIONS // 2, timeout_s=60)  # noqa: B023 # called at once
            consumed()
            one.stop()
            other.stop()
        stored = [int(stored.metadata["n"].value) for stored in runless_events(instance)]  # type: ignore[arg-type] # an int

    for partition in range(PARTITIONS):
        of_it = [number for number in stored if number % PARTITIONS == partition]
        assert of_it == list(range(partition, rounds * RECORDS, PARTITIONS))


def test_consume_refuses_the_new_protocol_where_the_brokers_have_switched_it_off(jars: Path, tmp_path: Path) -> None:
    with (
        closing(ThrowAwayKafka(jars, {"group.coordinator.rebalance.protocols": "classic"})) as server,
        closing(RealBroker(server.bootstrap, server, "consumer")) as kafka,
        Process("consume", home=tmp_path, environment=kafka_environment(two_topics(kafka))) as process,
    ):
        assert process.wait(60) == 78

    (line,) = [line for line in process.err if line.startswith("asset-bridge:")]
    assert "do not serve the group protocol consumer" in line
