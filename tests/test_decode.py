from __future__ import annotations

import json
from typing import Any

import pytest

from asset_consumer.decode import decode
from asset_consumer.record import Headers, Record
from asset_events import EVENT_TYPES, CheckEvent, EventType, InvalidEventError, MaterializationEvent, ObservationEvent

EVENT = {"event_type": "asset_materialization", "asset_key": ["a"], "metadata": {"rows": 1}}
UNTYPED = {"asset_key": ["a"]}


def record(body: object, headers: Headers = (), *, timestamp_ms: int | None = 1705314600250) -> Record:
    value = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return Record("events", 3, 42, b"key", value, headers, timestamp_ms, "CreateTime")


def refusal(body: object, headers: Headers = (), **options: Any) -> InvalidEventError:
    with pytest.raises(InvalidEventError) as caught:
        decode(record(body, headers), **options)
    return caught.value


def test_event_is_read_from_the_value() -> None:
    event = decode(record(EVENT), provenance=False)
    assert event == MaterializationEvent(asset_key=("a",), metadata={"rows": 1})


def test_null_value_is_a_tombstone_and_an_empty_one_is_not() -> None:
    assert refusal(None).code == "tombstone"
    assert refusal(b"").code == "json.malformed"


def test_tombstone_is_told_before_anything_else_is_judged() -> None:
    assert refusal(None, (("event-type", b"nonsense"), ("content-encoding", b"gzip"))).code == "tombstone"


@pytest.mark.parametrize("value", [b"no json", b"\xff", b"[]", b'{"event_type": 1'])
def test_malformed_bytes_are_refused(value: bytes) -> None:
    assert refusal(value).code == "json.malformed"


def test_too_large_value_is_refused_by_the_limit_given() -> None:
    assert refusal(EVENT, max_bytes=10).code == "event.too_large"


def test_unknown_fields_are_refused_or_ignored_as_told() -> None:
    assert refusal({**EVENT, "asset_kee": 1}).code == "field.unknown"
    assert decode(record({**EVENT, "asset_kee": 1}), unknown_fields="ignore").asset_key == ("a",)


# Which type an event has


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_header_tells_the_type(event_type: EventType) -> None:
    body = {**UNTYPED, "check_name": "c", "passed": True} if event_type == "asset_check" else UNTYPED
    assert decode(record(body, (("event-type", event_type.encode()),))).event_type == event_type


def test_topic_tells_the_type() -> None:
    assert isinstance(decode(record(UNTYPED), event_type="asset_observation"), ObservationEvent)


def test_without_header_and_binding_the_body_must_tell_the_type() -> None:
    assert refusal(UNTYPED).code == "event_type.missing"


def test_header_name_counts_in_any_case_and_the_last_one_wins() -> None:
    headers = (("event-type", b"nonsense"), ("Event-Type", b"asset_check"), ("EVENT-TYPE", b"asset_observation"))
    assert isinstance(decode(record(UNTYPED, headers)), ObservationEvent)


def test_null_header_says_nothing() -> None:
    assert isinstance(decode(record(EVENT, (("event-type", None),))), MaterializationEvent)


@pytest.mark.parametrize("value", [b"", b"nonsense", b"\xff", b"ASSET_CHECK", b"asset_check "])
def test_header_with_an_unknown_type_is_refused(value: bytes) -> None:
    error = refusal(EVENT, (("event-type", value),))
    assert error.code == "event_type.unknown"
    assert "nonsense" not in str(error)


def test_header_and_binding_must_agree() -> None:
    header = (("event-type", b"asset_check"),)
    assert refusal(UNTYPED, header, event_type="asset_observation").code == "event_type.mismatch"
    body = {**UNTYPED, "check_name": "c", "passed": True}
    assert isinstance(decode(record(body, header), event_type="asset_check"), CheckEvent)


def test_header_and_body_must_agree() -> None:
    assert refusal(EVENT, (("event-type", b"asset_observation"),)).code == "event_type.mismatch"


def test_binding_and_body_must_agree() -> None:
    assert refusal(EVENT, event_type="asset_observation").code == "event_type.mismatch"


# What the headers declare the bytes to be


@pytest.mark.parametrize("value", [b"identity", b"Identity", b"", b"identity, identity", None])
def test_identity_encoding_is_taken(value: bytes | None) -> None:
    assert decode(record(EVENT, (("Content-Encoding", value),))).asset_key == ("a",)


@pytest.mark.parametrize("value", [b"gzip", b"identity, zstd", b"\xff"])
def test_encoded_value_is_refused(value: bytes) -> None:
    assert refusal(EVENT, (("content-encoding", value),)).code == "encoding.unsupported"


@pytest.mark.parametrize(
    "value",
    [
        b"application/json",
        b"Application/JSON; charset=UTF-8",
        b'application/json;charset="utf-8"',
        b"application/json; profile=x",
        b"application/vnd.acme.asset+json",
        b"",
        None,
    ],
)
def test_json_is_taken_by_any_of_its_names(value: bytes | None) -> None:
    assert decode(record(EVENT, (("Content-Type", value),))).asset_key == ("a",)


@pytest.mark.parametrize(
    "value", [b"text/plain", b"application/avro", b"application/jsonl", b"json", b"text/x+json", b"+json", b"\xff"]
)
def test_other_content_types_are_refused(value: bytes) -> None:
    assert refusal(EVENT, (("content-type", value),)).code == "content_type.unsupported"


def test_json_in_another_character_set_is_refused() -> None:
    assert refusal(EVENT, (("content-type", b"application/json; charset=latin-1"),)).code == "encoding.unsupported"


# What the record adds to the event


def test_provenance_is_added_and_wins_over_the_senders() -> None:
    event = decode(record({**EVENT, "metadata": {"rows": 1, "kafka/record": "forged"}}))
    assert event.metadata == {"rows": 1, "kafka/record": "events/3/42"}


def test_provenance_can_be_turned_off() -> None:
    assert decode(record(EVENT), provenance=False).metadata == {"rows": 1}


def test_record_time_is_taken_only_when_asked_and_only_when_the_event_gives_none() -> None:
    timed = {**EVENT, "event_time": 5}
    assert decode(record(EVENT)).event_time is None
    assert decode(record(EVENT), event_time_from_record=True).event_time == 1705314600.25
    assert decode(record(timed), event_time_from_record=True).event_time == 5


@pytest.mark.parametrize("timestamp_ms", [None, 0, -1, -62135596800000, 1705314600250000])
def test_record_time_that_dagster_cannot_hold_is_left_aside(timestamp_ms: int | None) -> None:
    assert decode(record(EVENT, timestamp_ms=timestamp_ms), event_time_from_record=True).event_time is None


def test_decoded_event_is_equal_to_one_that_was_sent_with_the_same_additions() -> None:
    sent = {**EVENT, "metadata": {"rows": 1, "kafka/record": "events/3/42"}, "event_time": 1705314600.25}
    assert decode(record(EVENT), event_time_from_record=True) == decode(record(sent))


def test_refusal_never_repeats_a_value() -> None:
    secret = "s3cret-value"
    for headers in (("event-type", secret), ("content-type", secret), ("content-encoding", secret)):
        error = refusal(EVENT, ((headers[0], headers[1].encode()),))
        assert secret not in "".join(detail.message + detail.path for detail in error.errors)
