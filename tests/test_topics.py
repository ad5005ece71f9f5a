from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from asset_consumer.client import admin_config
from asset_consumer.topics import HEADROOM_BYTES, BrokersUnavailableError, Problem, TopicFacts, describe, problems

if TYPE_CHECKING:
    from broker import Broker
    from mock_cluster import MockCluster

PAGE = (Path(__file__).parents[1] / "docs" / "dead-letters.md").read_text()
DAY_MS = 24 * 3600 * 1000
SOURCE = TopicFacts("events", 3, cleanup_policy="delete", max_message_bytes=1_048_588, retention_ms=7 * DAY_MS)
DEAD = TopicFacts(
    "events.dlq", 3, cleanup_policy="delete", max_message_bytes=1_048_588 + HEADROOM_BYTES, retention_ms=14 * DAY_MS
)


def told(*pairs: tuple[TopicFacts, TopicFacts]) -> list[tuple[str, bool]]:
    return [(problem.code, problem.refuses) for problem in problems(pairs)]


def test_good_topics_have_no_problems() -> None:
    assert told((SOURCE, DEAD)) == []


def test_fewer_partitions_are_no_problem() -> None:
    assert told((SOURCE, replace(DEAD, partitions=1))) == []


@pytest.mark.parametrize(
    ("source", "dead", "code"),
    [
        (TopicFacts("events", error="UNKNOWN_TOPIC_OR_PART"), DEAD, "input.missing"),
        (TopicFacts("events", error="TOPIC_AUTHORIZATION_FAILED"), DEAD, "input.forbidden"),
        (SOURCE, TopicFacts("events.dlq", error="UNKNOWN_TOPIC_OR_PART"), "dead_letter.missing"),
        (SOURCE, TopicFacts("events.dlq", error="TOPIC_AUTHORIZATION_FAILED"), "dead_letter.forbidden"),
        (SOURCE, replace(DEAD, cleanup_policy="compact"), "dead_letter.compacted"),
        (SOURCE, replace(DEAD, cleanup_policy="compact,delete"), "dead_letter.compacted"),
        (SOURCE, replace(DEAD, max_message_bytes=1_048_588 + HEADROOM_BYTES - 1), "dead_letter.too_small"),
        (SOURCE, replace(DEAD, name="events"), "dead_letter.is_input"),
    ],
)
def test_what_would_lose_dead_letters_or_read_nothing_is_refused(
    source: TopicFacts, dead: TopicFacts, code: str
) -> None:
    assert told((source, dead)) == [(code, True)]
    assert f"`{code}`" in PAGE


def test_dead_letter_topic_that_is_another_inputs_topic_is_refused() -> None:
    other = replace(SOURCE, name="other")
    assert told((SOURCE, replace(DEAD, name="other")), (other, replace(DEAD, name="x"))) == [
        ("dead_letter.is_input", True)
    ]


def test_compacted_input_is_no_problem() -> None:
    assert told((replace(SOURCE, cleanup_policy="compact"), DEAD)) == []


@pytest.mark.parametrize(
    ("source_ms", "dead_ms", "expected"),
    [
        (7 * DAY_MS, 6 * DAY_MS, [("dead_letter.short_retention", False)]),
        (-1, 14 * DAY_MS, [("dead_letter.short_retention", False)]),
        (7 * DAY_MS, -1, []),
        (-1, -1, []),
        (7 * DAY_MS, 7 * DAY_MS, []),
    ],
)
def test_shorter_retention_is_worth_a_warning(source_ms: int, dead_ms: int, expected: list[tuple[str, bool]]) -> None:
    assert told((replace(SOURCE, retention_ms=source_ms), replace(DEAD, retention_ms=dead_ms))) == expected


def test_configuration_that_is_not_known_is_a_warning_for_each_topic() -> None:
    unknown = [TopicFacts(name, 1, unverified="TOPIC_AUTHORIZATION_FAILED") for name in ("events", "events.dlq")]
    assert told((unknown[0], unknown[1])) == [("topic.not_verified", False)] * 2


