"""The judge of all drains is judged: an offset that runs ahead of its record is seen, however soon the record comes."""

from __future__ import annotations

import threading

import pytest
from accounts import Accounts
from confluent_kafka import TopicPartition
from consuming import FaultyRecorder, RunningConsumer, eventually
from databases import Database
from mock_cluster import MockCluster

from asset_reporting.transactional_recorder import TransactionalRecorder


def test_an_offset_that_is_committed_before_its_record_is_stored_is_seen(
    cluster: MockCluster, sqlite: Database
) -> None:
    cluster.create_topic(cluster.topic)
    cluster.create_topic(cluster.dead_letters)
    accounts = Accounts(cluster, sqlite.open(), partitions=1)
    recorder = FaultyRecorder(TransactionalRecorder(accounts.instance))
    recorder.gate.clear()
    accounts.feed(20)
    with RunningConsumer(cluster, recorder) as consumer:
        eventually(recorder.entered.is_set)
        accounts.check()
        ahead = [TopicPartition(cluster.topic, 0, 20)]
        consumer._loop._consumer.commit(offsets=ahead, asynchronous=False)
        soon = threading.Timer(1, recorder.gate.set)
        soon.start()
        with pytest.raises(AssertionError, match="has passed open records"):
            accounts.check()
        soon.join()
        accounts.settled()
    accounts.close()
