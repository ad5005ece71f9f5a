"""`asset-bridge dlq list`, `show` and `stats`: which letters they find, and what they say of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from broker import Broker
from letter_world import CHECK, GOOD, TYPE_MISSING, TYPELESS, UNKNOWN_ASSET, LetterWorld, failed, open_world
from mock_cluster import MockCluster, produce

pytestmark = pytest.mark.heavy


@pytest.fixture
def world(
    cluster: MockCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> LetterWorld:
    return open_world(cluster, tmp_path, monkeypatch, capsys)


@pytest.fixture
def three(world: LetterWorld) -> tuple[LetterWorld, list[str]]:
    """Three letters of different kinds, the last in the second partition."""
    places = world.write(
        (failed(TYPELESS, 5, b"k1"), TYPE_MISSING),
        (failed(GOOD, 7, b"k2"), UNKNOWN_ASSET),
        (failed(b'{"asset_key": "orders"}', 9, b"k1", at=1), TYPE_MISSING),
    )
    return world, places


def test_options_are_a_filter(three: tuple[LetterWorld, list[str]]) -> None:
    world, places = three
    assert world.places() == sorted(places)
    several = ("--code", "asset.unknown", "--code", "event_type.*", "--key", "k1", "--since", "2024-01-15T10:30:00Z")
    assert world.places(*several) == sorted([places[0], places[2]])
    assert world.places("--stage", "envelope", "--asset", "raw/*", "--topic", "events", "--id", "events/*") == [
        places[0]
    ]
    assert world.json("list", "--since", "7d") == (4, [])
    assert world.json("list", "--state", "replayed") == (4, [])
    assert world.places("--state", "all") == sorted(places)


def test_list_shows_the_newest_and_says_how_many_there_are(three: tuple[LetterWorld, list[str]]) -> None:
    world, _ = three
    code, out, err = world.dlq("list", "--limit", "2")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 4
    assert "2 of 3 letters" in lines[-1]


def test_show_tells_a_letter_whole(three: tuple[LetterWorld, list[str]]) -> None:
    world, places = three
    for name in (places[0], "events/0/5"):
        code, out, _ = world.dlq("show", name)
        assert code == 0
        assert "error     event_type.missing /event_type  Nothing says it." in out
        assert "key       k1" in out
        assert '  "asset_key": [' in out
    assert world.dlq("show", "events/0/6")[0] == 4
    assert world.dlq("show", "events.dlq/0/77")[0] == 4
    assert world.dlq("show", "events.dlq/9/0")[0] == 4


def test_bytes_are_shown_as_a_dump_and_kept_in_json(world: LetterWorld) -> None:
    (place,) = world.write(failed(b"\x00\x01\xffabc\x1b[31m", 1, b"\xff", (("h", None), ("h", b"\x1b[2J"))))
    out = world.dlq("show", place)[1]
    assert "00000000  00 01 ff 61 62 63 1b 5b 33 31 6d" in out
    assert "header    h: null" in out
    assert "header    h: \\x1b[2J" in out
    assert "\x1b" not in out
    (told,) = world.json("show", place)[1]
    assert told["value"] == {"base64": "AAH/YWJjG1szMW0="}
    assert told["key"] == {"base64": "/w=="}
    assert told["headers"] == [["h", None], ["h", {"text": "\x1b[2J"}]]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        (b'{"a": NaN}', '{"a": NaN}'),
        (b"[1e999]", "[1e999]"),
        ("[7]".encode("utf-16"), "00000000  ff fe 5b 00 37 00 5d 00"),
    ],
)
def test_what_json_would_lose_is_shown_as_it_is(world: LetterWorld, value: bytes, shown: str) -> None:
    (place,) = world.write(failed(value, 1))
    assert world.dlq("show", place)[1].splitlines()[-1].startswith(shown)
    (told,) = world.json("show", place)[1]
    assert list(told["value"]) in (["text"], ["base64"])


def test_a_parked_letter_is_shown_by_the_place_that_parking_it_told(world: LetterWorld) -> None:
    world.write(failed(b"x", 1))
    (parked,) = world.json("park", "--apply", "--all")[1]
    code, out, _ = world.dlq("show", parked["to"])
    assert (code, out.splitlines()[0]) == (0, f"letter    {parked['to']}  open")
    assert world.dlq("show", f"{parked['to']}7")[::2] == (4, "No letter matches.\n")


def test_null_and_empty_are_told_apart(world: LetterWorld) -> None:
    null, empty = world.write(failed(None, 1), failed(b"", 2, b""))
    assert "value     null" in world.dlq("show", null)[1]
    assert "value     empty" in world.dlq("show", empty)[1]


def test_stats_count_by_what_is_asked(three: tuple[LetterWorld, list[str]]) -> None:
    world, _ = three
    world.write((failed(TYPELESS, 5, b"k1"), TYPE_MISSING))  # the same letter, written twice
    told = world.json("stats")[1]
    assert [(one["code"], one["letters"], one["records"]) for one in told] == [
        ("event_type.missing", 3, 2),
        ("asset.unknown", 1, 1),
    ]
    assert {one["first"] for one in told} == {"2024-01-15T10:30:00.250Z"}
    assert {(one["asset"], one["letters"]) for one in world.json("stats", "--by", "asset")[1]} == {
        ("raw/orders", 3),
        ("orders", 1),
    }
    assert "event_type.missing" in world.dlq("stats")[1]
    assert world.dlq("stats", "--asset", "nobody")[0] == 4


def test_records_that_are_no_letters_are_counted_and_left_alone(world: LetterWorld) -> None:
    produce(world.broker.bootstrap, world.broker.dead_letters, b"stray")
    world.write(failed(GOOD, 1))
    code, out, err = world.dlq("list")
    assert (code, len(out.splitlines())) == (0, 2)
    assert "1 record is no dead letter" in err


def test_any_text_in_the_errors_header_is_lived_with(world: LetterWorld) -> None:
    from mock_cluster import Sent

    from asset_consumer.dead_letter_headers import own_headers

    facts = {"version": "1", "id": "events/0/1", "topic": "events", "partition": "0", "offset": "1"}
    facts |= {"timestamp": "9223372036854775807", "timestamp_type": "CreateTime", "group": "g", "stage": "?"}
    facts |= {"code": "\x1b[1mX", "errors": '[1, {"code": {}}, {"code": "c", "path": 7}]', "attempts": "many"}
    facts |= {"failed_at": "yesterday", "app": "", "replays": "0"}
    produce(world.broker.bootstrap, world.broker.dead_letters, Sent(b"[[", headers=own_headers(facts)))
    for command in (["list"], ["stats"], ["show", "events/0/1"]):
        code, out, _ = world.dlq(*command)
        assert code == 0
        assert "\x1b" not in out
    assert world.json("list")[1][0]["attempts"] is None


def test_without_dagster_every_letter_is_open_and_it_is_said(
    three: tuple[LetterWorld, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = three
    monkeypatch.delenv("DAGSTER_HOME")
    code, out, err = world.dlq("list", "--json")
    assert (code, len(out.splitlines())) == (0, 3)
    assert "no DAGSTER_HOME" in err


def test_a_topic_that_is_not_there_is_one_line(world: LetterWorld) -> None:
    code, _, err = world.dlq("list", "--dlq", "nosuch")
    assert code == 1
    assert err.splitlines() == ["asset-bridge: the topic nosuch cannot be looked at: UNKNOWN_TOPIC_OR_PART"]


def test_bad_arguments_are_refused(world: LetterWorld) -> None:
    for wrong in (["list", "--since", "soon"], ["list", "--stage", "x"], ["list", "--dlq", "a", "--parking"]):
        code, _, err = world.dlq(*wrong)
        assert (code, len(err.splitlines())) == (78, 1)


@pytest.mark.kafka
def test_a_real_broker_answers_alike(
    kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = open_world(kafka, tmp_path, monkeypatch, capsys)
    (place,) = world.write((failed(CHECK, 3, b"k"), UNKNOWN_ASSET))
    assert world.places("--code", "asset.unknown") == [place]
    assert json.loads(world.dlq("show", place, "--json")[1])["value"]["json"]["check_name"] == "rows"
