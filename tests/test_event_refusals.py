"""How an event is refused: which code, which path, which words, and what a refusal never tells."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from asset_events import (
    EVENT_TYPES,
    EventType,
    InvalidEventError,
    MaterializationEvent,
    parse_event,
    parse_parts,
)

CANARY = "c4n4ry"


def refuse(value: bytes | dict[str, Any], event_type: EventType | None = "asset_materialization") -> InvalidEventError:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    with pytest.raises(InvalidEventError) as caught:
        parse_event(body, event_type=event_type)
    return caught.value


def first(error: InvalidEventError) -> tuple[str, str, str]:
    return error.errors[0].path, error.errors[0].code, error.errors[0].message


def test_event_type_that_nothing_tells_is_missing() -> None:
    for body in ({"asset_key": "a"}, {"asset_key": "a", "event_type": None}):
        assert first(refuse(body, None))[:2] == ("/event_type", "event_type.missing")


def test_event_type_that_differs_from_the_implied_one_is_refused_by_both_roads() -> None:
    body = json.dumps({"asset_key": "a", "event_type": "asset_observation"}).encode()
    with pytest.raises(InvalidEventError) as by_parts:
        parse_parts("asset_check", path="a", body=body)
    assert by_parts.value.errors == refuse(body, "asset_check").errors
    assert first(by_parts.value) == ("/event_type", "event_type.mismatch", "event_type must be asset_check here")


def test_too_large_event_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InvalidEventError) as caught:
        parse_event(b"{" * 101, event_type="asset_check", max_bytes=100)
    assert first(caught.value) == ("", "event.too_large", "The event is larger than 100 bytes.")
    with pytest.raises(InvalidEventError) as by_parts:
        parse_parts("asset_check", body=b"{" * 101, max_bytes=100)
    assert by_parts.value.errors == caught.value.errors
    assert refuse(b" " * (1024 * 1024 + 1)).code == "event.too_large"
    assert refuse(b" " * (1024 * 1024)).code == "json.malformed"


def test_empty_value_is_malformed() -> None:
    assert first(refuse(b""))[:2] == ("", "json.malformed")


def test_missing_fields_are_named_each() -> None:
    error = refuse({}, "asset_check")
    assert [(one.path, one.code, one.message) for one in error.errors] == [
        (f"/{name}", "field.missing", f"Missing required field: {name}")
        for name in ("asset_key", "check_name", "passed")
    ]


def test_unknown_field_is_answered_with_the_nearest_known_one() -> None:
    error = refuse({"asset_key": "a", "Metadate": {}, "zzz": 1})
    assert [(one.path, one.code) for one in error.errors] == [("/Metadate", "field.unknown"), ("/zzz", "field.unknown")]
    assert error.errors[0].message == 'Unknown field; did you mean "metadata"?'
    assert "zzz" not in error.errors[1].message
    assert "data_version" in error.errors[1].message


def test_unknown_fields_can_be_ignored() -> None:
    body = b'{"asset_key": "a", "metdata": {"x": 1}, "zzz": 1}'
    event = parse_event(body, event_type="asset_materialization", unknown_fields="ignore")
    assert event == MaterializationEvent(asset_key=("a",))
    assert parse_parts("asset_materialization", query=[("zz", "1")], body=body, unknown_fields="ignore") == event


def test_path_of_an_unknown_field_is_a_safe_json_pointer() -> None:
    error = refuse({"asset_key": "a", "a/b~c\r\nX: 1": 1, "n" * 500: 2})
    assert [one.path for one in error.errors] == ["/a~1b~0cX: 1", "/" + "n" * 64]


def test_all_errors_are_told_in_the_same_order_and_at_most_twenty() -> None:
    body = {"asset_key": 1, "partition": "", "metadata": {"x": 2**64}, "tags": {"!": ""}, "event_time": 0, "zzz": 1}
    paths = ["/asset_key", "/partition", "/metadata/x", "/event_time", "/tags/!", "/zzz"]
    assert [one.path for one in refuse(body).errors] == paths
    assert len(refuse({f"f{n}": 1 for n in range(1000)}).errors) == 20
    assert len(refuse({"asset_key": "a", "metadata": {"x": [2**64] * 1000}}).errors) == 20


def _wrong_values() -> list[object]:
    return [
        CANARY,
        [CANARY],
        {"a": CANARY},
        CANARY * 4000,
        CANARY + "\0",
        {"a": {"raw_value": CANARY, "type": "int"}},
        {"a": {"raw_value": 1, "type": CANARY}},
        {"a": {"raw_value": {"records": [{"a": [CANARY]}, {"b": CANARY}], "schema": CANARY}, "type": "table"}},
        {"a": {"raw_value": {"deps_by_column": {"a": [{"asset_key": "", "column_name": CANARY}]}}, "type": "asset"}},
        {"dagster/last_updated_timestamp": CANARY, "dagster/row_count": CANARY},
        {"a": {"__class__": CANARY}},
    ]


@pytest.mark.parametrize("field", [*MaterializationEvent.model_fields, "check_name", "passed", "severity", "other"])
@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_no_refusal_ever_repeats_a_value(field: str, event_type: EventType) -> None:
    refused = 0
    for value in _wrong_values():
        text = value if isinstance(value, str) else json.dumps(value)
        body = json.dumps({field: value, "~": CANARY}).encode()
        query = [(field, text), ("~", CANARY)]
        for asked, sent in (([], body), (query, b""), ([], body + CANARY.encode())):
            with pytest.raises(InvalidEventError) as caught:
                parse_parts(event_type, query=asked, body=sent)
            refused += 1
            assert CANARY not in str(caught.value) + repr(caught.value) + repr(caught.value.errors)
            assert caught.value.__cause__ is caught.value.__context__ is None
        assert CANARY not in str(refuse(body, event_type).errors)
    assert refused == 3 * len(_wrong_values())


def test_events_made_in_python_refuse_without_values_too() -> None:
    with pytest.raises(ValidationError) as caught:
        MaterializationEvent(asset_key=(CANARY,), partition=CANARY * 200, metadata={"x": {"__set__": CANARY}})
    assert caught.value.error_count() == 2
    assert CANARY not in str(caught.value)


@settings(max_examples=150)
@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes_give_an_event_or_a_refusal(value: bytes) -> None:
    with pytest.raises(InvalidEventError):
        parse_event(value)