def test_refusals_come_first_and_a_shared_dead_letter_topic_is_told_once() -> None:
    missing = TopicFacts("dlq", error="UNKNOWN_TOPIC_OR_PART")
    unknown = TopicFacts("other", 1, unverified="_TIMED_OUT")
    assert told((unknown, missing), (SOURCE, missing)) == [("dead_letter.missing", True), ("topic.not_verified", False)]


def test_messages_name_the_topic_and_what_to_do() -> None:
    small = replace(DEAD, max_message_bytes=1_048_588)
    assert problems([(SOURCE, small)]) == [
        Problem(
            "dead_letter.too_small",
            "The dead-letter topic events.dlq takes records of 1048588 bytes, events of 1048588: a letter would not"
            " fit. Set its max.message.bytes to 1114124 or more.",
        )
    ]


# Asking the brokers


def admin_of(bootstrap: str) -> AdminClient:
    return AdminClient({**admin_config(bootstrap_servers=bootstrap), "log_level": 0})


def test_topics_are_described_and_none_is_created(broker: Broker) -> None:
    topic, missing = broker.topic, broker.dead_letters
    broker.create_topic(topic, 3)
    admin = admin_of(broker.bootstrap)
    for _ in range(2):
        facts = describe(admin, [topic, missing, topic], 10)
        assert list(facts) == [topic, missing]
        assert (facts[topic].partitions, facts[topic].error) == (3, None)
        assert (facts[missing].partitions, facts[missing].error) == (0, "UNKNOWN_TOPIC_OR_PART")
    there = admin.list_topics(timeout=10).topics
    assert topic in there
    assert missing not in there


def test_broker_without_describe_configs_leaves_the_configuration_unverified(cluster: MockCluster) -> None:
    cluster.create_topic("events")
    facts = describe(admin_of(cluster.bootstrap), ["events", "missing"], 10)
    assert facts["events"] == TopicFacts("events", 1, unverified="_UNSUPPORTED_FEATURE")
    assert facts["missing"].unverified is None


def test_cluster_without_a_controller_is_not_waited_for(cluster: MockCluster) -> None:
    cluster.set_controller(0)
    cluster.create_topic("events")
    started = time.monotonic()
    facts = describe(admin_of(cluster.bootstrap), ["events"], 30)
    assert facts["events"].unverified == "no controller is known"
    assert time.monotonic() - started < 15


def test_forbidden_topic_is_told_apart_from_a_missing_one(cluster: MockCluster) -> None:
    cluster.create_topic("events")
    cluster.set_topic_error("events", KafkaError.TOPIC_AUTHORIZATION_FAILED)
    assert describe(admin_of(cluster.bootstrap), ["events"], 10)["events"].error == "TOPIC_AUTHORIZATION_FAILED"


def test_topic_that_the_broker_cannot_judge_now_is_an_outage(cluster: MockCluster) -> None:
    cluster.create_topic("events")
    cluster.set_topic_error("events", KafkaError.LEADER_NOT_AVAILABLE)
    with pytest.raises(BrokersUnavailableError, match="events now: LEADER_NOT_AVAILABLE"):
        describe(admin_of(cluster.bootstrap), ["events"], 10)


def test_brokers_that_do_not_answer_are_an_outage_and_the_log_says_why(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.create_topic(broker.topic)
    broker.broker_down()
    admin = AdminClient(admin_config(bootstrap_servers=broker.bootstrap))
    with pytest.raises(BrokersUnavailableError, match=r"_TRANSPORT|_TIMED_OUT"):
        describe(admin, [broker.topic], 0.5)
    assert any(line.name == "asset_bridge.librdkafka" for line in caplog.records)
    broker.broker_up()
    assert describe(admin, [broker.topic], 30)[broker.topic].error is None
