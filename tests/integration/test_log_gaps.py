"""Logs whose offsets have gaps: transactions leave markers between the records, and records that count for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Producer
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import DagsterInstance
from numbered import event, numbers
from real_broker import RealBroker

from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = pytest.mark.kafka


@pytest.mark.fault("transactional topic with aborted records and markers", "P1", "P2", "P6")
def test_only_what_was_committed_by_its_producer_is_recorded_and_once(kafka: RealBroker, tmp_path: Path) -> None:
    kafka.create_topic(kafka.topic)
    kafka.create_topic(kafka.dead_letters)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": kafka.name("tx"), "log_level": 0})
    producer.init_transactions(20)

    def transaction(*events: int, abort: bool = False) -> None:
        producer.begin_transaction()
        for number in events:
            producer.produce(kafka.topic, event(number))
        producer.flush(10)
        if abort:
            producer.abort_transaction(10)
        else:
            producer.commit_transaction(10)

    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        recorder = TransactionalRecorder(instance)
        transaction(1, 2)  # offsets 0 and 1, the marker is 2
        transaction(13, 13, abort=True)  # 3 to 5
        with RunningConsumer(kafka, recorder):
            eventually(lambda: committed_offsets(kafka) == [2])
        transaction(3)  # 6 and 7
        with RunningConsumer(kafka, recorder):
            eventually(lambda: committed_offsets(kafka) == [7])
            transaction(13, abort=True)
            transaction(4)  # 10 and 11
            eventually(lambda: committed_offsets(kafka) == [11])
        producer.close()
        assert numbers(instance) == [1, 2, 3, 4]
