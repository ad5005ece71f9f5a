from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from dead_letter_samples import SCHEMA, letter
from letter_world import GOOD, TYPE_MISSING, TYPELESS, UNKNOWN_ASSET

from asset_consumer.dead_letter import shrink
from asset_consumer.letter_filter import LetterFilter
from asset_consumer.letters import Letter, read_letter
from asset_consumer.record import Headers, Record


def letter_of(record: Record, reason: Any = SCHEMA, *, shrunk: int = 0, offset: int = 0) -> Letter:
    dead = letter(record, reason)
    dead = shrink(dead, shrunk) if shrunk else dead
    return read_letter(
        Record("events.dlq", record.partition, offset, dead.key, dead.value, dead.headers, 1, "CreateTime")
    )


LETTERS = [
    letter_of(Record("events", 0, 5, b"k1", TYPELESS), TYPE_MISSING),
    letter_of(Record("events", 0, 7, b"k[2]", GOOD), UNKNOWN_ASSET, offset=1),
    letter_of(Record("other", 1, 9, None, b'{"asset_key": "orders"}'), TYPE_MISSING),
]
FAILED_AT = datetime(2024, 1, 15, 10, 30, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({}, {0, 1, 2}),
        ({"codes": ("asset.*",)}, {1}),
        ({"codes": ("asset.unknown", "event_type.missing")}, {0, 1, 2}),
        ({"codes": ("asset",)}, set()),
        ({"stages": ("envelope",)}, {0, 2}),
        ({"assets": ("orders",)}, {2}),
        ({"assets": ("raw/*",)}, {0, 1}),
        ({"keys": ("k1",)}, {0}),
        ({"keys": ("k[2]",)}, {1}),
        ({"keys": ("*",)}, {0, 1}),
        ({"keys": ("k1",), "assets": ("orders",)}, set()),
        ({"ids": ("events/0/7",)}, {1}),
        ({"ids": ("events/0/*",)}, {0, 1}),
        ({"ids": ("events.dlq/1/0",)}, {2}),
        ({"topics": ("events",)}, {0, 1}),
        ({"since": FAILED_AT}, {0, 1, 2}),
        ({"until": FAILED_AT}, set()),
        ({"since": FAILED_AT.replace(microsecond=250_001)}, set()),
    ],
)
def test_filters_find_what_they_say(chosen: dict[str, Any], found: set[int]) -> None:
    wanted = LetterFilter(**chosen)
    assert {index for index, one in enumerate(LETTERS) if wanted.matches(one)} == found


@pytest.mark.parametrize(
    ("value", "headers", "asset"),
    [
        (b'{"asset_key": ["a", "b"]}', (), "a/b"),
        (b'{"asset_key": "a"}', (), "a"),
        (b'{"data": {"asset_key": ["a"]}, "subject": "s"}', (), "a"),
        (b'{"specversion": "1.0", "subject": "a/b"}', (), "a/b"),
        (b"{}", (("ce_subject", b"a/b"),), "a/b"),
        (b'{"asset_key": 7}', (), None),
        (b'{"asset_key": []}', (), None),
        (b"[" * 100_000, (), None),
        (b"\xff", (), None),
        (None, (), None),
    ],
)
def test_the_asset_is_read_where_the_value_tells_it(value: bytes | None, headers: Headers, asset: str | None) -> None:
    assert letter_of(Record("events", 0, 1, None, value, headers)).asset == asset


def test_a_letter_that_was_shrunk_tells_what_it_can() -> None:
    smallest = letter_of(Record("events", 0, 5, None, GOOD), shrunk=2)
    assert (smallest.id, smallest.code, smallest.stage, smallest.errors) == ("events/0/5", "field.missing", "", ())
    assert smallest.failed_at == smallest.written_at == datetime.fromtimestamp(0.001, UTC)
    assert replace(smallest, written_ms=2**62).failed_at is None
