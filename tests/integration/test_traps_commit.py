"""What a commit means to the client and the broker, which `commits.py` and `lane.py` are built on."""

from __future__ import annotations

from contextlib import closing

import pytest
from broker import Broker
from brokers import each_group_protocol
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from consuming import eventually
from group_member import group_member, next_value, poll_until
from mock_cluster import produce


def commit(consumer: Consumer, *places: tuple[str, int, int]) -> None:
    consumer.commit(offsets=[TopicPartition(*place) for place in places], asynchronous=False)


def committed(consumer: Consumer, topic: str, partition: int = 0) -> int:
    return consumer.committed([TopicPartition(topic, partition)], timeout=10)[0].offset


@pytest.fixture
def topic(broker: Broker) -> str:
    broker.create_topic(broker.topic, 2)
    produce(broker.bootstrap, broker.topic, *[b"1"] * 5)
    return broker.topic


def test_a_commit_without_offsets_commits_nothing_that_was_not_stored(broker: Broker, topic: str) -> None:
    with closing(group_member(broker, topic, **{"enable.auto.offset.store": False})) as consumer:
        next_value(consumer)
        with pytest.raises(KafkaException, match="_NO_OFFSET"):
            consumer.commit(asynchronous=False)


def test_offsets_may_go_backwards_and_of_two_for_a_partition_the_last_wins(broker: Broker, topic: str) -> None:
    with closing(group_member(broker, topic)) as consumer:
        next_value(consumer)
        commit(consumer, (topic, 0, 3), (topic, 0, 1))
        assert committed(consumer, topic) == 1


def test_one_bad_partition_fails_the_call_though_the_others_are_committed(broker: Broker, topic: str) -> None:
    with closing(group_member(broker, topic)) as consumer:
        next_value(consumer)
        with pytest.raises(KafkaException, match="UNKNOWN_TOPIC_OR_PART"):
            commit(consumer, (topic, 0, 3), (broker.name("nosuch"), 7, 1))
        assert committed(consumer, topic) == 3


def test_an_asynchronous_commit_is_reported_only_to_who_polls(broker: Broker, topic: str) -> None:
    reported: list[int] = []

    def on_commit(_: KafkaError | None, offsets: list[TopicPartition]) -> None:
        reported.extend(offset.offset for offset in offsets)

    with closing(group_member(broker, topic, on_commit=on_commit)) as consumer:
        next_value(consumer)
        consumer.commit(offsets=[TopicPartition(topic, 0, 3)], asynchronous=True)
        eventually(lambda: committed(consumer, topic) == 3)
        assert reported == []
        poll_until(lambda: reported == [3], consumer)


@each_group_protocol
def test_a_member_may_commit_a_partition_that_another_member_owns(broker: Broker, topic: str) -> None:
    strategy = {"partition.assignment.strategy": "cooperative-sticky"} if broker.group_protocol == "classic" else {}
    cooperative = {**strategy, **broker.session}
    with closing(group_member(broker, topic, **cooperative)) as first:
        poll_until(lambda: len(first.assignment()) == 2, first)
        with closing(group_member(broker, topic, **cooperative)) as second:
            poll_until(lambda: len(first.assignment()) == len(second.assignment()) == 1, first, second)
            (owned,) = second.assignment()
            commit(first, (topic, owned.partition, 4))
            assert committed(second, topic, owned.partition) == 4
