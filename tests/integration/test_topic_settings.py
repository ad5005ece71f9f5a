"""The consumer and the settings of topics, which only a real broker has."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import DagsterInstance
from dagster_reading import runless_entries
from databases import new_instance
from mock_cluster import Sent, consume_all, produce
from numbered import event, numbers
from processes import START_S, Process
from real_broker import RealBroker

from asset_consumer import backoff
from asset_consumer.client import admin_config
from asset_consumer.topics import HEADROOM_BYTES, describe, problems
from asset_reporting.transactional_recorder import TransactionalRecorder

pytestmark = pytest.mark.kafka

REJECTED = b'{"event_type": "asset_check", "asset_key": "a"}'
LARGE = random.Random(1).randbytes(5000)  # noqa: S311 # repeatable; letters are compressed, and this cannot be
DEFAULT_MAX_BYTES = 1_048_588


@pytest.fixture
def instance(empty_home: Path, tmp_path: Path) -> Iterator[DagsterInstance]:
    with new_instance(empty_home, tmp_path) as instance:
        yield instance


@pytest.fixture(autouse=True)
def scaled_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    monkeypatch.setattr(backoff, "LONGEST_S", 0.5)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"max.message.bytes": str(DEFAULT_MAX_BYTES + HEADROOM_BYTES)}, []),
        ({}, ["dead_letter.too_small"]),
        (
            {"max.message.bytes": str(DEFAULT_MAX_BYTES + HEADROOM_BYTES), "cleanup.policy": "compact,delete"},
            ["dead_letter.compacted"],
        ),
        (
            {"max.message.bytes": str(DEFAULT_MAX_BYTES + HEADROOM_BYTES), "retention.ms": "1000"},
            ["dead_letter.short_retention"],
        ),
    ],
)
def test_the_settings_of_topics_are_read_and_judged(
    kafka: RealBroker, config: dict[str, str], expected: list[str]
) -> None:
    kafka.create_topic(kafka.topic, 3)
    kafka.create_topic(kafka.dead_letters, 3, config)
    admin = AdminClient(admin_config(bootstrap_servers=kafka.bootstrap))
    facts = describe(admin, [kafka.topic, kafka.dead_letters], 10)
    assert facts[kafka.topic].max_message_bytes == DEFAULT_MAX_BYTES
    assert [problem.code for problem in problems([(facts[kafka.topic], facts[kafka.dead_letters])])] == expected


def test_consume_refuses_a_dead_letter_topic_in_which_a_letter_might_not_fit(kafka: RealBroker, tmp_path: Path) -> None:
    kafka.create_topic(kafka.topic)
    kafka.create_topic(kafka.dead_letters)
    environment = {
        "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap,
        "ASSET_BRIDGE_KAFKA__GROUP_ID": kafka.group,
        "ASSET_BRIDGE_KAFKA__TOPICS": kafka.topic,
        "ASSET_BRIDGE_MANAGEMENT__PORT": "0",
    }
    with Process("consume", home=tmp_path, environment=environment) as process:
        assert process.wait(START_S) == 78
    (line,) = [line for line in process.err if line.startswith("asset-bridge:")]
    assert "dead_letter.too_small" in line
    assert str(DEFAULT_MAX_BYTES + HEADROOM_BYTES) in line


@pytest.mark.fault("dead letter too large for its topic", "P1", "P4", "P7")
def test_a_letter_that_the_topic_does_not_take_holds_its_partition_until_it_does(
    kafka: RealBroker, instance: DagsterInstance
) -> None:
    kafka.create_topic(kafka.topic)
    kafka.create_topic(kafka.dead_letters, 1, {"max.message.bytes": "3000"})
    produce(kafka.bootstrap, kafka.topic, event(0), REJECTED, LARGE, event(1))

    with RunningConsumer(kafka, TransactionalRecorder(instance)) as consumer:
        eventually(lambda: "dlq.too_large" in consumer.reason("partitions"))
        eventually(lambda: committed_offsets(kafka) == [2])  # the small one fits
        kafka.configure_topic(kafka.dead_letters, max_message_bytes="10000")
        eventually(lambda: committed_offsets(kafka) == [4], timeout_s=40)

    assert numbers(instance) == [0, 1]
    assert [letter.value for letter in consume_all(kafka.bootstrap, kafka.dead_letters, 2)] == [REJECTED, LARGE]


@pytest.mark.fault("dead-letter topic in which only the record itself fits", "P1", "P4")
def test_a_letter_is_made_smaller_where_only_its_record_fits(kafka: RealBroker, instance: DagsterInstance) -> None:
    kafka.create_topic(kafka.topic)
    kafka.create_topic(kafka.dead_letters, 1, {"max.message.bytes": "5600"})
    produce(kafka.bootstrap, kafka.topic, LARGE)

    with RunningConsumer(kafka, TransactionalRecorder(instance)):
        eventually(lambda: committed_offsets(kafka) == [1])

    (letter,) = consume_all(kafka.bootstrap, kafka.dead_letters, 1)
    assert letter.value == LARGE
    assert "asset-bridge.dlq.errors" not in dict(letter.headers)


@pytest.mark.fault("topic that stamps records with its own time (LogAppendTime)", "P1", "P4")
def test_the_brokers_own_time_is_an_events_time_where_it_is_asked_for(
    kafka: RealBroker, instance: DagsterInstance
) -> None:
    kafka.create_topic(kafka.topic, 1, {"message.timestamp.type": "LogAppendTime"})
    kafka.create_topic(kafka.dead_letters)
    produce(kafka.bootstrap, kafka.topic, Sent(event(0), timestamp_ms=1000), Sent(REJECTED, timestamp_ms=1000))

    with RunningConsumer(kafka, TransactionalRecorder(instance), event_time_from_record=True):
        eventually(lambda: committed_offsets(kafka) == [2])

    appended, rejected = consume_all(kafka.bootstrap, kafka.topic, 2)
    assert appended.timestamp_type == "LogAppendTime"
    assert (appended.timestamp_ms or 0) > 1_600_000_000_000
    (entry,) = runless_entries(instance)
    assert entry.timestamp == (appended.timestamp_ms or 0) / 1000
    (letter,) = consume_all(kafka.bootstrap, kafka.dead_letters, 1)
    facts = dict(letter.headers)
    assert facts["asset-bridge.dlq.timestamp_type"] == b"LogAppendTime"
    assert facts["asset-bridge.dlq.timestamp"] == str(rejected.timestamp_ms).encode()
