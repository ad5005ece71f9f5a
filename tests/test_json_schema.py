"""The JSON Schema says what the contract takes: valid by itself, right about the corpus, with every field described."""

from __future__ import annotations

import json
from typing import Any

import pytest
from corpus import CASES, Case
from jsonschema import Draft7Validator, Draft202012Validator
from published import BEYOND_SCHEMA, is_beyond_schema, validator

from asset_events import EVENT_TYPES, EventType, InvalidEventError, parse_event
from asset_events.events import EVENT_CLASSES
from asset_events.json_schema import EVENT_NAMES, event_schema, union_schema

SCHEMAS = [union_schema(), *(event_schema(event_type) for event_type in EVENT_TYPES)]
OF_THE_SCHEMA = ("event_type.", "field.", "schema.")
READABLE = [case for case in CASES if case.code is None or case.code.startswith(OF_THE_SCHEMA)]


def fields_of(case: Case) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(case.body.decode("utf-8-sig"))
    return fields


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema["$id"])
def test_schema_is_valid_by_the_meta_schema_and_has_a_versioned_name(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    Draft7Validator.check_schema(schema)
    name, version = schema["$id"].rsplit(":", 1)
    assert name.startswith("urn:dagster-asset-bridge:asset-")
    assert version == "1"


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.name)
def test_schema_judges_each_case_of_the_corpus_as_the_contract_does(case: Case) -> None:
    taken = case.code is None or case.name in BEYOND_SCHEMA
    assert validator(case.event_type).is_valid(fields_of(case)) == taken
    union = {"event_type": case.event_type} | {k: v for k, v in fields_of(case).items() if v is not None}
    assert validator().is_valid(union) == taken or case.code not in {None, "schema.invalid"}


@pytest.mark.parametrize("name", BEYOND_SCHEMA)
def test_what_is_beyond_the_schema_is_refused_for_the_reason_given(name: str) -> None:
    (case,) = [case for case in CASES if case.name == name]
    with pytest.raises(InvalidEventError) as refused:
        parse_event(case.body, event_type=case.event_type)
    assert BEYOND_SCHEMA[name] in refused.value.errors[0].message
    assert is_beyond_schema(refused.value.errors[0].message)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_draft_7_judges_alike(event_type: EventType) -> None:
    """AsyncAPI's payloads are draft 7, in which whatever stands beside a reference is passed over."""
    newest, draft_7 = validator(event_type), Draft7Validator(event_schema(event_type))
    for case in READABLE:
        if case.event_type == event_type:
            assert draft_7.is_valid(fields_of(case)) == newest.is_valid(fields_of(case)), case.name


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_field_is_described_and_its_examples_are_taken(event_type: EventType) -> None:
    definitions = event_schema(event_type)["$defs"]
    event = definitions[EVENT_CLASSES[event_type].__name__]
    assert list(event["properties"]) == list(EVENT_CLASSES[event_type].model_fields)
    least = {name: event["properties"][name]["examples"][0] for name in event["required"]}
    for name, field in event["properties"].items():
        assert field["description"]
        for example in field.get("examples", [field.get("default")]):
            assert validator(event_type).is_valid({**least, name: example})
            parse_event(json.dumps({**least, name: example}).encode(), event_type=event_type)


def test_an_event_says_its_type_where_nothing_else_does() -> None:
    assert not validator().is_valid({"asset_key": "a"})
    assert not validator().is_valid({"asset_key": "a", "event_type": None})
    assert validator().is_valid({"asset_key": "a", "event_type": "asset_observation"})


def test_reserved_keys_are_refused_within_entries_that_dagster_reads_too() -> None:
    for key, taken in (("pii", True), ("__set__", False)):
        schema = {"columns": [{"name": "id", "type": "int", "tags": {key: "no"}}]}
        metadata = {"dagster/column_schema": {"type": "table_schema", "raw_value": schema}}
        event = {"event_type": "asset_observation", "asset_key": "a", "metadata": metadata}
        assert validator().is_valid(event) == taken
        if not taken:
            with pytest.raises(InvalidEventError):
                parse_event(json.dumps(event).encode())


def test_one_events_schema_has_no_other_event() -> None:
    for event_type in EVENT_TYPES:
        assert set(EVENT_NAMES) & set(event_schema(event_type)["$defs"]) == {EVENT_CLASSES[event_type].__name__}
