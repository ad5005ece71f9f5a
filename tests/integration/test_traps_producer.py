"""What `flush` says and what it does not, which `dead_letter_producer.py` is built on."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, Message, Producer
from real_broker import RealBroker

pytestmark = pytest.mark.kafka


def test_a_flush_that_ends_early_tells_how_many_are_left_and_nothing_of_what_becomes_of_them(kafka: RealBroker) -> None:
    kafka.create_topic(kafka.topic)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    reported: list[KafkaError | None] = []

    def on_delivery(error: KafkaError | None, _: Message) -> None:
        reported.append(error)

    with kafka.frozen():
        producer.produce(kafka.topic, b"1", on_delivery=on_delivery)
        assert producer.flush(1) == 1
        assert reported == []
    assert producer.flush(20) == 0
    assert reported == [None]  # it was delivered after all


def test_what_a_delivery_callback_raises_comes_out_of_flush(kafka: RealBroker) -> None:
    kafka.create_topic(kafka.topic)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})

    def on_delivery(_: KafkaError | None, message: Message) -> None:
        raise LookupError(message.topic())

    producer.produce(kafka.topic, b"1", on_delivery=on_delivery)
    with pytest.raises(LookupError, match=kafka.topic):
        producer.flush(20)
