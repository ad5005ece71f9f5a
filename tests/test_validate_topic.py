"""`asset-bridge validate --topic`: what `consume` would do with each record, and no trace of having looked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from broker import Broker
from command_line import without_test_variables
from confluent_kafka.admin import AdminClient
from consuming import committed_offsets
from mock_cluster import Sent, consume_all, produce

from asset_consumer.cli import run

GOOD = b'{"event_type": "asset_materialization", "asset_key": "a"}'
TYPELESS = b'{"asset_key": "a"}'


@pytest.fixture
def topic(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> str:
    broker.create_topic(broker.topic, 2)
    broker.create_topic(broker.dead_letters, 1)
    without_test_variables(monkeypatch)
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS", broker.bootstrap)
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__TOPICS", broker.topic)
    monkeypatch.setenv("ASSET_BRIDGE_KAFKA__ADMIN_TIMEOUT_S", "5")
    return broker.topic


def judged(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = run(["validate", "--format", "json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def test_each_record_is_judged_as_consume_would(broker: Broker, topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    cloud = {"ce_specversion": b"1.0", "ce_type": b"asset_check", "ce_source": b"s", "ce_id": b"1", "ce_subject": b"a"}
    produce(
        broker.bootstrap,
        topic,
        Sent(GOOD, partition=0),
        Sent(TYPELESS, partition=0),
        Sent(TYPELESS, headers=(("event-type", b"asset_observation"),), partition=0),
        Sent(None, partition=1),
        Sent(b"{}", headers=tuple(cloud.items()), partition=1),
    )

    code, report = judged(capsys, "--topic", topic)

    assert code == 1
    assert {problem["record"]: problem["errors"][0]["code"] for problem in report.pop("problems")} == {
        f"{topic}/0/1": "event_type.missing",
        f"{topic}/1/0": "tombstone",
        f"{topic}/1/1": "field.missing",
    }
    codes = {"event_type.missing": 1, "tombstone": 1, "field.missing": 1}
    assert report == {"events": 5, "valid": 2, "invalid": 3, "codes": codes}


def test_nothing_is_left_behind(broker: Broker, topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    produce(broker.bootstrap, topic, Sent(b"bad", partition=0))

    assert run(["validate", "--topic", topic]) == 1

    out = capsys.readouterr().out
    assert out.endswith("\n1 record: 0 would be recorded, 1 would be dead-lettered (json.malformed 1)\n")
    assert committed_offsets(broker, 2) == [-1001, -1001]
    assert consume_all(broker.bootstrap, broker.dead_letters, 0) == []
    groups = AdminClient({"bootstrap.servers": broker.bootstrap}).list_consumer_groups().result(10)
    assert [group.group_id for group in groups.valid if "reader" in group.group_id] == []


def test_last_takes_the_end_of_each_partition(broker: Broker, topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    sent = [Sent(GOOD if number else b"bad", partition=part) for number in range(5) for part in (0, 1)]
    produce(broker.bootstrap, topic, *sent)

    code, report = judged(capsys, "--topic", topic, "--last", "3")

    assert (code, report["events"]) == (0, 6)


def test_empty_topic_has_nothing_wrong(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = judged(capsys, "--topic", topic)

    assert (code, report["events"]) == (0, 0)


def test_topic_that_is_not_there_is_said_in_one_line(
    broker: Broker, topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", "--topic", broker.name("missing")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("UNKNOWN_TOPIC_OR_PART")


@pytest.mark.parametrize("arguments", [["--last", "1"], ["--topic", "t", "-"], ["--topic", "t", "--cloudevents"]])
def test_options_that_do_not_go_together_are_refused(arguments: list[str]) -> None:
    assert run(["validate", *arguments]) == 78
