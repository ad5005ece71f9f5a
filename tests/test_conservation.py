"""Conservation: what was produced is recorded or dead-lettered, all of it, once, and in order per Kafka partition."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from broker import Broker
from brokers import each_group_protocol
from consuming import (
    FaultyRecorder,
    RunningConsumer,
    committed_offsets,
    eventually,
    without_refused_commits,
)
from dagster import DagsterInstance
from dagster_reading import runless_events
from mock_cluster import Sent, consume_all, produce

from asset_consumer import backoff
from asset_reporting.public_recorder import PublicRecorder

pytestmark = pytest.mark.heavy

PARTITIONS, RECORDS, BAD_SHARE = 4, 3000, 0.25


def records(seed: int) -> list[Sent]:
    """Good and bad records over all partitions, with keys, headers, tombstones and bytes that are no text."""
    chance = random.Random(seed)  # noqa: S311 # repeatable, not secret
    return [
        Sent(
            value=bad(chance) if chance.random() < BAD_SHARE else good(chance, number),
            key=chance.choice([None, b"", b"k", b"\xff\x00"]),
            headers=chance.choice([(), (("h", None), ("h", b"\x00"))]),
            partition=chance.randrange(PARTITIONS),
        )
        for number in range(RECORDS)
    ]


def good(chance: random.Random, number: int) -> bytes:
    kind = chance.choice(["asset_materialization", "asset_observation", "asset_check"])
    check = {"check_name": "c", "passed": chance.random() < 0.5} if kind == "asset_check" else {}
    key = chance.choice(["a", "b", "c"])
    return json.dumps({"event_type": kind, "asset_key": key, "metadata": {"n": number}, **check}).encode()


def bad(chance: random.Random) -> bytes | None:
    return chance.choice([None, b"", b"\xff\xfe", b"no json", b'{"event_type": "x"}', b'{"asset_key": "a"}', b"[]"])


@pytest.mark.fault("storage outage amid bad records and a rebalance", "P1", "P3", "P4")
@each_group_protocol
def test_recorded_and_dead_lettered_are_all_that_was_produced(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    broker.create_topic(broker.topic, PARTITIONS)
    broker.create_topic(broker.dead_letters, PARTITIONS)
    sent = records(seed=1)

    with DagsterInstance.ephemeral() as instance:
        recorder = FaultyRecorder(PublicRecorder(instance))
        with RunningConsumer(broker, recorder, batch_max_records=100).patient() as first:
            places = produce(broker.bootstrap, broker.topic, *sent[: RECORDS // 2])
            with RunningConsumer(broker, recorder, batch_max_records=100).patient() as second:
                eventually(lambda: first.owned == second.owned == PARTITIONS // 2, timeout_s=30)
                places += produce(broker.bootstrap, broker.topic, *sent[RECORDS // 2 :])
                recorder.broken = "an outage in mid-stream"
                eventually(lambda: first.reason("storage") and second.reason("storage"))
                recorder.broken = None
                eventually(lambda: sum(committed_offsets(broker, PARTITIONS)) == RECORDS, timeout_s=60)
        places_stored = [str(event.metadata["kafka/record"].value) for event in runless_events(instance)]
    stored = without_refused_commits(broker, recorder, places_stored, caplog.records)
    letters = consume_all(broker.bootstrap, broker.dead_letters, 0)

    names = [f"{broker.topic}/{partition}/{offset}" for partition, offset in places]
    produced = dict(zip(names, sent, strict=True))
    ids = [(dict(letter.headers)["asset-bridge.dlq.id"] or b"").decode() for letter in letters]
    dead = dict(zip(ids, letters, strict=True))
    assert Counter(stored) + Counter(dead.keys()) == Counter(produced.keys())
    assert len(dead) == len(without_refused_commits(broker, recorder, ids, caplog.records))
    for place, letter in dead.items():
        one = produced[place]
        assert (letter.key, letter.value) == (one.key, one.value)
        assert letter.headers[: len(one.headers)] == tuple(one.headers)
        assert letter.partition == one.partition
    for partition in range(PARTITIONS):
        offsets = [int(place.rsplit("/", 1)[1]) for place in stored if place.split("/")[1] == str(partition)]
        assert offsets == sorted(offsets)
