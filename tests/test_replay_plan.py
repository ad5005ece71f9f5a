from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from dead_letter_samples import RECORD, SCHEMA, letter
from dead_letter_strategies import REASONS, UNCOPIED
from hypothesis import example, given
from hypothesis import strategies as st

from asset_consumer.dead_letter import Reason, shrink
from asset_consumer.dead_letter_headers import find_mark, first_failure, redrive_mark
from asset_consumer.letter_sender import Outgoing
from asset_consumer.letters import Letter, read_letter
from asset_consumer.record import Headers, Record
from asset_consumer.replay_plan import PATCHED_BY, ReplayOptions, ReplayPlan, Step, replayed_headers
from asset_events import ErrorDetail


def lying(record: Record, reason: Reason = SCHEMA, *, shrunk: int = 0, on: str = "x.dlq") -> Letter:
    """The letter of a record, where it lies."""
    dead = letter(record, reason)
    dead = shrink(dead, shrunk) if shrunk else dead
    return read_letter(Record(on, 1, 8, dead.key, dead.value, dead.headers, 1, "CreateTime"))


def planned(one: Letter, partitions: int | str = 2**31, refused: ErrorDetail | None = None, **options: Any) -> Step:
    inputs = options.pop("inputs", frozenset({one.record.topic}))
    return ReplayPlan(ReplayOptions("me", inputs, **options), lambda _: partitions, lambda _: refused).replay(one)


@pytest.mark.heavy
@pytest.mark.fault("dead letters sent again", "P1")
@given(record=UNCOPIED, reason=REASONS, shrunk=st.integers(0, 1))
@example(record=RECORD, reason=SCHEMA, shrunk=0)
def test_what_is_sent_again_is_what_failed_and_its_mark(record: Record, reason: Reason, shrunk: int) -> None:
    step = planned(lying(record, reason, shrunk=shrunk), max_replays=9999, original_time=True)

    first, replays = find_mark(record.headers) or (record.identity, 0)
    own = record.headers[:-2] if replays else record.headers
    if replays == 9999:  # nobody can count further
        assert step.action == "park"
        return
    mark = redrive_mark(first, replays + 1)
    time = max(0, record.timestamp_ms or 0)
    assert step.outgoing == Outgoing(record.topic, record.partition, record.key, record.value, own + mark, time)
    assert not step.patched


@pytest.mark.heavy
@pytest.mark.fault("dead letters sent again", "P1")
@given(UNCOPIED, REASONS, st.integers(1, 3))
def test_a_record_keeps_its_identity_however_often_it_comes_back(record: Record, reason: Reason, times: int) -> None:
    first, replays = find_mark(record.headers) or (record.identity, 0)
    again = record
    for offset in range(times):
        outgoing = planned(lying(again, reason), max_replays=9999).outgoing
        if outgoing is None or outgoing.topic != record.topic:
            return
        again = replace(again, offset=offset, headers=outgoing.headers)
        assert first_failure(again.headers) == first
    assert find_mark(again.headers) == (first, replays + times)
    assert again.headers[:-2] == (record.headers[:-2] if replays else record.headers)


@pytest.mark.heavy
@given(UNCOPIED, REASONS)
def test_a_parked_letter_is_the_letter(record: Record, reason: Reason) -> None:
    dead = letter(record, reason)
    outgoing = ReplayPlan(ReplayOptions("me", frozenset()), lambda _: 1, None).park(lying(record, reason)).outgoing
    assert outgoing == Outgoing("x.dlq.parking", -1, dead.key, dead.value, dead.headers)


def test_the_smallest_letter_goes_where_it_failed_first() -> None:
    outgoing = planned(lying(RECORD, shrunk=2), original_time=True).outgoing
    assert outgoing is not None
    assert (outgoing.topic, outgoing.partition, outgoing.timestamp_ms) == ("orders.events", 3, 0)


@pytest.mark.parametrize(
    ("given_", "partitions", "action", "code"),
    [
        ({}, 4, "replay", None),
        ({}, 3, "leave", "topic.unusable"),
        ({"repartition": True}, 3, "replay", None),
        ({}, "TOPIC_AUTHORIZATION_FAILED", "leave", "topic.unusable"),
        ({"inputs": frozenset({"other"})}, 4, "leave", "topic.not_input"),
        ({"inputs": frozenset({"other"}), "to_topic": "orders.events"}, 4, "replay", None),
        ({"inputs": frozenset({"other"}), "park_failing": True}, 4, "park", "topic.not_input"),
        ({"inputs": frozenset({"x.dlq.parking"}), "park_failing": True}, 4, "leave", "topic.not_input"),
        ({"refused": ErrorDetail("/passed", "field.missing", "Needed.")}, 4, "leave", "field.missing"),
    ],
)
def test_what_stands_in_the_way_is_told(
    given_: dict[str, Any], partitions: int | str, action: str, code: str | None
) -> None:
    step = planned(lying(RECORD), partitions, **given_)
    assert (step.action, step.code) == (action, code)
    assert (step.outgoing is None) == (action == "leave")


@pytest.mark.parametrize(
    ("replays", "most", "action"), [(2, 3, "replay"), (3, 3, "park"), (3, 4, "replay"), (4, 3, "park")]
)
def test_what_came_back_too_often_is_parked(replays: int, most: int, action: str) -> None:
    record = replace(RECORD, headers=redrive_mark("orders.events/3/42", replays))
    assert planned(lying(record), max_replays=most).action == action
    assert planned(lying(record, on="x.dlq.parking"), max_replays=most).action == (
        "leave" if action == "park" else action
    )


def test_who_corrected_a_record_stands_before_its_mark_and_once() -> None:
    once = replayed_headers(lying(RECORD), "ann")
    assert once == (*RECORD.headers, (PATCHED_BY, b"ann"), *redrive_mark("orders.events/3/42", 1))
    twice = replayed_headers(lying(replace(RECORD, offset=50, headers=once)), "bob")
    assert twice == (*RECORD.headers, (PATCHED_BY, b"bob"), *redrive_mark("orders.events/3/42", 2))


def test_a_senders_own_header_of_that_name_is_kept() -> None:
    theirs: Headers = ((PATCHED_BY, b"them"),)
    headers = replayed_headers(lying(replace(RECORD, headers=theirs)), "ann")
    assert headers[:2] == (*theirs, (PATCHED_BY, b"ann"))
