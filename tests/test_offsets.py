"""`asset-bridge offsets`: what it shows, and what an operator may not reset to."""

from __future__ import annotations

import pytest
from broker import Broker
from confluent_kafka import Consumer, TopicPartition
from consuming import committed
from fake_recorders import FakeRecorder
from mock_cluster import Sent, produce

from asset_consumer.offsets import OffsetsError, Target, reset_offsets, show_offsets
from asset_consumer.settings import KafkaSettings, Settings, TopicSettings


@pytest.fixture
def settings(broker: Broker) -> Settings:
    """A topic of two partitions, with three records and with none."""
    broker.create_topic(broker.topic, 2)
    produce(broker.bootstrap, broker.topic, *(Sent(b"x", partition=0) for _ in range(3)))
    topics = (TopicSettings(name=broker.topic),)
    kafka = KafkaSettings(bootstrap_servers=broker.bootstrap, group_id=broker.group, topics=topics)
    return Settings(kafka=kafka)


def test_every_partition_is_shown_with_its_log_and_its_lag(broker: Broker, settings: Settings) -> None:
    operator = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": broker.group})
    operator.commit(offsets=[TopicPartition(broker.topic, 0, 2)], asynchronous=False)
    operator.close()

    first, second = show_offsets(settings, FakeRecorder())

    assert (first.partition, first.committed, first.ours, first.log_begins, first.log_ends, first.lag) == (
        0, 2, False, 0, 3, 1,
    )  # fmt: skip
    assert (second.partition, second.committed, second.log_ends, second.lag) == (1, None, 0, 0)


@pytest.mark.parametrize(("to", "offset"), [("earliest", 0), ("latest", 3), (0, 0), (3, 3)])
def test_a_reset_commits_an_offset_that_is_not_marked(
    broker: Broker, settings: Settings, to: Target, offset: int
) -> None:
    reset_offsets(settings, FakeRecorder(), broker.topic, 0, to)

    assert [(stands, mark or "") for stands, mark in committed(broker)] == [(offset, "")]


@pytest.mark.parametrize(
    ("partition", "to", "said"), [(0, 4, "4 lies outside the log"), (None, 1, "1 lies outside"), (9, 0, "no such part")]
)
def test_a_target_that_is_not_there_is_refused_and_nothing_changed(
    broker: Broker, settings: Settings, partition: int | None, to: int, said: str
) -> None:
    with pytest.raises(OffsetsError, match=said):
        reset_offsets(settings, FakeRecorder(), broker.topic, partition, to)

    assert [offset for offset, _ in committed(broker, 2)] == [-1001, -1001]
