"""How long the client waits when the brokers are gone, which `commits.py` and `supervisor.py` are built on."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from group_member import group_member, next_value
from mock_cluster import produce
from real_broker import RealBroker

pytestmark = pytest.mark.kafka


def seconds(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def member(kafka: RealBroker, group: str) -> Consumer:
    limit = {"group.id": kafka.name(group), "session.timeout.ms": kafka.session_timeout_ms}
    consumer = group_member(kafka, kafka.topic, **limit)
    next_value(consumer)
    return consumer


def test_a_commit_or_a_close_after_one_waits_for_the_session_timeout(kafka: RealBroker) -> None:
    kafka.create_topic(kafka.topic)
    produce(kafka.bootstrap, kafka.topic, b"1")
    waiting, closing, idle = (member(kafka, group) for group in ("waiting", "closing", "idle"))
    offsets = [TopicPartition(kafka.topic, 0, 1)]
    kafka.broker_down()

    def commit_and_wait() -> None:
        with pytest.raises(KafkaException, match="_WAIT_COORD"):
            waiting.commit(offsets=offsets, asynchronous=False)

    session_s = kafka.session_timeout_ms / 1000
    assert seconds(lambda: closing.commit(offsets=offsets, asynchronous=True)) < session_s / 2
    with ThreadPoolExecutor() as both:
        committed, closed = both.map(seconds, (commit_and_wait, closing.close))
    assert session_s - 1 < committed < 2 * session_s
    assert session_s - 1 < closed < 2 * session_s
    assert seconds(idle.close) < session_s / 2  # with nothing to commit there is nothing to wait for
    waiting.close()
