from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError
from dead_letter_samples import RECORD, facts
from dead_letter_sending import eventually_acknowledged, letters, read
from mock_cluster import PRODUCE, consume_all

from asset_consumer.dead_letter import DeadLetter, restore

if TYPE_CHECKING:
    from broker import Broker
    from dead_letter_sending import Producers
    from mock_cluster import MockCluster


@pytest.mark.fault("dead letters of any record, whole, cut down or copied", "P1")
@pytest.mark.fault("keys and values that are null or empty", "P1", "P4")
def test_acknowledged_letters_give_back_their_records_byte_for_byte(broker: Broker, producers: Producers) -> None:
    broker.create_topic(broker.dead_letters, 4)
    records = [
        RECORD,
        replace(RECORD, offset=43, key=None, value=None, headers=()),
        replace(RECORD, offset=44, key=b"", value=b"", headers=(("a", b""), ("b", None), ("a", b""))),
        replace(RECORD, offset=45, key=b"\xff\x00", value=b"\x00" * 100, headers=(("b", b"\xff\x00"), ("ß", b"1"))),
        replace(RECORD, offset=46, timestamp_ms=None, timestamp_type="NoTimestampType"),
    ]
    assert producers.open(broker).send(letters(broker.dead_letters, *records)) == [None] * 5
    assert [restore(dead.key, dead.value, dead.headers) for dead in read(broker, 5)] == records


def test_letter_names_group_and_writer_and_is_stamped_with_the_present(broker: Broker, producers: Producers) -> None:
    broker.create_topic(broker.dead_letters, 4)
    before = int(time.time() * 1000)
    producers.open(broker).send(letters(broker.dead_letters, RECORD))
    [dead] = consume_all(broker.bootstrap, broker.dead_letters, 1)
    told = facts(DeadLetter(dead.key, dead.value, dead.headers))
    assert (told["group"], told["app"]) == ("asset-bridge", "bridge/1.2.3")
    assert dead.timestamp_ms is not None
    assert before <= dead.timestamp_ms <= time.time() * 1000


def test_partition_is_kept_where_the_topic_has_it_and_else_chosen_by_key(broker: Broker, producers: Producers) -> None:
    broker.create_topic(broker.dead_letters, 4)
    kept = [replace(RECORD, partition=partition, key=b"same") for partition in (0, 3, 1, 2)]
    beyond = [replace(RECORD, partition=partition, key=b"same") for partition in (4, 5, 99)]
    assert producers.open(broker).send(letters(broker.dead_letters, *kept, *beyond)) == [None] * 7
    found = [
        (record.partition, restore(record.key, record.value, record.headers).partition)
        for record in consume_all(broker.bootstrap, broker.dead_letters, 7)
    ]
    assert {(0, 0), (1, 1), (2, 2), (3, 3)} <= set(found)
    assert len({partition for partition, original in found if original > 3}) == 1


def test_partitions_that_are_added_later_are_used(broker: Broker, producers: Producers) -> None:
    broker.create_topic(broker.dead_letters, 1)
    producer = producers.open(broker, topic_metadata_refresh_interval_ms="100")
    assert producer.send(letters(broker.dead_letters, RECORD)) == [None]
    broker.delete_topic(broker.dead_letters)
    broker.create_topic(broker.dead_letters, 4)
    eventually_acknowledged(producer, broker.dead_letters)
    assert consume_all(broker.bootstrap, broker.dead_letters, 1)[0].partition == RECORD.partition


@pytest.mark.fault("dead-letter topic missing from the start", "P1")
def test_missing_topic_is_reported_at_once_created_by_nobody_and_heals(broker: Broker, producers: Producers) -> None:
    other = broker.name("other.dlq")
    broker.create_topic(other, 4)
    producer = producers.open(broker, message_timeout_ms="20000")
    started = time.monotonic()
    answers = producer.send([*letters(broker.dead_letters, RECORD), *letters(other, RECORD)])
    assert answers == ["dlq.unavailable: UNKNOWN_TOPIC_OR_PART", None]
    assert time.monotonic() - started < 10  # and not after message.timeout.ms
    assert producer.send(letters(broker.dead_letters, RECORD)) == ["dlq.unavailable: UNKNOWN_TOPIC_OR_PART"]
    broker.create_topic(broker.dead_letters, 4)
    eventually_acknowledged(producer, broker.dead_letters)


@pytest.mark.parametrize("code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.LEADER_NOT_AVAILABLE])
def test_topic_error_is_reported_not_raised_and_heals(cluster: MockCluster, producers: Producers, code: int) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    producer = producers.open(cluster)
    assert producer.send(letters(cluster.dead_letters, RECORD)) == [None]
    cluster.set_topic_error(cluster.dead_letters, code)
    assert producer.send(letters(cluster.dead_letters, RECORD)) == [f"dlq.unavailable: {KafkaError(code).name()}"]
    cluster.set_topic_error(cluster.dead_letters, 0)
    eventually_acknowledged(producer, cluster.dead_letters)


def test_one_refused_partition_fails_its_own_letters_only(cluster: MockCluster, producers: Producers) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    cluster.push_partition_errors(cluster.dead_letters, 1, PRODUCE, KafkaError.POLICY_VIOLATION)
    records = [replace(RECORD, partition=partition) for partition in range(4)]
    answers = producers.open(cluster).send(letters(cluster.dead_letters, *records))
    assert answers == [None, "dlq.unavailable: POLICY_VIOLATION", None, None]
    assert len(read(cluster, 3)) == 3


def test_errors_that_pass_are_retried_without_a_word_and_without_doubles(
    cluster: MockCluster, producers: Producers
) -> None:
    cluster.create_topic(cluster.dead_letters, 4)
    cluster.push_request_errors(PRODUCE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.REQUEST_TIMED_OUT)
    assert producers.open(cluster).send(letters(cluster.dead_letters, RECORD)) == [None]
    assert len(read(cluster, 1)) == 1
