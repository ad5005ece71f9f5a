from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError, Message
from mock_cluster import Sent, consume_all, produce, produce_raw

from asset_consumer.record import UNREADABLE_HEADER_NAME, Record

if TYPE_CHECKING:
    from broker import Broker


@pytest.mark.fault("keys and values that are null or empty", "P1", "P4")
@pytest.mark.parametrize("value", [None, b"", b"{}", b"\x00\xff"])
@pytest.mark.parametrize("key", [None, b"", b"\xff\x00"])
def test_null_and_empty_stay_apart(broker: Broker, key: bytes | None, value: bytes | None) -> None:
    broker.create_topic(broker.topic)
    produce(broker.bootstrap, broker.topic, Sent(value, key))
    [record] = consume_all(broker.bootstrap, broker.topic, 1)
    assert (record.key, record.value) == (key, value)


@pytest.mark.fault("headers that are null, doubled or not UTF-8", "P1")
def test_headers_keep_order_duplicates_null_and_binary_values(broker: Broker) -> None:
    headers = (
        ("b", b"2"),
        ("a", None),
        ("b", b""),
        ("B", b"\xff\x00"),
        ("a", b"1"),
        ("", b"no name"),
        ("ß", "ß".encode()),
    )
    broker.create_topic(broker.topic)
    produce(broker.bootstrap, broker.topic, Sent(b"{}", headers=headers))
    [record] = consume_all(broker.bootstrap, broker.topic, 1)
    assert record.headers == headers


def test_record_knows_its_place_and_time(broker: Broker) -> None:
    broker.create_topic(broker.topic, 3)
    first, second = (Sent(b"{}", partition=2, timestamp_ms=timestamp_ms) for timestamp_ms in (1, 1234))
    produce(broker.bootstrap, broker.topic, first, second)
    record = consume_all(broker.bootstrap, broker.topic, 2)[1]
    assert (record.topic, record.partition, record.offset) == (broker.topic, 2, 1)
    assert record.identity == f"{broker.topic}/2/1"
    assert (record.timestamp_ms, record.timestamp_type) == (1234, "CreateTime")


def test_no_headers_is_an_empty_tuple(broker: Broker) -> None:
    broker.create_topic(broker.topic)
    produce(broker.bootstrap, broker.topic, b"{}")
    assert consume_all(broker.bootstrap, broker.topic, 1)[0].headers == ()


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ((0, 0), (None, "NoTimestampType")),
        ((0, -1), (None, "NoTimestampType")),
        ((1, 0), (0, "CreateTime")),
        ((2, 1705314600000), (1705314600000, "LogAppendTime")),
    ],
)
def test_timestamp_types_are_told_apart(timestamp: tuple[int, int], expected: tuple[int | None, str]) -> None:
    message = Message(topic="events", partition=0, offset=0, value=b"{}", timestamp=timestamp)
    record = Record.from_message(message)
    assert (record.timestamp_ms, record.timestamp_type) == expected


def test_text_header_values_become_bytes() -> None:
    message = Message(
        topic="events", partition=0, offset=0, value=b"{}", headers=[("a", "ü"), ("b", b"1"), ("c", None)]
    )
    assert Record.from_message(message).headers == (("a", "ü".encode()), ("b", b"1"), ("c", None))


@pytest.mark.fault("headers that are null, doubled or not UTF-8", "P1")
def test_header_names_that_are_not_utf8_cost_neither_the_process_nor_a_value(broker: Broker) -> None:
    broker.create_topic(broker.topic)
    headers = [(b"first", b"1"), (b"\xff", b"2"), (b"n\xfe", None), (b"\xff", b""), (b"last", None), (b"x", b"x")]
    for _ in range(20):  # often enough for CPython to specialise the calls, which hides the client's error
        produce_raw(broker.bootstrap, broker.topic, b"{}", headers)
    unreadable = UNREADABLE_HEADER_NAME
    expected = (("first", b"1"), (unreadable, b"2"), (unreadable, None), (unreadable, b""), ("last", None), ("x", b"x"))
    assert [record.headers for record in consume_all(broker.bootstrap, broker.topic, 20)] == [expected] * 20


def test_header_name_ends_at_its_first_nul_and_nothing_else_is_lost(broker: Broker) -> None:
    broker.create_topic(broker.topic)
    produce_raw(broker.bootstrap, broker.topic, b"{}", [(b"a\0b", b"1\0"), (b"c", b"2")])
    assert consume_all(broker.bootstrap, broker.topic, 1)[0].headers == (("a", b"1\0"), ("c", b"2"))


def test_record_is_a_value(broker: Broker) -> None:
    broker.create_topic(broker.topic)
    produce(broker.bootstrap, broker.topic, Sent(b"{}", headers=[("a", b"1")]))
    first, again = (consume_all(broker.bootstrap, broker.topic, 1)[0] for _ in range(2))
    assert first == again
    assert hash(first) == hash(again)


def test_error_message_is_no_record() -> None:
    message = Message(topic="events", partition=0, offset=0, error=KafkaError(KafkaError._PARTITION_EOF))
    with pytest.raises(ValueError, match="error report"):
        Record.from_message(message)
