"""What comes in one batch, and when all of it comes again, which `loop.py` and `in_band.py` are built on."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
from brokers import both_group_protocols
from confluent_kafka import Consumer, KafkaException, Message
from group_member import group_member, poll_until
from mock_cluster import produce
from real_broker import RealBroker

pytestmark = pytest.mark.kafka

BATCH = 10


def values(messages: list[Message]) -> list[bytes | None]:
    return [message.value() for message in messages if message.error() is None]


def first_error(consumer: Consumer) -> Message:
    for _ in range(100):
        for message in consumer.consume(1, 0.1):
            if message.error() is not None:
                return message
    raise TimeoutError("no error came")


def test_a_batch_is_waited_for_until_it_is_full_or_the_time_is_over(kafka: RealBroker) -> None:
    kafka.create_topic(kafka.topic)
    with closing(group_member(kafka, kafka.topic)) as consumer:
        poll_until(consumer.assignment, consumer)
        produce(kafka.bootstrap, kafka.topic, *[b"1"] * (BATCH + 4))

        assert len(consumer.consume(BATCH, 30)) == BATCH
        began = time.monotonic()
        assert len(consumer.consume(BATCH, 2)) == 4
        assert time.monotonic() - began > 1.5


@both_group_protocols
def test_who_did_not_poll_gets_its_whole_batch_again_and_cannot_commit_what_told_it_so(kafka: RealBroker) -> None:
    kafka.create_topic(kafka.topic)
    sent = [b"%d" % number for number in range(BATCH)]
    produce(kafka.bootstrap, kafka.topic, *sent)
    with closing(group_member(kafka, kafka.topic, **kafka.session, **limit(kafka))) as consumer:
        assert values(consumer.consume(BATCH, 30)) == sent
        time.sleep(kafka.session_timeout_ms / 1000 + 1)  # not polling is what is tested

        told = first_error(consumer)
        with pytest.raises(KafkaException, match="_INVALID_ARG"):
            consumer.commit(message=told, asynchronous=False)
        assert values(consumer.consume(BATCH, 30)) == sent


def limit(kafka: RealBroker) -> dict[str, int]:
    return {"max.poll.interval.ms": kafka.session_timeout_ms}
