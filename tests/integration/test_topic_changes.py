"""An input topic that an operator changes under a running consumer: more partitions, or deleted and made again."""

from __future__ import annotations

import pytest
from accounts import Accounts
from brokers import both_group_protocols
from consuming import RunningConsumer, committed_offsets, eventually
from databases import Database
from mock_cluster import produce
from numbered import event, numbers
from real_broker import RealBroker

from asset_consumer import topic_ids
from asset_consumer.options import StartPolicy
from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("scaled_backoff")]

WORDS = {"error": "stopped", "earliest": "offset_moved", "latest": "offset_moved"}
OLD, NEW = range(5), range(10, 18)  # the new log is longer: the group's offset 5 lies within it


@pytest.mark.fault("partitions added in mid-drain", "P1", "P2", "P6")
@both_group_protocols
def test_partitions_that_are_added_are_consumed_from_their_beginning(kafka: RealBroker, accounts: Accounts) -> None:
    accounts.feed(100)
    with RunningConsumer(kafka, TransactionalRecorder(accounts.instance), batch_max_records=10) as consumer:
        eventually(lambda: consumer.owned == accounts.partitions)
        accounts.partitions = 5
        kafka.add_partitions(kafka.topic, accounts.partitions)
        accounts.feed(100)
        accounts.settled()
    accounts.close()


@pytest.mark.parametrize("policy", ["error", "earliest", "latest"])
@pytest.mark.fault("topic deleted and made anew", "P1", "P7")
def test_a_topic_that_is_made_again_is_judged_by_the_policy(
    kafka: RealBroker,
    sqlite: Database,
    policy: StartPolicy,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Until the consumer sees it, events may be recorded from the old offset on, as docs/guarantees.md says."""
    monkeypatch.setattr(topic_ids, "LOOK_EVERY_S", 0.2)
    for topic in (kafka.topic, kafka.dead_letters):
        kafka.create_topic(topic)
    instance = sqlite.open()
    produce(kafka.bootstrap, kafka.topic, *(event(n) for n in OLD))
    with RunningConsumer(kafka, TransactionalRecorder(instance), out_of_range=policy) as consumer:
        eventually(lambda: committed_offsets(kafka) == [len(OLD)])
        kafka.delete_topic(kafka.topic)
        kafka.create_topic(kafka.topic)
        produce(kafka.bootstrap, kafka.topic, *(event(n) for n in NEW))
        eventually(lambda: WORDS[policy] in {record.__dict__.get("happening") for record in caplog.records})
        produce(kafka.bootstrap, kafka.topic, event(99))
        if policy == "error":
            eventually(lambda: consumer.reason("partitions") == f"{kafka.topic}/0: offset.out_of_range")
        else:
            eventually(lambda: numbers(instance)[-1] == 99)
        if policy == "earliest":
            assert set(numbers(instance)) == {*OLD, *NEW, 99}
        eventually(lambda: consumer.health.ready == (policy != "error"))
