"""Calls of the client that wait for a broker leave other threads running, which `loop.py` and its health rely on."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from group_member import group_member, next_value
from mock_cluster import produce
from real_broker import RealBroker

pytestmark = pytest.mark.kafka

WAIT_S = 1.5


@contextmanager
def ticking() -> Generator[list[float]]:
    """A thread that does next to nothing, again and again; the times at which it did."""
    ticks: list[float] = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.005):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield ticks
    finally:
        stop.set()
        thread.join()


def waiting_calls(consumer: Consumer, producer: Producer, where: TopicPartition) -> list[Callable[[], object]]:
    return [
        lambda: consumer.list_topics(timeout=WAIT_S),
        lambda: consumer.committed([where], timeout=WAIT_S),
        lambda: consumer.offsets_for_times([where], timeout=WAIT_S),
        lambda: consumer.get_watermark_offsets(where, timeout=WAIT_S),
        lambda: consumer.consume(1, WAIT_S),
        lambda: consumer.poll(WAIT_S),
        lambda: producer.flush(WAIT_S),
        lambda: producer.poll(WAIT_S),
    ]


def test_calls_that_wait_leave_other_threads_running(kafka: RealBroker) -> None:
    kafka.create_topic(kafka.topic)
    produce(kafka.bootstrap, kafka.topic, b"1")
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    with closing(group_member(kafka, kafka.topic)) as consumer:
        next_value(consumer)
        with kafka.frozen(), ticking() as ticks:
            producer.produce(kafka.topic, b"2")
            for call in waiting_calls(consumer, producer, TopicPartition(kafka.topic, 0, 0)):
                began = time.monotonic()
                with suppress(KafkaException):  # it timed out, as it should
                    call()
                assert time.monotonic() - began > WAIT_S / 2
    assert max(after - before for before, after in itertools.pairwise(ticks)) < WAIT_S / 2
    producer.flush(20)
