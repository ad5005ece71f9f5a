"""Events as bytes: what is accepted and what comes of it, and that both roads agree on every body."""

from __future__ import annotations

import json

import pytest
from corpus import CASES, Case
from event_strategies import events
from hypothesis import given, settings
from pydantic import ValidationError

from asset_events import (
    ERROR_CODES,
    EVENT_TYPES,
    AssetEvent,
    CheckEvent,
    EventType,
    InvalidEventError,
    MaterializationEvent,
    ObservationEvent,
    TypedMetadata,
    parse_event,
    parse_parts,
)


def outcome(case: Case, *, by_parts: bool) -> object:
    try:
        if by_parts:
            return parse_parts(case.event_type, body=case.body)
        return parse_event(case.body, event_type=case.event_type)
    except InvalidEventError as error:
        return error.errors


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_body_of_the_corpus_gets_its_answer(case: Case) -> None:
    if case.code is None:
        assert parse_event(case.body, event_type=case.event_type).event_type == case.event_type
    else:
        with pytest.raises(InvalidEventError) as caught:
            parse_event(case.body, event_type=case.event_type)
        assert caught.value.code == case.code, caught.value.errors
        assert {detail.code for detail in caught.value.errors} <= ERROR_CODES.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_body_alone_is_read_alike_as_record_and_as_request(case: Case) -> None:
    assert outcome(case, by_parts=True) == outcome(case, by_parts=False)


def test_corpus_has_no_case_twice() -> None:
    assert len({(case.event_type, case.body) for case in CASES}) == len(CASES) >= 90
    assert len({case.name for case in CASES}) == len(CASES)


def test_all_fields_arrive() -> None:
    case = next(case for case in CASES if case.name == "materialization with every field")
    assert parse_event(case.body) == MaterializationEvent(
        asset_key=("warehouse", "customers"),
        partition="2024-01-15",
        metadata={"rows": 1000, "size_mb": 15.5, "ok": True, "note": "x", "none": None, "list": [1], "map": {"a": {}}},
        description="Daily run",
        data_version="v1.2.3",
        tags={"team": "data", "acme.org/env": "prod", "dagster/kind/snowflake": "", "dagster/code_version": "git: a/b"},
        event_time=1705307400.25,
        idempotency_key="mat-full-1",
    )


def test_severity_keeps_its_word_in_capitals() -> None:
    for given_severity, stored in [("warn", "WARN"), ("Info", "INFO"), (None, "ERROR")]:
        event = parse_event(
            json.dumps({"asset_key": "a", "check_name": "c", "passed": True, "severity": given_severity}).encode(),
            event_type="asset_check",
        )
        assert isinstance(event, CheckEvent)
        assert event.severity == stored


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_event_type_in_the_body_is_enough(event_type: EventType) -> None:
    body = {"event_type": event_type, "asset_key": "a"}
    if event_type == "asset_check":
        body |= {"check_name": "c", "passed": True}  # type: ignore[dict-item]  # only the JSON of it counts
    assert parse_event(json.dumps(body).encode()).event_type == event_type


@settings(max_examples=150)
@given(events)
def test_what_a_producer_sends_is_what_a_consumer_reads(event: AssetEvent) -> None:
    value = event.model_dump_json(exclude_none=True).encode()
    read = parse_event(value)
    assert read == event
    # `1 == 1.0 == True`: only the bytes tell the types apart.
    assert read.model_dump_json(exclude_none=True).encode() == value


def test_events_cannot_be_changed() -> None:
    event = ObservationEvent(asset_key=("a",))
    with pytest.raises(ValidationError):
        event.partition = "x"  # type: ignore[misc]  # what a caller must not do


def test_plain_value_that_looks_like_an_envelope_survives_the_road() -> None:
    inner = {"raw_value": 1, "type": "celsius"}
    body = json.dumps({"asset_key": "a", "metadata": {"x": {"raw_value": inner, "type": "__infer__"}}}).encode()
    event = parse_event(body, event_type="asset_observation")
    assert event.metadata == {"x": inner}
    assert parse_event(event.model_dump_json().encode()) == event


def test_producer_may_give_the_key_as_list_or_string() -> None:
    assert MaterializationEvent.model_validate({"asset_key": ["a", "b"]}).asset_key == ("a", "b")
    assert MaterializationEvent.model_validate({"asset_key": "a/b"}).asset_key == ("a/b",)


@pytest.mark.parametrize("event_class", [MaterializationEvent, CheckEvent, ObservationEvent])
def test_models_have_a_json_schema(event_class: type[AssetEvent]) -> None:
    schema = event_class.model_json_schema()
    assert schema["additionalProperties"] is False
    assert {"asset_key"} <= set(schema["required"]) <= {"asset_key", "check_name", "passed"}


def test_typed_metadata_is_written_in_its_envelope() -> None:
    event = MaterializationEvent(asset_key=("a",), metadata={"none": TypedMetadata("null", None), "plain": None})
    assert json.loads(event.model_dump_json(exclude_none=True))["metadata"] == {
        "none": {"raw_value": None, "type": "null"},
        "plain": None,
    }
