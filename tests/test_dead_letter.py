from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from dead_letter_samples import ERRORS, FAILED_AT, RECORD, SCHEMA, facts, letter
from hypothesis import given
from hypothesis import strategies as st

from asset_consumer.dead_letter import DeadLetter, NotADeadLetterError, Reason, dead_letter, shrink
from asset_consumer.dead_letter_headers import CONNECT_FIELDS, CONNECT_PREFIX, FIELDS, PREFIX, SMALLEST, redrive_mark
from asset_consumer.record import Record
from asset_events import ErrorDetail

GOLDEN = Path(__file__).parent / "golden" / "dead_letter"


def connect(dead: DeadLetter) -> dict[str, str]:
    return {
        name.removeprefix(CONNECT_PREFIX): (value or b"").decode()
        for name, value in dead.headers
        if name.startswith(CONNECT_PREFIX)
    }


# Golden files: the format itself, which readers depend on

FROM_CONNECT = tuple((CONNECT_PREFIX + field, b"theirs") for field in (*CONNECT_FIELDS, "exception.stacktrace"))
BINARY = (("a", b"\xff\x00"), ("b", None), ("a", b""), ("a", b"\xff\x00"))
CASES = {
    "schema_failure": letter(RECORD),
    "tombstone_with_null_key": letter(
        Record("orders.events", 0, 0, None, None),
        Reason("decode", (ErrorDetail("", "tombstone", "The record has no value (null)."),), 1),
    ),
    "binary_duplicate_and_null_headers": letter(
        replace(
            RECORD,
            key=b"",
            value=b"\x00\xff",
            headers=(("a", b"\xff\x00"), ("b", None), ("a", b""), ("a", b"\xff\x00")),
        ),
        connect_headers=False,
    ),
    "dead_lettered_again_after_a_redrive": letter(
        replace(RECORD, offset=99, headers=(*RECORD.headers, *redrive_mark("orders.events/3/42", 2)))
    ),
    "out_of_a_connect_dead_letter_queue": letter(replace(RECORD, headers=FROM_CONNECT)),
}


def as_json(data: bytes | None) -> str | dict[str, str] | None:
    """Bytes as text where they are text, else as base64."""
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


@pytest.mark.parametrize("case", CASES)
def test_dead_letter_is_the_golden_one(case: str) -> None:
    dead = CASES[case]
    written: dict[str, Any] = {
        "key": as_json(dead.key),
        "value": as_json(dead.value),
        "headers": [[name, as_json(value)] for name, value in dead.headers],
    }
    assert written == json.loads((GOLDEN / f"{case}.json").read_text())


def test_every_golden_file_is_compared() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(CASES)


# Content of the headers


def test_own_headers_are_all_there_in_their_order() -> None:
    own = [name.removeprefix(PREFIX) for name, _ in letter(RECORD).headers if name.startswith(PREFIX)]
    assert own == list(FIELDS)


def test_record_without_a_timestamp_has_no_timestamp_header() -> None:
    told = facts(letter(replace(RECORD, timestamp_ms=None, timestamp_type="NoTimestampType")))
    assert "timestamp" not in told
    assert told["timestamp_type"] == "NoTimestampType"


def test_time_of_failure_is_written_in_utc() -> None:
    east = FAILED_AT.astimezone(timezone(timedelta(hours=9)))
    dead = dead_letter(RECORD, SCHEMA, group="g", app="a/1", failed_at=east)
    assert facts(dead)["failed_at"] == "2024-01-15T10:30:00.250Z"


def test_errors_are_at_most_twenty_and_4_kib() -> None:
    many = Reason("schema", tuple(ErrorDetail(f"/{n}", "schema.invalid", "no") for n in range(30)), 1)
    assert len(json.loads(facts(letter(RECORD, many))["errors"])) == 20
    long = Reason("schema", tuple(ErrorDetail("/" + '"' * 600, "schema.invalid", "\\" * 600) for _ in range(30)), 1)
    told = facts(letter(RECORD, long))["errors"]
    assert len(told.encode()) <= 4096
    assert len(json.loads(told)) >= 1


