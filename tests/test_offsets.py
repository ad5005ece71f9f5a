"""`asset-bridge offsets`: what it shows, and what an operator may not reset to."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as db
from broker import Broker
from confluent_kafka import Consumer, TopicPartition
from consuming import committed
from dagster import DagsterInstance
from mock_cluster import Sent, produce
from recorder_events import GROUP

from asset_consumer.offsets import OffsetsError, Target, reset_offsets, show_offsets
from asset_consumer.settings import KafkaSettings, Settings, TopicSettings
from asset_consumer.topic_ids import TopicIds
from asset_reporting.bridge_tables import OFFSETS
from asset_reporting.recorder import GroupId, Positions
from asset_reporting.recorders import read_ledger
from asset_reporting.transactional_recorder import TransactionalRecorder


@pytest.fixture
def settings(broker: Broker) -> Settings:
    """A topic of two partitions, with three records and with none."""
    broker.create_topic(broker.topic, 2)
    produce(broker.bootstrap, broker.topic, *(Sent(b"x", partition=0) for _ in range(3)))
    topics = (TopicSettings(name=broker.topic),)
    kafka = KafkaSettings(bootstrap_servers=broker.bootstrap, group_id=broker.group, topics=topics)
    return Settings(kafka=kafka)


def test_every_partition_is_shown_with_its_log_and_its_lag(broker: Broker, settings: Settings) -> None:
    commit(broker, 2, "")

    first, second = show_offsets(settings, no_ledger)

    assert (first.partition, first.committed, first.set_by, first.log_begins, first.log_ends, first.lag) == (
        0, 2, "operator", 0, 3, 1,
    )  # fmt: skip
    assert (second.partition, second.committed, second.set_by, second.log_ends, second.lag) == (1, None, "-", 0, 0)


@pytest.mark.parametrize(
    ("mark", "set_by", "lag"),
    [
        ("asset-bridge/1", "asset-bridge", 2),  # the ledger's word
        ("asset-bridge/1 public", "asset-bridge without ledger", 1),  # Kafka's, and the ledger will follow
        ("asset-bridge/12", "asset-bridge without ledger", 1),
        ("", "operator", 1),
    ],
)
def test_what_is_shown_as_ours_is_what_the_consumers_take_for_ours(
    broker: Broker, settings: Settings, mark: str, set_by: str, lag: int
) -> None:
    commit(broker, 2, mark)

    def ledger(group: GroupId) -> Positions:
        log = TopicIds({"bootstrap.servers": broker.bootstrap}).logs([broker.topic])[broker.topic]
        assert group.group_id == broker.group
        return {(log, 0): 1}

    first, _ = show_offsets(settings, ledger)

    assert (first.ledger, first.set_by, first.lag) == (1, set_by, lag)


def test_a_topic_that_is_not_there_is_said_to_be_so(broker: Broker, settings: Settings) -> None:
    gone = settings.model_copy(
        update={"kafka": settings.kafka.model_copy(update={"topics": (TopicSettings(name=broker.name("nosuch")),)})}
    )
    with pytest.raises(OffsetsError, match="nosuch cannot be looked at: UNKNOWN_TOPIC_OR_PART"):
        show_offsets(gone, no_ledger)


def test_looking_at_the_ledger_makes_none(each_database: DagsterInstance) -> None:
    assert read_ledger(each_database, GROUP) == {}
    assert OFFSETS.name not in table_names(each_database)

    recorder = TransactionalRecorder(each_database)
    recorder.place(GROUP, {("events", 0): 7}, {})

    assert read_ledger(each_database, GROUP) == {("events", 0): 7}


def test_a_storage_without_a_ledger_has_no_positions() -> None:
    with DagsterInstance.ephemeral() as instance:
        assert read_ledger(instance, GROUP) == {}


def no_ledger(_group: GroupId) -> Positions:
    return {}


def commit(broker: Broker, offset: int, mark: str) -> None:
    somebody = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": broker.group})
    somebody.commit(offsets=[TopicPartition(broker.topic, 0, offset, metadata=mark)], asynchronous=False)
    somebody.close()


def table_names(instance: DagsterInstance) -> list[str]:
    storage: Any = instance.event_log_storage
    with storage.index_connection() as connection:
        return list(db.inspect(connection).get_table_names())


@pytest.mark.parametrize(("to", "offset"), [("earliest", 0), ("latest", 3), (0, 0), (3, 3)])
def test_a_reset_commits_an_offset_that_is_not_marked(
    broker: Broker, settings: Settings, to: Target, offset: int
) -> None:
    reset_offsets(settings, no_ledger, broker.topic, 0, to)

    assert [(stands, mark or "") for stands, mark in committed(broker)] == [(offset, "")]


@pytest.mark.parametrize(
    ("partition", "to", "said"), [(0, 4, "4 lies outside the log"), (None, 1, "1 lies outside"), (9, 0, "no such part")]
)
def test_a_target_that_is_not_there_is_refused_and_nothing_changed(
    broker: Broker, settings: Settings, partition: int | None, to: int, said: str
) -> None:
    with pytest.raises(OffsetsError, match=said):
        reset_offsets(settings, no_ledger, broker.topic, partition, to)

    assert [offset for offset, _ in committed(broker, 2)] == [-1001, -1001]
