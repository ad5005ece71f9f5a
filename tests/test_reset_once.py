"""An operator's reset is followed once: what was recorded after it is not recorded again, whatever breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from broker import Broker
from brokers import each_group_protocol
from confluent_kafka import Consumer, TopicPartition
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import DagsterInstance
from databases import new_instance
from mock_cluster import produce
from numbered import numbers

from asset_consumer import backoff
from asset_consumer.commits import Commits
from asset_events import AssetEvent
from asset_reporting.outcomes import Outcome, Unavailable
from asset_reporting.recorder import Progress
from asset_reporting.transactional_recorder import TransactionalRecorder


@pytest.fixture
def instance(empty_home: Path, tmp_path: Path) -> Iterator[DagsterInstance]:
    with new_instance(empty_home, tmp_path) as instance:
        yield instance


@pytest.fixture
def reset_to_2(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five records, and a group that an operator has set to the third."""
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    for topic in (broker.topic, broker.dead_letters):
        broker.create_topic(topic, 1)
    value = {"event_type": "asset_materialization", "asset_key": "a"}
    produce(broker.bootstrap, broker.topic, *(json.dumps({**value, "metadata": {"n": n}}).encode() for n in range(5)))
    operator = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": broker.group})
    operator.commit(offsets=[TopicPartition(broker.topic, 0, 2)], asynchronous=False)
    operator.close()


@pytest.mark.fault("crash just after an operator's reset", "P2")
@each_group_protocol
@pytest.mark.usefixtures("reset_to_2")
def test_a_crash_before_kafka_has_heard_of_the_first_batch_repeats_nothing(
    broker: Broker, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as crash:
        crash.setattr(Commits, "commit", lambda *_: None)
        crash.setattr(Commits, "commit_and_wait", lambda *_: None)
        with RunningConsumer(broker, TransactionalRecorder(instance)):
            eventually(lambda: numbers(instance) == [2, 3, 4])

    with RunningConsumer(broker, TransactionalRecorder(instance)):
        eventually(lambda: committed_offsets(broker) == [5])

    assert numbers(instance) == [2, 3, 4]


class LosesAnAnswer(TransactionalRecorder):
    """Records its first batch, and does not hear of it."""

    lost = False

    def record(self, events: Sequence[AssetEvent], progress: Sequence[Progress] = ()) -> list[Outcome]:
        outcomes = super().record(events, progress)
        if not self.lost:
            self.lost = True
            return [Unavailable("the answer to COMMIT was lost")] * len(events)
        return outcomes


@pytest.mark.fault("crash just after an operator's reset", "P2")
@each_group_protocol
@pytest.mark.usefixtures("reset_to_2")
def test_a_commit_whose_answer_was_lost_repeats_nothing(broker: Broker, instance: DagsterInstance) -> None:
    with RunningConsumer(broker, LosesAnAnswer(instance)):
        eventually(lambda: committed_offsets(broker) == [5])

    assert numbers(instance) == [2, 3, 4]
