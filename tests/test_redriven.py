"""Records that come back from the dead letters: recorded once, however often they are sent again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from consuming import FaultyRecorder, RunningConsumer, eventually
from dagster import AssetKey, DagsterInstance, EventLogRecord
from dead_letter_samples import RECORD, letter
from letter_world import LetterWorld, open_world
from mock_cluster import MockCluster, Sent, consume_all, produce

from asset_consumer.dead_letter_headers import redrive_mark
from asset_consumer.decode import decode
from asset_consumer.lane import Item
from asset_consumer.record import Headers, Record
from asset_consumer.redriven import once
from asset_events import MaterializationEvent
from asset_reporting.idempotency import fingerprint
from asset_reporting.transactional_recorder import TransactionalRecorder

EVENT = MaterializationEvent(asset_key=("a",))
MARK = redrive_mark("events/0/3", 1)


def keys(headers: Headers, *, log: str = "events#1", value: bytes = b"{}", own: str | None = None) -> list[str | None]:
    record = replace(RECORD, headers=headers, value=value)
    events = (EVENT.model_copy(update={"idempotency_key": own}), EVENT)
    return [event.idempotency_key for event in once(log, Item(record, events=events))]


def test_only_what_comes_back_gets_a_key() -> None:
    for headers in ((), RECORD.headers, MARK[:1], (*MARK, ("later", b""))):
        assert keys(headers) == [None, None]
    first, second = keys(MARK)
    assert first is not None
    assert second is not None
    assert first != second
    assert len(first) <= 255
    assert keys(MARK, own="theirs") == ["theirs", second]


def test_the_key_is_that_of_the_first_failure_in_this_log_with_this_value() -> None:
    same = [MARK, redrive_mark("events/0/3", 2), (("h", b"1"), *MARK)]
    assert len({keys(headers)[0] for headers in same}) == 1
    others = [keys(redrive_mark("events/0/4", 1)), keys(MARK, log="events#2"), keys(MARK, value=b"[]")]
    assert len({keys(MARK)[0], *(found[0] for found in others)}) == 4


def test_a_letter_that_was_copied_back_has_the_key_of_its_record() -> None:
    copied = letter(Record("events", 0, 3, None, b"{}")).headers
    assert keys(copied) == keys(MARK)


def test_an_event_that_came_back_is_the_same_event_to_whoever_sends_it_by_another_road() -> None:
    first = Record("events", 0, 3, None, b'{"event_type": "asset_materialization", "asset_key": "a"}')
    again = replace(first, offset=9, headers=MARK)
    assert decode(again).metadata == {"kafka/record": "events/0/9", "kafka/first_failure": "events/0/3"}
    assert fingerprint(decode(again)) == fingerprint(decode(first)) == fingerprint(decode(first, provenance=False))


@pytest.fixture
def world(
    cluster: MockCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> LetterWorld:
    return open_world(cluster, tmp_path, monkeypatch, capsys)


def recorded(instance: DagsterInstance) -> list[str]:
    """Where the recorded materializations came from."""
    found = instance.fetch_materializations(AssetKey(["raw", "orders"]), limit=100).records
    return sorted(place_of(record, "kafka/record") for record in found)


def place_of(record: EventLogRecord, entry: str) -> str:
    assert record.asset_materialization is not None
    return str(record.asset_materialization.metadata[entry].value)


@pytest.mark.heavy
@pytest.mark.fault("dead letters sent again", "P1", "P2")
def test_a_record_that_is_sent_again_and_again_is_recorded_once(world: LetterWorld) -> None:
    with DagsterInstance.get() as instance:
        recorder = FaultyRecorder(TransactionalRecorder(instance))
        again = Sent(
            b'{"event_type": "asset_materialization", "asset_key": ["raw", "orders"]}', headers=MARK, partition=0
        )
        with RunningConsumer(world.broker, recorder):
            produce(world.broker.bootstrap, world.broker.topic, again, again)
            eventually(lambda: recorder.handed == 2)
            produce(world.broker.bootstrap, world.broker.topic, again, replace(again, headers=()))
            eventually(lambda: len(recorded(instance)) == 2)
        assert recorded(instance) == ["events/0/0", "events/0/3"]
        assert consume_all(world.broker.bootstrap, world.broker.dead_letters, 0) == []


@pytest.mark.heavy
@pytest.mark.fault("dead letters sent again", "P1", "P2")
def test_from_failure_to_repair_every_record_is_accounted_for(world: LetterWorld, tmp_path: Path) -> None:
    """Dead-lettered, patched and sent again: each ends recorded once, or as a letter that still is open."""
    lacking = [Sent(b'{"asset_key": ["raw", "orders"], "n": %d}' % number, partition=number % 2) for number in range(6)]
    hopeless = Sent(b"not JSON", partition=0)
    patch = tmp_path / "patch.json"
    typed = {"op": "add", "path": "/event_type", "value": "asset_materialization"}
    patch.write_text(json.dumps([{"op": "remove", "path": "/n"}, typed]))
    with DagsterInstance.get() as instance:
        recorder = FaultyRecorder(TransactionalRecorder(instance))
        with RunningConsumer(world.broker, recorder):
            produce(world.broker.bootstrap, world.broker.topic, *lacking, hopeless)
            eventually(lambda: len(world.places()) == 7)

            code, told = world.json("replay", "--patch", str(patch), "--apply", "--all")

            assert code == 3
            assert sorted(one["result"] for one in told) == ["left"] + ["replayed"] * 6
            eventually(lambda: len(recorded(instance)) == 6)
        assert recorded(instance) == sorted(one["to"] for one in told if one["to"])
        found = instance.fetch_materializations(AssetKey(["raw", "orders"]), limit=100).records
        pairs = {(place_of(record, "kafka/first_failure"), place_of(record, "kafka/record")) for record in found}
        assert pairs == {(one["id"], one["to"]) for one in told if one["to"]}
        (left,) = world.json("list")[1]
        assert (left["code"], left["replays"]) == ("json.malformed", 0)


@pytest.mark.heavy
def test_a_record_that_fails_again_is_a_letter_of_the_same_identity_with_one_replay_more(world: LetterWorld) -> None:
    with DagsterInstance.get() as instance:
        recorder = FaultyRecorder(TransactionalRecorder(instance))
        with RunningConsumer(world.broker, recorder):
            produce(world.broker.bootstrap, world.broker.topic, Sent(b"not JSON", partition=0))
            for replays in range(4):
                eventually(lambda count=replays: [one["replays"] for one in world.json("list")[1]] == [count])  # type: ignore[misc]
                code, told = world.json("replay", "--apply", "--all", "--unchecked")
                assert (code, told[0]["id"]) == (0, "events/0/0")
                assert told[0]["result"] == ("parked" if replays == 3 else "replayed")
            assert world.json("list") == (4, [])
            assert [one["id"] for one in world.json("list", "--parking")[1]] == ["events/0/0"]
