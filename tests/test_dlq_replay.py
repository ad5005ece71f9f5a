"""`asset-bridge dlq replay` and `park`: what is sent, what is not, and that the next one who looks knows."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from consuming import eventually
from letter_world import CHECK, GOOD, TYPE_MISSING, TYPELESS, UNKNOWN_ASSET, LetterWorld, failed, open_world
from mock_cluster import PRODUCE, MockCluster, consume_all
from real_broker import RealBroker

from asset_consumer import letter_reader
from asset_consumer.cli import run
from asset_consumer.dead_letter_headers import redrive_mark
from asset_consumer.letter_sender import LetterSender
from asset_reporting import letter_fates
from asset_reporting.letter_fates import LetterFates, LetterFatesError

pytestmark = pytest.mark.heavy


@pytest.fixture
def world(
    cluster: MockCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> LetterWorld:
    return open_world(cluster, tmp_path, monkeypatch, capsys)


def results(told: list[dict[str, Any]]) -> dict[str, str]:
    return {one["place"]: one["result"] for one in told}


def patch_file(tmp_path: Path, *operations: dict[str, Any]) -> str:
    file = tmp_path / "patch.json"
    file.write_text(json.dumps(operations))
    return str(file)


ERASED = re.compile(r"\r|\x1b\[2K")
"""What a terminal takes for the beginning of a line: it goes back, and wipes what stood there."""

TYPE_IT = {"op": "add", "path": "/event_type", "value": "asset_materialization"}


def test_without_apply_nothing_is_done_and_everything_said(world: LetterWorld) -> None:
    good, bad = world.write((failed(GOOD, 3, b"k"), UNKNOWN_ASSET), (failed(TYPELESS, 4), TYPE_MISSING))

    code, out, _ = world.dlq("replay")

    assert code == 3
    lines = out.splitlines()
    assert lines[0] == f"would be replayed  {good} -> events/0"
    assert lines[1].startswith(f"would be left  {bad}  event_type.missing: It would be refused again: ")
    assert lines[2].endswith("Nothing was changed; --apply does it.")
    assert world.arrived(0) == []
    assert len(world.places()) == 2


def test_a_letter_is_sent_as_it_was_once_and_known_to_be(world: LetterWorld) -> None:
    headers = (("a", b"1"), ("a", None), ("b", b""))
    place, other = world.write(
        (failed(GOOD, 3, b"", headers, at=1), UNKNOWN_ASSET), (failed(CHECK, 4, None), UNKNOWN_ASSET)
    )

    code, told = world.json("replay", "--id", "events/1/3", "--apply", "--by", "ann")

    assert (code, results(told)) == (0, {place: "replayed"})
    (record,) = world.arrived(1)
    assert told[0]["to"] == record.identity
    assert (record.partition, record.key, record.value) == (1, b"", GOOD)
    assert record.headers == headers + redrive_mark("events/1/3", 1)
    assert world.places() == [other]
    (fate,) = world.json("list", "--state", "replayed")[1]
    assert (fate["place"], fate["fate"]["by"]) == (place, "ann")

    assert world.json("replay", "--id", "events/1/3", "--apply") == (4, [])
    assert world.json("replay", "--apply", "--all")[0] == 0
    assert len(world.arrived(2)) == 2


def test_the_time_is_now_unless_it_is_wanted_or_means_something(
    world: LetterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(*((failed(GOOD, offset), UNKNOWN_ASSET) for offset in (1, 2, 3)))
    world.dlq("replay", "--apply", "--id", "events/0/1")
    world.dlq("replay", "--apply", "--id", "events/0/2", "--time", "original")
    monkeypatch.setenv("ASSET_BRIDGE_EVENT_TIME", "record")
    world.dlq("replay", "--apply", "--id", "events/0/3")

    first, second, third = (record.timestamp_ms or 0 for record in world.arrived(3))
    assert first > 1_750_000_000_000
    assert (second, third) == (1_705_314_600_002, 1_705_314_600_003)


def test_a_patch_corrects_the_value_and_says_by_whom(world: LetterWorld, tmp_path: Path) -> None:
    fits, not_json, not_enough = world.write(
        (failed(TYPELESS, 3, b"k", (("h", b"1"),)), TYPE_MISSING),
        (failed(b"secret", 4), TYPE_MISSING),
        (failed(b'{"asset": "a"}', 5), TYPE_MISSING),
    )
    arguments = ("replay", "--patch", patch_file(tmp_path, TYPE_IT), "--by", "ann")
    assert results(world.json(*arguments)[1])[fits] == "would be replayed"

    code, told = world.json(*arguments, "--apply", "--all")

    assert code == 3
    assert results(told) == {fits: "replayed", not_json: "left", not_enough: "left"}
    assert {one["place"]: one["code"] for one in told if one["code"]} == {
        not_json: "patch.failed",
        not_enough: "field.missing",
    }
    (record,) = world.arrived(1)
    assert json.loads(record.value or b"") == {"asset_key": ["raw", "orders"], "event_type": "asset_materialization"}
    patched_by = ("asset-bridge.dlq.patched_by", b"ann")
    assert record.headers == (("h", b"1"), patched_by, *redrive_mark("events/0/3", 1))
    assert world.places() == sorted([not_json, not_enough])
    assert world.json("list", "--state", "replayed")[1][0]["fate"]["patched"] is True


def test_what_came_back_too_often_is_parked_whole_and_can_be_worked_there(world: LetterWorld) -> None:
    record = failed(GOOD, 9, b"k", redrive_mark("events/0/3", 3))
    (place,) = world.write((record, UNKNOWN_ASSET))
    (lying,) = consume_all(world.broker.bootstrap, world.broker.dead_letters, 1)

    code, told = world.json("replay", "--apply", "--all")

    assert (code, results(told), told[0]["code"]) == (0, {place: "parked"}, "replays.exceeded")
    (parked,) = world.arrived(1, world.parking)
    assert (parked.key, parked.value, parked.headers) == (lying.key, lying.value, lying.headers)
    assert world.arrived(0) == []
    assert world.places() == []
    assert world.places("--parking") == [parked.identity]

    assert results(world.json("replay", "--parking", "--apply", "--all")[1]) == {parked.identity: "left"}
    assert world.json("replay", "--parking", "--apply", "--all", "--max-replays", "9")[0] == 0
    assert world.arrived(1)[0].headers == redrive_mark("events/0/3", 4)


def test_letters_are_parked_on_purpose(world: LetterWorld) -> None:
    one, other = world.write((failed(GOOD, 3), UNKNOWN_ASSET), (failed(b"x", 4), TYPE_MISSING))
    assert world.json("park", "--code", "event_type.missing")[0] == 0
    assert world.arrived(0, world.parking) == []

    code, told = world.json("park", "--code", "event_type.missing", "--apply")

    assert (code, results(told)) == (0, {other: "parked"})
    assert [record.value for record in world.arrived(1, world.parking)] == [b"x"]
    assert world.places() == [one]
    assert [one["place"] for one in world.json("list", "--state", "parked")[1]] == [other]


@pytest.mark.parametrize(("policy", "after"), [("leave", ["left", "replayed"]), ("park", ["parked", "replayed"])])
def test_what_cannot_be_sent_is_left_or_parked(world: LetterWorld, policy: str, after: list[str]) -> None:
    world.write((failed(TYPELESS, 3), TYPE_MISSING), (failed(GOOD, 4), UNKNOWN_ASSET))
    code, told = world.json("replay", "--apply", "--all", "--on-failure", policy)
    assert [one["result"] for one in told] == after
    assert code == (0 if policy == "park" else 3)
    assert len(world.arrived(after.count("parked"), world.parking)) == after.count("parked")


def test_stop_stops_at_the_first_that_cannot_be_sent(world: LetterWorld) -> None:
    places = world.write((failed(GOOD, 3), UNKNOWN_ASSET), (failed(TYPELESS, 4), TYPE_MISSING), failed(GOOD, 5))
    code, told = world.json("replay", "--apply", "--all", "--on-failure", "stop")
    assert (code, results(told)) == (3, {places[0]: "replayed", places[1]: "left"})
    assert len(world.arrived(1)) == 1
    assert world.places() == places[1:]


def test_unchecked_sends_what_would_be_refused(world: LetterWorld) -> None:
    world.write((failed(TYPELESS, 3), TYPE_MISSING))
    assert world.json("replay", "--apply", "--all", "--unchecked")[0] == 0
    assert [record.value for record in world.arrived(1)] == [TYPELESS]


def test_max_counts_what_is_sent_and_the_next_run_goes_on(world: LetterWorld) -> None:
    places = world.write(failed(TYPELESS, 1), *(failed(GOOD, offset) for offset in range(2, 7)))
    code, told = world.json("replay", "--apply", "--all", "--max", "2")
    assert (code, results(told)) == (3, {places[0]: "left", places[1]: "replayed", places[2]: "replayed"})
    assert results(world.json("replay", "--apply", "--all", "--rate", "50")[1]) == {
        places[0]: "left",
        **dict.fromkeys(places[3:], "replayed"),
    }
    first = [record.headers for record in world.arrived(5)]
    assert first == [redrive_mark(f"events/0/{offset}", 1) for offset in range(2, 7)]


def test_no_more_are_sent_in_a_second_than_is_wanted(world: LetterWorld) -> None:
    world.write(*(failed(GOOD, offset) for offset in range(3)))
    assert world.json("replay", "--apply", "--all", "--rate", "4")[0] == 0
    first, *_, last = (record.timestamp_ms or 0 for record in world.arrived(3))
    assert last - first >= 450  # two quarters of a second lie between them


def test_a_topic_that_is_no_input_must_be_named(world: LetterWorld) -> None:
    world.broker.create_topic("other", 1)
    (foreign,) = world.write((failed(GOOD, 3, at=0), UNKNOWN_ASSET))
    (forged,) = world.write((replace(failed(GOOD, 4, at=1), topic="other"), UNKNOWN_ASSET))
    code, told = world.json("replay", "--apply", "--all")
    assert (code, results(told)) == (3, {foreign: "replayed", forged: "left"})
    assert {one["code"] for one in told} == {None, "topic.not_input"}
    assert results(world.json("replay", "--apply", "--all", "--to-topic", "other")[1]) == {forged: "left"}
    assert world.json("replay", "--apply", "--all", "--to-topic", "other", "--repartition")[0] == 0
    assert [record.value for record in world.arrived(1, "other")] == [GOOD]


def test_a_record_whose_partition_is_gone_needs_repartition(world: LetterWorld) -> None:
    dead = replace(failed(GOOD, 3, b"k"), partition=5)
    world.broker.create_topic("wide.dlq", 6)
    (place,) = world.write(dead, to="wide.dlq")
    code, told = world.json("replay", "--apply", "--all", "--dlq", "wide.dlq")
    assert (code, told[0]["code"]) == (3, "topic.unusable")
    assert world.json("replay", "--apply", "--all", "--dlq", "wide.dlq", "--repartition")[0] == 0
    assert [record.key for record in world.arrived(1)] == [b"k"]
    assert place == "wide.dlq/5/0"


def test_a_missing_parking_topic_leaves_the_letter(world: LetterWorld) -> None:
    world.broker.delete_topic(world.parking)
    (place,) = world.write((failed(b"x", 3), TYPE_MISSING))
    code, told = world.json("park", "--apply", "--all")
    assert (code, results(told), told[0]["code"]) == (3, {place: "left"}, "parking.unusable")
    assert world.places() == [place]


def test_a_record_that_kafka_refuses_is_open_again_and_the_others_go_on(
    world: LetterWorld, cluster: MockCluster
) -> None:
    first, second = world.write(failed(GOOD, 3, at=0), failed(GOOD, 4, at=1))
    too_large = KafkaError.MSG_SIZE_TOO_LARGE
    cluster.push_partition_errors("events", 0, PRODUCE, too_large, too_large)  # also by itself
    code, told = world.json("replay", "--apply", "--all")
    assert (code, results(told)) == (3, {first: "failed", second: "replayed"})
    assert world.places() == [first]
    cluster.push_partition_errors("events", 0, PRODUCE, too_large)
    assert results(world.json("replay", "--apply", "--all", "--on-failure", "park")[1]) == {first: "parked"}


@pytest.mark.fault("brokers that die while dead letters are sent again", "P1", "P2")
def test_brokers_that_die_in_the_middle_leave_an_exact_account(
    world: LetterWorld, cluster: MockCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = world.write(*(failed(GOOD, offset) for offset in range(4)))
    sends, send = [0], LetterSender.send

    def dying(self: LetterSender, records: Any) -> Any:
        sends[0] += 1
        if sends[0] == 3:
            cluster.broker_down()
        return send(self, records)

    monkeypatch.setattr(LetterSender, "send", dying)
    code, told = world.json("replay", "--apply", "--all", "--rate", "4")  # one at a time

    assert code == 3
    assert results(told) == {places[0]: "replayed", places[1]: "replayed", places[2]: "unsure"}
    cluster.broker_up()
    monkeypatch.undo()


@pytest.mark.fault("brokers that die while dead letters are sent again", "P1", "P2")
def test_a_letter_of_which_nobody_knows_is_kept_from_others_for_a_while_and_then_sent(
    world: LetterWorld, cluster: MockCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place,) = world.write(failed(GOOD, 3))
    with monkeypatch.context() as broken:
        broken.setattr(LetterFates, "settle", lambda *_: (_ for _ in ()).throw(LetterFatesError("gone")))
        code, out, err = world.dlq("replay", "--apply", "--all")
    assert (code, err) == (1, "asset-bridge: gone\n")
    assert out.splitlines() == [
        f"replayed  {place} -> events/0/0",
        "1 replayed. Stopped before the end: by what is told below.",
    ]
    assert len(world.arrived(1)) == 1
    assert [(one["place"], one["state"]) for one in world.json("list", "--state", "all")[1]] == [(place, "sending")]
    code, out, err = world.dlq("replay", "--apply", "--all")
    assert (code, out) == (4, "No letter matches.\n")
    assert err.startswith("asset-bridge: 1 letter is being sent by somebody now; ")

    monkeypatch.setattr(letter_fates, "CLAIM_S", -1)
    assert [one["state"] for one in world.json("list")[1]] == ["unsure"]
    assert results(world.json("replay", "--apply", "--all")[1]) == {place: "replayed"}
    assert len({record.headers for record in world.arrived(2)}) == 1  # the same record, so that it is recorded once


def test_a_letter_that_somebody_else_takes_meanwhile_is_left_to_them(
    world: LetterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place,) = world.write(failed(GOOD, 3))
    monkeypatch.setattr(LetterFates, "claim", lambda *_: set())
    code, told = world.json("replay", "--apply", "--all")
    assert (code, results(told)) == (0, {place: "taken"})
    assert world.arrived(0) == []


def test_a_signal_ends_the_run_between_two_letters(world: LetterWorld) -> None:
    world.write(*(failed(GOOD, offset) for offset in range(20)))
    inside = signal.getsignal(signal.SIGINT)

    def interrupt() -> None:
        eventually(lambda: signal.getsignal(signal.SIGINT) is not inside)
        eventually(lambda: consume_all(world.broker.bootstrap, world.broker.topic, 1))
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    code, out, err = world.dlq("replay", "--apply", "--all", "--rate", "2", "--json")
    thread.join()
    assert code == 3
    assert "told to stop" in err
    assert 0 < len(out.splitlines()) < 20
    assert len(world.places()) == 20 - len(out.splitlines())
    assert signal.getsignal(signal.SIGINT) is inside


def test_letters_that_come_while_it_runs_are_not_read(world: LetterWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(*(failed(GOOD, offset) for offset in range(3)))
    send = LetterSender.send

    def failing_again(self: LetterSender, records: Any) -> Any:
        world.write(failed(GOOD, 99))
        return send(self, records)

    monkeypatch.setattr(LetterSender, "send", failing_again)
    monkeypatch.setattr(letter_reader, "FATES_AT_ONCE", 1)
    assert len(world.json("replay", "--apply", "--all", "--rate", "4", "--max", "9")[1]) == 3
    assert len(world.places()) == 3


def test_a_time_that_no_record_can_have_is_this_letters_trouble_alone(world: LetterWorld) -> None:
    odd = replace(failed(GOOD, 3), timestamp_ms=9_999_999_999_999_999_999)
    forged, good = world.write(odd, failed(GOOD, 4))
    code, told = world.json("replay", "--apply", "--all", "--time", "original")
    assert (code, results(told)) == (3, {forged: "failed", good: "replayed"})
    assert world.places() == [forged]


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])  # Python's own for most locales, and for C
@pytest.mark.parametrize("piped", [False, True])
def test_a_bar_on_the_terminal_keeps_out_of_the_lines(
    world: LetterWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: str, *, piped: bool
) -> None:
    world.write(*(failed(GOOD, offset) for offset in range(3)))
    monkeypatch.setenv("TERM", "xterm")
    told = tmp_path / "told"
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal, told.open("w") as file, monkeypatch.context() as patched:
        to = (file if piped else terminal).fileno()
        patched.setattr(sys, "stdout", os.fdopen(os.dup(to), "w", errors=errors))
        patched.setattr(sys, "stderr", terminal)
        run(["dlq", "replay", "--apply", "--all", "--rate", "8"])
        sys.stdout.flush()
        terminal.flush()
        written = os.read(master, 65536).decode()
    os.close(master)

    assert "letters read" in written
    lines = [
        ERASED.split(line)[-1] for line in (told.read_text() if piped else written).replace("\r\n", "\n").split("\n")
    ]
    assert len([line for line in lines if line.startswith("replayed  ")]) == 3, written
    assert not piped or "replayed" not in written


@pytest.mark.parametrize(
    "wrong",
    [
        ["replay", "--apply"],
        ["park", "--apply"],
        ["replay", "--patch", "nosuch.json"],
        ["replay", "--max", "0"],
        ["replay", "--rate", "0"],
        ["replay", "--rate", "nan"],
        ["park", "--rate", "inf"],
        ["replay", "--on-failure", "drop"],
        ["replay", "--to-topic", ""],
        ["replay", "--to-topic", "events.dlq"],
        ["replay", "--to-topic", "events.dlq.parking"],
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(world: LetterWorld, wrong: list[str]) -> None:
    code, _, err = world.dlq(*wrong)
    assert (code, len(err.splitlines())) == (78, 1)


def test_acting_needs_a_dagster_instance(world: LetterWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(failed(GOOD, 3))
    monkeypatch.delenv("DAGSTER_HOME")
    code, _, err = world.dlq("replay", "--apply", "--all")
    assert (code, "DAGSTER_HOME" in err) == (78, True)
    assert world.dlq("replay")[0] == 0


@pytest.mark.kafka
@pytest.mark.fault("dead letters sent again", "P1", "P2")
def test_on_a_real_broker_a_letter_that_is_too_large_stays_and_the_others_arrive(
    kafka: RealBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka.create_topic(kafka.topic, 2, {"max.message.bytes": "2000"})
    world = open_world(kafka, tmp_path, monkeypatch, capsys, input_made=True)
    headers = (("a", b"1"), ("a", None), ("b", b""))
    small = [failed(described(200), offset) for offset in range(10, 40)]  # together they are too large, too
    first, large, *others = world.write(failed(GOOD, 3, b"k", headers, at=1), failed(described(2000), 4), *small)

    code, told = world.json("replay", "--apply", "--all", "--time", "original")

    assert (code, results(told)) == (3, dict.fromkeys([first, *others], "replayed") | {large: "failed"})
    assert world.places() == [large]
    sent = world.arrived(31)
    assert [record.value for record in sent if record.partition == 0] == [record.value for record in small]
    (record,) = (record for record in sent if record.partition == 1)
    mark = redrive_mark(f"{kafka.topic}/1/3", 1)
    assert (record.key, record.value, record.headers) == (b"k", GOOD, headers + mark)
    assert (record.timestamp_ms, record.timestamp_type) == (1_705_314_600_003, "CreateTime")


def described(length: int) -> bytes:
    """An event with so long a description, which cannot be compressed by much."""
    return GOOD.removesuffix(b"}") + f', "description": "{os.urandom(length // 2).hex()}"}}'.encode()
