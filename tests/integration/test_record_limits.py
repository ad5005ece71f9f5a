"""Records at the edge of what a topic takes: by size, and by what their headers hold."""

from __future__ import annotations

import random

import pytest
from confluent_kafka import KafkaException
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import DagsterInstance
from dagster_reading import runless_events
from databases import Database
from mock_cluster import consume_all, produce, produce_raw
from real_broker import RealBroker

from asset_consumer.record import UNREADABLE_HEADER_NAME
from asset_consumer.topics import HEADROOM_BYTES
from asset_events import MAX_EVENT_BYTES
from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = pytest.mark.kafka

LIMIT = 1_048_588
"""A topic's own, unless it is told otherwise."""

AROUND_A_VALUE = 61 + 3 + 8
"""What a broker counts besides the value, of one record of a megabyte: its batch, its length, and its own fields."""

FULL = random.Random(1).randbytes(LIMIT - AROUND_A_VALUE)  # noqa: S311 # repeatable, and it cannot be compressed

EVENT = b'{"event_type": "asset_materialization", "asset_key": "a"}'
REJECTED = b'{"event_type": "asset_check", "asset_key": "a"}'


@pytest.fixture
def instance(kafka: RealBroker, sqlite: Database) -> DagsterInstance:
    kafka.create_topic(kafka.topic)
    kafka.create_topic(kafka.dead_letters, 1, {"max.message.bytes": str(LIMIT + HEADROOM_BYTES)})
    return sqlite.open()


@pytest.mark.fault("record at the exact size limit of its topic, and one byte over", "P1", "P4")
def test_a_record_as_large_as_its_topic_takes_is_read_and_dead_lettered_whole(
    kafka: RealBroker, instance: DagsterInstance
) -> None:
    for record in (FULL, EVENT.ljust(len(FULL))):  # one by one: a batch may be no larger than a record
        produce(kafka.bootstrap, kafka.topic, record)
    with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
        produce(kafka.bootstrap, kafka.topic, FULL + b"1")

    with RunningConsumer(kafka, TransactionalRecorder(instance)):
        eventually(lambda: committed_offsets(kafka) == [2])

    (letter,) = consume_all(kafka.bootstrap, kafka.dead_letters, 1)
    assert letter.value == FULL
    assert "asset-bridge.dlq.errors" in dict(letter.headers)  # nothing had to be left out
    assert len(runless_events(instance)) == 1


@pytest.mark.fault("event at the exact size limit of an event, and one byte over", "P1", "P4")
def test_an_event_as_large_as_allowed_is_recorded_and_a_larger_one_is_dead_lettered(
    kafka: RealBroker, instance: DagsterInstance
) -> None:
    twice = str(2 * MAX_EVENT_BYTES)
    for topic in (kafka.topic, kafka.dead_letters):
        kafka.configure_topic(topic, max_message_bytes=twice)
    largest = EVENT.ljust(MAX_EVENT_BYTES)
    produce(kafka.bootstrap, kafka.topic, largest, largest + b" ")

    with RunningConsumer(kafka, TransactionalRecorder(instance)):
        eventually(lambda: committed_offsets(kafka) == [2])

    (letter,) = consume_all(kafka.bootstrap, kafka.dead_letters, 1)
    assert letter.value == largest + b" "
    assert dict(letter.headers)["asset-bridge.dlq.code"] == b"event.too_large"
    assert len(runless_events(instance)) == 1


@pytest.mark.fault("headers that are null, doubled or not UTF-8", "P1", "P4")
def test_headers_of_any_kind_stop_nobody_and_are_kept_in_the_letter(
    kafka: RealBroker, instance: DagsterInstance
) -> None:
    strange = [(b"a", b"\xff\x00"), (b"a", None), (b"\xff", b"1"), (b"a", b""), (b"content-type", None)]
    for value in (EVENT, REJECTED, EVENT):
        produce_raw(kafka.bootstrap, kafka.topic, value, strange)

    with RunningConsumer(kafka, TransactionalRecorder(instance)):
        eventually(lambda: committed_offsets(kafka) == [3])

    (letter,) = consume_all(kafka.bootstrap, kafka.dead_letters, 1)
    kept = (("a", b"\xff\x00"), ("a", None), (UNREADABLE_HEADER_NAME, b"1"), ("a", b""), ("content-type", None))
    assert letter.headers[: len(kept)] == kept
    assert len(runless_events(instance)) == 2
