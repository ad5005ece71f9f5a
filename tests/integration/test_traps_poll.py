"""What polling does and what it costs not to poll, which `loop.py` and `assignment.py` are built on."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing, nullcontext
from typing import Any

import pytest
from brokers import both_group_protocols
from confluent_kafka import OFFSET_STORED, Consumer, KafkaError, KafkaException, TopicPartition
from group_member import group_member, next_value, poll_until
from integration.raising_callback import GROUP
from integration.raising_callback import __file__ as raising_callback
from mock_cluster import Sent, produce
from real_broker import RealBroker

pytestmark = pytest.mark.kafka

RECORDS = 2000


def errors_within(consumer: Consumer, seconds: float) -> list[int]:
    """The codes of what comes in place of records while the consumer polls."""
    until = time.monotonic() + seconds
    codes: list[int] = []
    while time.monotonic() < until:
        errors = [message.error() for message in consumer.consume(10, 0.1)]
        codes += [error.code() for error in errors if error is not None]
    return codes


def test_an_exception_in_a_callback_destroys_records_and_the_next_commit_loses_them(kafka: RealBroker) -> None:
    kafka.create_topic(kafka.topic)
    produce(kafka.bootstrap, kafka.topic, *[b"1"] * RECORDS)

    command = [sys.executable, raising_callback, kafka.bootstrap, kafka.topic]
    said = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    received, position = (int(word) for word in said.split())

    assert position == RECORDS
    assert 0 < received < RECORDS
    with closing(group_member(kafka, kafka.topic, **{"group.id": f"{kafka.topic}{GROUP}"})) as successor:
        successor.unsubscribe()
        successor.assign([TopicPartition(kafka.topic, 0, OFFSET_STORED)])  # without waiting for the dead member
        produce(kafka.bootstrap, kafka.topic, b"next")
        assert next_value(successor) == b"next"


@both_group_protocols
@pytest.mark.parametrize("callbacks", [("on_revoke", "on_lost"), ("on_revoke",)])
def test_who_does_not_poll_loses_its_partitions_and_hears_of_it_as_a_message(
    kafka: RealBroker, callbacks: tuple[str, ...]
) -> None:
    kafka.create_topic(kafka.topic)
    limit = {**kafka.session, "max.poll.interval.ms": kafka.session_timeout_ms}
    called: list[str] = []
    with closing(group_member(kafka, kafka.topic, **limit)) as consumer:
        noting: dict[str, Any] = {name: lambda *_, name=name: called.append(name) for name in callbacks}
        consumer.subscribe([kafka.topic], **noting)
        poll_until(consumer.assignment, consumer)
        time.sleep(kafka.session_timeout_ms / 1000 + 1)  # not polling is what is tested

        # By the new protocol it has left, and into a group without members anybody may commit.
        refused = pytest.raises(KafkaException, match="UNKNOWN_MEMBER_ID")
        with refused if kafka.group_protocol == "classic" else nullcontext():
            consumer.commit(offsets=[TopicPartition(kafka.topic, 0, 10)], asynchronous=False)
        assert errors_within(consumer, 1) == [KafkaError._MAX_POLL_EXCEEDED]
        assert called == [callbacks[-1]]  # without on_lost, a loss looks like a revocation
        poll_until(consumer.assignment, consumer)


@both_group_protocols
def test_a_pause_outlives_a_revocation_and_only_a_resume_ends_it(kafka: RealBroker) -> None:
    kafka.create_topic(kafka.topic, 4)
    eager = {"partition.assignment.strategy": "range"} if kafka.group_protocol == "classic" else {}
    with closing(group_member(kafka, kafka.topic, **eager)) as first:
        poll_until(lambda: len(first.assignment()) == 4, first)
        first.pause(first.assignment())
        with closing(group_member(kafka, kafka.topic, **eager)) as second:
            poll_until(lambda: len(first.assignment()) == len(second.assignment()) == 2, first, second)
        poll_until(lambda: len(first.assignment()) == 4, first)
        produce(kafka.bootstrap, kafka.topic, *(Sent(b"1", partition=n % 4) for n in range(400)))

        assert first.consume(1, 2) == []
        first.resume(first.assignment())
        assert len(first.consume(400, 20)) == 400


@both_group_protocols
def test_an_unknown_topic_is_told_once_or_not_at_all_and_found_by_a_later_look(kafka: RealBroker) -> None:
    told = {"classic": [KafkaError.UNKNOWN_TOPIC_OR_PART], "consumer": []}
    refresh = {"topic.metadata.refresh.interval.ms": 500}
    with closing(group_member(kafka, kafka.topic, **refresh)) as consumer:
        assert errors_within(consumer, 4) == told[kafka.group_protocol]
        kafka.create_topic(kafka.topic)
        poll_until(consumer.assignment, consumer)
