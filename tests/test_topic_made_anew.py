"""A topic that is deleted and made anew: its offsets begin again at 0, and nothing of it is skipped in silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broker import Broker
from brokers import each_group_protocol
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import DagsterInstance
from databases import new_instance
from mock_cluster import MockCluster, produce
from numbered import event, numbers

from asset_consumer import topic_ids
from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = pytest.mark.heavy

OLD, NEW = range(5), range(10, 18)  # the new log is longer: the group's offset 5 lies within it


@pytest.fixture
def instance(empty_home: Path, tmp_path: Path) -> Iterator[DagsterInstance]:
    with new_instance(empty_home, tmp_path) as instance:
        yield instance


@pytest.fixture
def topic(broker: Broker, instance: DagsterInstance) -> str:
    """A topic that was consumed to its end."""
    broker.create_topic(broker.topic)
    broker.create_topic(broker.dead_letters)
    produce(broker.bootstrap, broker.topic, *(event(n) for n in OLD))
    with RunningConsumer(broker, TransactionalRecorder(instance)):
        eventually(lambda: committed_offsets(broker) == [len(OLD)])
    return broker.topic


def make_anew(broker: Broker) -> None:
    broker.delete_topic(broker.topic)
    broker.create_topic(broker.topic)
    produce(broker.bootstrap, broker.topic, *(event(n) for n in NEW))


@pytest.mark.fault("topic deleted and made anew", "P1")
@each_group_protocol
@pytest.mark.parametrize(("policy", "expected"), [("error", []), ("earliest", [*NEW]), ("latest", [])])
def test_a_log_made_anew_while_nobody_consumed_is_judged_by_the_policy(
    broker: Broker, topic: str, instance: DagsterInstance, policy: Any, expected: list[int]
) -> None:
    make_anew(broker)
    with RunningConsumer(broker, TransactionalRecorder(instance), out_of_range=policy) as consumer:
        if policy == "error":
            eventually(lambda: consumer.reason("partitions") == f"{topic}/0: offset.out_of_range")
        else:
            eventually(lambda: committed_offsets(broker) == [len(NEW)])
    assert numbers(instance) == [*OLD, *expected]


@pytest.mark.fault("topic deleted and made anew", "P1")
@each_group_protocol
def test_a_log_made_anew_under_a_running_consumer_is_seen(
    broker: Broker, topic: str, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_ids, "LOOK_EVERY_S", 0.2)
    unseen = {"topic.metadata.refresh.interval.ms": "300000"}  # the client itself does not notice
    with RunningConsumer(broker, TransactionalRecorder(instance), librdkafka=unseen) as consumer:
        eventually(lambda: consumer.health.ready)
        make_anew(broker)
        eventually(lambda: consumer.reason("partitions") == f"{topic}/0: offset.out_of_range")
        assert not consumer.health.ready


def test_brokers_that_tell_no_identities_are_consumed_and_so_they_are_once_they_do(
    cluster: MockCluster, instance: DagsterInstance
) -> None:
    cluster.create_topic(cluster.topic)
    cluster.create_topic(cluster.dead_letters)
    cluster.set_controller(0)  # whom the client would ask
    produce(cluster.bootstrap, cluster.topic, *(event(n) for n in OLD))
    with RunningConsumer(cluster, TransactionalRecorder(instance)):
        eventually(lambda: numbers(instance) == [*OLD])
    cluster.set_controller(1)
    produce(cluster.bootstrap, cluster.topic, *(event(n) for n in NEW))
    with RunningConsumer(cluster, TransactionalRecorder(instance)):
        eventually(lambda: len(numbers(instance)) == len(OLD) + len(NEW))
    assert numbers(instance) == [*OLD, *NEW]


def test_an_identity_that_was_told_before_is_waited_for(cluster: MockCluster, instance: DagsterInstance) -> None:
    cluster.create_topic(cluster.topic)
    cluster.create_topic(cluster.dead_letters)
    produce(cluster.bootstrap, cluster.topic, *(event(n) for n in OLD))
    with RunningConsumer(cluster, TransactionalRecorder(instance)):
        eventually(lambda: numbers(instance) == [*OLD])
    cluster.set_controller(0)
    produce(cluster.bootstrap, cluster.topic, *(event(n) for n in NEW))
    with RunningConsumer(cluster, TransactionalRecorder(instance)) as consumer:
        eventually(lambda: "the broker did not tell" in consumer.reason("partitions"))
        assert numbers(instance) == [*OLD]
        cluster.set_controller(1)
        eventually(lambda: numbers(instance) == [*OLD, *NEW])
