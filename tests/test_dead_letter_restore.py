from __future__ import annotations

from dataclasses import replace

import pytest
from dead_letter_samples import RECORD, SCHEMA, back, facts, letter
from dead_letter_strategies import AS_A_DEAD_LETTER, REASONS, UNCOPIED
from hypothesis import example, given
from hypothesis import strategies as st

from asset_consumer.dead_letter import NotADeadLetterError, Reason, restore, shrink
from asset_consumer.dead_letter_headers import PREFIX, redrive_mark
from asset_consumer.record import Headers, Record

# Nothing is lost


@pytest.mark.fault("dead letters of any record, whole, cut down or copied", "P1")
@given(record=UNCOPIED, reason=REASONS, connect_headers=st.booleans())
@example(record=RECORD, reason=SCHEMA, connect_headers=True)
def test_restoring_a_dead_letter_gives_back_the_record(
    *, record: Record, reason: Reason, connect_headers: bool
) -> None:
    assert back(letter(record, reason, connect_headers=connect_headers)) == record


@given(record=UNCOPIED, reason=REASONS, connect_headers=st.booleans())
def test_original_headers_come_first_and_stay_as_they_are(
    *, record: Record, reason: Reason, connect_headers: bool
) -> None:
    dead = letter(record, reason, connect_headers=connect_headers)
    replayed = facts(dead)["replays"] != "0"  # then the record ended with a redrive's mark, which the block renews
    kept = record.headers[:-2] if replayed else record.headers
    assert (dead.key, dead.value) == (record.key, record.value)
    assert dead.headers[: len(kept)] == kept
    assert dead.headers[len(kept)][0] == PREFIX + "version"


@pytest.mark.fault("dead letters of any record, whole, cut down or copied", "P1")
@given(UNCOPIED, REASONS)
def test_a_shrunk_letter_gives_back_key_value_and_headers(record: Record, reason: Reason) -> None:
    dead = letter(record, reason)
    assert back(shrink(dead, 1)) == record
    smallest = back(shrink(dead, 2))
    assert (smallest.key, smallest.value, smallest.headers) == (record.key, record.value, record.headers)
    assert shrink(shrink(dead, 1), 2) == shrink(dead, 2)


@pytest.mark.fault("dead letters of any record, whole, cut down or copied", "P1")
@given(UNCOPIED, REASONS, st.integers(0, 2))
def test_a_dead_letter_that_was_copied_to_its_topic_gives_back_the_first_record(
    record: Record, reason: Reason, step: int
) -> None:
    dead = shrink(letter(record, reason), step) if step else letter(record, reason)
    copied = replace(record, offset=77, headers=dead.headers)
    assert back(letter(copied, reason)) == replace(record, offset=77)


def test_a_copied_dead_letter_keeps_its_id_and_its_old_block_is_replaced() -> None:
    copied = replace(RECORD, offset=77, headers=letter(RECORD).headers)
    again = letter(copied)
    assert facts(again)["id"] == "orders.events/3/42"
    assert facts(again)["offset"] == "77"
    assert len(again.headers) == len(copied.headers)
    assert back(again) == replace(RECORD, offset=77)


def test_a_copied_smallest_letter_is_recognised_too() -> None:
    again = letter(replace(RECORD, offset=77, headers=shrink(letter(RECORD), 2).headers))
    assert facts(again)["id"] == "orders.events/3/42"
    assert back(again).headers == RECORD.headers


def test_headers_that_a_tool_appended_to_a_dead_letter_are_kept() -> None:
    dead = letter(RECORD)
    assert restore(dead.key, dead.value, (*dead.headers, ("traced", b"1"))).headers == (
        *RECORD.headers,
        ("traced", b"1"),
    )


@pytest.mark.parametrize("headers", [(), RECORD.headers, AS_A_DEAD_LETTER[1:], redrive_mark("a/0/0", 1)])
def test_a_record_that_is_no_dead_letter_is_not_restored(headers: Headers) -> None:
    with pytest.raises(NotADeadLetterError):
        restore(None, None, headers)


# Id and replays


def test_redriven_record_keeps_its_id_and_replays() -> None:
    redriven = replace(RECORD, offset=99, headers=(*RECORD.headers, *redrive_mark("orders.events/3/42", 2)))
    told = facts(letter(redriven))
    assert (told["id"], told["replays"], told["offset"]) == ("orders.events/3/42", "2", "99")


@pytest.mark.parametrize(
    "mark",
    [
        redrive_mark("orders.events/3/42", 0),
        redrive_mark("orders.events/3/42", 10_000),
        redrive_mark("orders.events/3", 1),
        redrive_mark("orders events/3/42", 1),
        redrive_mark("orders.events/03/42", 1),
        redrive_mark("orders.events/3/42\n", 1),
        redrive_mark("x" * 250 + "/3/42", 1),
        redrive_mark("orders.events/3/42", 1)[::-1],
        (*redrive_mark("orders.events/3/42", 1), ("later", b"")),
        ((PREFIX + "id", b"orders.events/3/42"), (PREFIX + "replays", b"+1")),
        ((PREFIX + "id", None), (PREFIX + "replays", b"1")),
        ((PREFIX + "id", b"\xff/3/42"), (PREFIX + "replays", b"1")),
    ],
)
def test_spoofed_mark_is_not_believed_and_not_lost(mark: Headers) -> None:
    spoofed = replace(RECORD, headers=mark)
    dead = letter(spoofed)
    assert (facts(dead)["id"], facts(dead)["replays"]) == ("orders.events/3/42", "0")
    assert dead.headers[: len(mark)] == mark
    assert back(dead) == spoofed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", b"2"),
        ("id", b"nowhere"),
        ("offset", b"-1"),
        ("replays", b"10000"),
        ("timestamp_type", b"Now"),
        ("group", b"\xff"),
    ],
)
def test_malformed_block_is_not_believed_and_not_lost(field: str, value: bytes) -> None:
    block = tuple((name, value if name == PREFIX + field else old) for name, old in AS_A_DEAD_LETTER)
    spoofed = replace(RECORD, offset=1000, headers=block)
    dead = letter(spoofed)
    assert facts(dead)["id"] == "orders.events/3/1000"
    assert back(dead) == spoofed
