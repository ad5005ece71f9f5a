from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError
from dead_letter_samples import RECORD, facts
from dead_letter_sending import DLQ, eventually_acknowledged, letters, read
from mock_cluster import PRODUCE, consume_all

from asset_consumer.dead_letter import DeadLetter, restore

if TYPE_CHECKING:
    from dead_letter_sending import Producers
    from mock_cluster import MockCluster


def test_acknowledged_letters_give_back_their_records_byte_for_byte(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(DLQ, 4)
    records = [
        RECORD,
        replace(RECORD, offset=43, key=None, value=None, headers=()),
        replace(RECORD, offset=44, key=b"", value=b"", headers=(("a", b""), ("b", None), ("a", b""))),
        replace(RECORD, offset=45, key=b"\xff\x00", value=b"\x00" * 100, headers=(("b", b"\xff\x00"), ("ß", b"1"))),
        replace(RECORD, offset=46, timestamp_ms=None, timestamp_type="NoTimestampType"),
    ]
    assert producers.open().send(letters(*records)) == [None] * 5
    assert [restore(dead.key, dead.value, dead.headers) for dead in read(cluster, 5)] == records


def test_letter_names_group_and_writer_and_is_stamped_with_the_present(
    cluster: MockCluster, producers: Producers
) -> None:
    cluster.create_topic(DLQ, 4)
    before = int(time.time() * 1000)
    producers.open().send(letters(RECORD))
    [dead] = consume_all(cluster.bootstrap, DLQ, 1)
    told = facts(DeadLetter(dead.key, dead.value, dead.headers))
    assert (told["group"], told["app"]) == ("asset-bridge", "bridge/1.2.3")
    assert dead.timestamp_ms is not None
    assert before <= dead.timestamp_ms <= time.time() * 1000


def test_partition_is_kept_where_the_topic_has_it_and_else_chosen_by_key(
    cluster: MockCluster, producers: Producers
) -> None:
    cluster.create_topic(DLQ, 4)
    kept = [replace(RECORD, partition=partition, key=b"same") for partition in (0, 3, 1, 2)]
    beyond = [replace(RECORD, partition=partition, key=b"same") for partition in (4, 5, 99)]
    assert producers.open().send(letters(*kept, *beyond)) == [None] * 7
    found = [
        (record.partition, restore(record.key, record.value, record.headers).partition)
        for record in consume_all(cluster.bootstrap, DLQ, 7)
    ]
    assert {(0, 0), (1, 1), (2, 2), (3, 3)} <= set(found)
    assert len({partition for partition, original in found if original > 3}) == 1


def test_partitions_that_are_added_later_are_used(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(DLQ, 1)
    producer = producers.open(topic_metadata_refresh_interval_ms="100")
    assert producer.send(letters(RECORD)) == [None]
    cluster.delete_topic(DLQ)
    cluster.create_topic(DLQ, 4)
    eventually_acknowledged(producer)
    assert consume_all(cluster.bootstrap, DLQ, 1)[0].partition == RECORD.partition


def test_missing_topic_is_reported_at_once_created_by_nobody_and_heals(
    cluster: MockCluster, producers: Producers
) -> None:
    cluster.create_topic("other.dlq", 4)
    producer = producers.open()
    started = time.monotonic()
    answers = producer.send([*letters(RECORD), *letters(RECORD, topic="other.dlq")])
    assert answers == ["dlq.unavailable: UNKNOWN_TOPIC_OR_PART", None]
    assert time.monotonic() - started < 2
    assert producer.send(letters(RECORD)) == ["dlq.unavailable: UNKNOWN_TOPIC_OR_PART"]
    cluster.create_topic(DLQ, 4)
    eventually_acknowledged(producer)


@pytest.mark.parametrize("code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.LEADER_NOT_AVAILABLE])
def test_topic_error_is_reported_not_raised_and_heals(cluster: MockCluster, producers: Producers, code: int) -> None:
    cluster.create_topic(DLQ, 4)
    producer = producers.open()
    assert producer.send(letters(RECORD)) == [None]
    cluster.set_topic_error(DLQ, code)
    assert producer.send(letters(RECORD)) == [f"dlq.unavailable: {KafkaError(code).name()}"]
    cluster.set_topic_error(DLQ, 0)
    eventually_acknowledged(producer)


def test_one_refused_partition_fails_its_own_letters_only(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(DLQ, 4)
    cluster.push_partition_errors(DLQ, 1, PRODUCE, KafkaError.POLICY_VIOLATION)
    answers = producers.open().send(letters(*(replace(RECORD, partition=partition) for partition in range(4))))
    assert answers == [None, "dlq.unavailable: POLICY_VIOLATION", None, None]
    assert len(read(cluster, 3)) == 3


def test_errors_that_pass_are_retried_without_a_word_and_without_doubles(
    cluster: MockCluster, producers: Producers
) -> None:
    cluster.create_topic(DLQ, 4)
    cluster.push_request_errors(PRODUCE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.REQUEST_TIMED_OUT)
    assert producers.open().send(letters(RECORD)) == [None]
    assert len(read(cluster, 1)) == 1
