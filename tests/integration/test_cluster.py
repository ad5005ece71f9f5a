"""A cluster of three brokers that loses one: the coordinator of the group, or the leader of a partition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from accounts import Accounts
from brokers import both_group_protocols
from consuming import RunningConsumer, eventually
from databases import Database
from kafka_server import ThrowAwayKafka
from real_broker import RealBroker
from striking import strike_at

from asset_consumer.librdkafka import GroupProtocol
from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("scaled_backoff")]

PARTITIONS = 3
COPIES = {"offsets.topic.replication.factor": "3", "min.insync.replicas": "2"}


class Cluster(RealBroker):
    """Three brokers, of which one may be gone."""

    replicas = 3

    def __init__(self, nodes: dict[int, ThrowAwayKafka], group_protocol: GroupProtocol) -> None:
        super().__init__(",".join(node.bootstrap for node in nodes.values()), group_protocol=group_protocol)
        self._nodes = nodes

    def coordinator(self) -> ThrowAwayKafka:
        """The broker that the test's group has to do with."""
        described = self._admin.describe_consumer_groups([self.group])[self.group].result(20)
        return self._nodes[described.coordinator.id]

    def leader(self, partition: int) -> ThrowAwayKafka:
        """The broker that takes and gives the records of a partition of the test's topic."""
        found = self._admin.list_topics(self.topic, timeout=20).topics[self.topic]
        return self._nodes[found.partitions[partition].leader]


@pytest.fixture(scope="module")
def nodes(jars: Path) -> Iterator[dict[int, ThrowAwayKafka]]:
    nodes = ThrowAwayKafka.quorum(jars, 3, COPIES)
    yield nodes
    for node in nodes.values():
        node.close()


@pytest.fixture
def kafka(nodes: dict[int, ThrowAwayKafka], request: pytest.FixtureRequest) -> Iterator[Cluster]:
    for node in nodes.values():
        node.ensure_running()
    with closing(Cluster(nodes, request.param)) as cluster:
        cluster.create_topic(cluster.topic, PARTITIONS)
        cluster.create_topic(cluster.dead_letters, PARTITIONS)
        yield cluster


@both_group_protocols
@pytest.mark.parametrize(
    "whose",
    [
        pytest.param(Cluster.coordinator, id="coordinator", marks=pytest.mark.fault(
            "group coordinator killed, and moved, in mid-drain", "P1", "P2", "P3", "P6")),
        pytest.param(lambda cluster: cluster.leader(0), id="leader", marks=pytest.mark.fault(
            "leader of a partition killed, and moved, in mid-drain", "P1", "P2", "P3", "P6")),
    ],
)  # fmt: skip
def test_another_broker_takes_over_and_nothing_is_lost_or_repeated(
    kafka: Cluster, sqlite: Database, monkeypatch: pytest.MonkeyPatch, whose: Callable[[Cluster], ThrowAwayKafka]
) -> None:
    accounts = Accounts(kafka, sqlite.open(), PARTITIONS)
    accounts.feed(200)
    victim: list[ThrowAwayKafka] = []

    def strike() -> None:
        victim.append(whose(kafka))
        victim[0].stop()

    struck = strike_at(monkeypatch, TransactionalRecorder, "record", 5, strike)
    with RunningConsumer(kafka, TransactionalRecorder(accounts.instance), batch_max_records=20) as consumer:
        eventually(struck)
        accounts.settled(60)
        accounts.feed(20)
        accounts.settled(60)
        assert whose(kafka) is not victim[0]
        eventually(lambda: consumer.health.ready)
    accounts.close()
