"""What tests rest on, on each kind of broker."""

from __future__ import annotations

import pytest
from broker import Broker
from confluent_kafka import KafkaException, TopicPartition
from group_member import group_member, next_value
from mock_cluster import Sent, consume_all, produce

from asset_consumer.record import Record


def values(records: list[Record]) -> list[bytes | None]:
    return [record.value for record in records]


def test_what_is_produced_is_consumed_in_order(broker: Broker) -> None:
    broker.create_topic(broker.topic, 2)
    sent = [Sent(str(n).encode(), partition=n % 2) for n in range(1000)]
    places = produce(broker.bootstrap, broker.topic, *sent)
    assert places[:4] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    expected = [str(n).encode() for n in (*range(0, 1000, 2), *range(1, 1000, 2))]
    assert values(consume_all(broker.bootstrap, broker.topic, 1000)) == expected


def test_consume_all_shows_records_that_nobody_asked_for(broker: Broker) -> None:
    broker.create_topic(broker.topic)
    produce(broker.bootstrap, broker.topic, b"1", b"2", b"3")
    assert len(consume_all(broker.bootstrap, broker.topic, 1)) == 3
    assert consume_all(broker.bootstrap, broker.topic, 0) != []


def test_consume_all_says_how_many_came(broker: Broker) -> None:
    broker.create_topic(broker.topic)
    produce(broker.bootstrap, broker.topic, b"1")
    with pytest.raises(TimeoutError, match="1 of 2"):
        consume_all(broker.bootstrap, broker.topic, 2, timeout_s=2)


def test_group_forms_at_once(broker: Broker) -> None:
    broker.create_topic(broker.topic)
    produce(broker.bootstrap, broker.topic, b"1")
    consumer = group_member(broker, broker.topic)
    assert next_value(consumer) == b"1"
    consumer.commit(offsets=[TopicPartition(broker.topic, 0, 1)], asynchronous=False)
    assert consumer.committed([TopicPartition(broker.topic, 0)], timeout=5)[0].offset == 1
    consumer.close()


def test_broker_goes_down_and_comes_back_with_its_records(broker: Broker) -> None:
    broker.create_topic(broker.topic)
    produce(broker.bootstrap, broker.topic, b"1")
    broker.broker_down()
    with pytest.raises(KafkaException):
        consume_all(broker.bootstrap, broker.topic, 1, timeout_s=0.3)
    broker.broker_up()
    assert values(consume_all(broker.bootstrap, broker.topic, 1)) == [b"1"]


def test_deleted_records_are_out_of_range(broker: Broker) -> None:
    broker.create_topic(broker.topic)
    for n in range(5):
        produce(broker.bootstrap, broker.topic, str(n).encode())
    broker.delete_records(broker.topic, 0, 3)
    assert [record.offset for record in consume_all(broker.bootstrap, broker.topic, 2)] == [3, 4]
    with pytest.raises((RuntimeError, KafkaException), match="OFFSET_OUT_OF_RANGE"):
        broker.delete_records(broker.topic, 0, 100)


def test_deleted_topic_is_unknown_and_starts_anew(broker: Broker) -> None:
    broker.create_topic(broker.topic)
    produce(broker.bootstrap, broker.topic, b"1", b"2")
    broker.delete_topic(broker.topic)
    with pytest.raises(KafkaException, match="UNKNOWN_TOPIC"):
        produce(broker.bootstrap, broker.topic, b"3")
    broker.create_topic(broker.topic)
    assert produce(broker.bootstrap, broker.topic, b"4") == [(0, 0)]
