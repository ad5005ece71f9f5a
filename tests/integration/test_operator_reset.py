"""`asset-bridge offsets`, and any other tool's reset, on a real broker: what it refuses and what is followed."""

from __future__ import annotations

from pathlib import Path

import pytest
from brokers import both_group_protocols
from consuming import committed, eventually
from dagster import DagsterInstance
from dagster_reading import runless_events
from mock_cluster import produce
from numbered import event
from processes import START_S, Process, kafka_environment
from real_broker import RealBroker

pytestmark = pytest.mark.kafka

RECORDS = 5


def run(home: Path, environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    with Process("offsets", *arguments, home=home, environment=environment) as process:
        return process.wait(START_S), "".join(process.out + process.err)


@both_group_protocols
@pytest.mark.fault("operator resets the group, on a real broker", "P1")
def test_a_reset_is_refused_while_the_group_has_members_and_followed_after(kafka: RealBroker, tmp_path: Path) -> None:
    kafka.create_topic(kafka.topic)
    kafka.create_topic(kafka.dead_letters, 1, {"max.message.bytes": "1200000"})
    environment = kafka_environment(kafka)
    produce(kafka.bootstrap, kafka.topic, *(event(n) for n in range(RECORDS)))
    reset = ("reset", "--topic", kafka.topic, "--to", "3", "--apply")
    with Process("consume", home=tmp_path, environment=environment) as process:
        process.line("asset-bridge ready")
        eventually(lambda: committed(kafka) == [(RECORDS, "asset-bridge/1")])
        code, said = run(tmp_path, environment, *reset)
        assert code == 1
        assert f"asset-bridge: the group {kafka.group} has members" in said
        assert committed(kafka) == [(RECORDS, "asset-bridge/1")]
        process.signal()
        assert process.wait(20) == 0
    code, said = run(tmp_path, environment, *reset)
    assert (code, committed(kafka)[0][0]) == (0, 3), said

    with Process("consume", home=tmp_path, environment=environment) as process:
        process.line("asset-bridge ready")
        eventually(lambda: committed(kafka) == [(RECORDS, "asset-bridge/1")])
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        numbers = [int(stored.metadata["n"].value) for stored in runless_events(instance)]  # type: ignore[arg-type] # an int
    assert numbers == [0, 1, 2, 3, 4, 3, 4]