@given(st.lists(ERRORS, min_size=1, max_size=30).map(tuple))
def test_errors_are_valid_json_without_control_characters(errors: tuple[ErrorDetail, ...]) -> None:
    told = facts(letter(RECORD, Reason("schema", errors, 1)))["errors"]
    assert len(told.encode()) <= 4096
    assert told.isprintable()
    assert json.loads(told)[0]["code"] == "schema.invalid"


def test_long_text_is_cut_between_characters() -> None:
    reason = Reason("schema", (ErrorDetail("/ü" + "ü" * 400, "schema.invalid", "€" * 400),), 1)
    dead = letter(RECORD, reason)
    [error] = json.loads(facts(dead)["errors"])
    assert error["message"] == "€" * 170  # 510 bytes: the next one would begin before 512 and end after it
    assert connect(dead)["exception.message"] == "€" * 170
    assert len(error["path"].encode()) <= 512


def test_lone_surrogates_and_control_characters_become_spaces() -> None:
    reason = Reason("schema", (ErrorDetail("/a\ud800", "schema.invalid", "a\x1b[31m\r\n\u202eb"),), 1)
    [error] = json.loads(facts(letter(RECORD, reason))["errors"])
    assert error == {"path": "/a ", "code": "schema.invalid", "message": "a [31m   b"}


# Kafka Connect's headers


def test_connect_headers_tell_the_same_to_consoles_that_know_them() -> None:
    assert connect(letter(RECORD)) == {
        "topic": "orders.events",
        "partition": "3",
        "offset": "42",
        "stage": "schema",
        "exception.class.name": "field.missing",
        "exception.message": "passed is needed by an asset_check",
    }


def test_connect_headers_can_be_left_out() -> None:
    assert connect(letter(RECORD, connect_headers=False)) == {}


def test_record_out_of_a_connect_dead_letter_queue_keeps_its_headers_and_gets_no_second_set() -> None:
    dead = letter(replace(RECORD, headers=FROM_CONNECT))
    assert dead.headers[: len(FROM_CONNECT)] == FROM_CONNECT
    assert sum(name.startswith(CONNECT_PREFIX) for name, _ in dead.headers) == len(FROM_CONNECT)


# Making a letter smaller


def test_first_step_drops_the_errors_and_connects_headers() -> None:
    smaller = shrink(letter(RECORD), 1)
    assert connect(smaller) == {}
    assert list(facts(smaller)) == [field for field in FIELDS if field != "errors"]


def test_last_step_keeps_only_what_identifies_the_letter() -> None:
    smallest = shrink(letter(RECORD), 2)
    assert tuple(facts(smallest)) == SMALLEST
    assert smallest.headers[0] == RECORD.headers[0]
    assert (smallest.key, smallest.value) == (RECORD.key, RECORD.value)


def test_shrinking_leaves_a_foreign_connect_set_alone() -> None:
    assert shrink(letter(replace(RECORD, headers=FROM_CONNECT)), 2).headers[: len(FROM_CONNECT)] == FROM_CONNECT


def test_only_a_dead_letter_can_be_shrunk() -> None:
    with pytest.raises(NotADeadLetterError):
        shrink(DeadLetter(None, None, ()), 1)


# The page that people read at night


def test_page_about_dead_letters_names_every_header() -> None:
    page = (Path(__file__).parents[1] / "docs" / "dead-letters.md").read_text()
    for name in (*(PREFIX + field for field in FIELDS), *(CONNECT_PREFIX + field for field in CONNECT_FIELDS)):
        assert f"| `{name}` |" in page, name
    smallest = ", ".join(f"`{field}`" for field in SMALLEST[:-1]) + f" and `{SMALLEST[-1]}`"
    assert f"with {smallest} alone" in page
