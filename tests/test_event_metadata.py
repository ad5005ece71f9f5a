"""Metadata: whatever is accepted, Dagster can build, store and read back; and what is refused, it could not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from corpus import CASES, Case
from dagster import AssetKey, AssetMaterialization, DagsterInstance
from dagster._core.definitions.metadata.external_metadata import EXTERNAL_METADATA_TYPES
from event_metadata import Metadata, as_dagster, paths, read
from event_strategies import json_values, typed_metadata
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError

from asset_events import InvalidEventError, MaterializationEvent, TypedMetadata, parse_event
from asset_events.json_values import RESERVED_KEYS
from asset_events.typed_metadata import METADATA_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as instance:
        yield instance


def read_back(instance: DagsterInstance, key: AssetKey) -> AssetMaterialization | Exception | None:
    """The latest materialization, or what Dagster raises on reading it."""
    try:
        return instance.fetch_materializations(key, limit=1).records[0].asset_materialization
    except Exception as error:
        return error


def stored(instance: DagsterInstance, sent: AssetMaterialization) -> object:
    instance.report_runless_asset_event(sent)
    return read_back(instance, sent.asset_key)


def test_metadata_types_are_those_of_dagster() -> None:
    assert set(METADATA_TYPES) == EXTERNAL_METADATA_TYPES


@pytest.mark.fault("events as odd as the contract takes them", "P8")
@settings(max_examples=150)
@given(
    metadata=st.dictionaries(
        st.text(max_size=5).filter(lambda name: name not in RESERVED_KEYS), json_values | typed_metadata, max_size=3
    )
)
def test_whatever_is_accepted_is_stored_and_read_back_by_dagster(instance: DagsterInstance, metadata: Metadata) -> None:
    event = MaterializationEvent(asset_key=("a",), metadata=metadata)
    sent = AssetMaterialization(AssetKey(["a"]), metadata=as_dagster(event.metadata))
    assert stored(instance, sent) == sent


@pytest.mark.fault("events as odd as the contract takes them", "P8")
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.code is None and case.event_type != "asset_check"],
    ids=lambda case: case.name,
)
def test_every_accepted_body_is_stored_and_read_back_by_dagster(instance: DagsterInstance, case: Case) -> None:
    event = parse_event(case.body, event_type=case.event_type)
    tags: dict[str, str] = getattr(event, "tags", {})
    sent = AssetMaterialization(
        AssetKey(event.asset_key),
        event.description,
        as_dagster(event.metadata),
        event.partition,
        tags,
    )
    assert stored(instance, sent) == sent


def _poison(key: str) -> list[dict[str, Any]]:
    """Arguments of an AssetMaterialization with the key in metadata, a table record, a column's tags or its tags."""
    table = {"records": [{key: "A.B"}], "schema": []}
    columns = {"columns": [{"name": "a", "type": "b", "tags": {key: "A.B"}}]}
    return [
        {"metadata": {"x": {key: [["a", [1]]]}}},
        {"metadata": {"x": [{"deep": {key: None}}]}},
        {"metadata": as_dagster({"x": TypedMetadata("table", cast("JsonValue", table))})},
        {"metadata": as_dagster({"x": TypedMetadata("table_schema", cast("JsonValue", columns))})},
        {"tags": {key: "A.B"}},
    ]


@pytest.mark.fault("keys within metadata or tags that Dagster's serialiser takes for its own", "P8")
@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("key", sorted(RESERVED_KEYS))
def test_reserved_key_is_stored_by_dagster_and_then_not_read_back(
    instance: DagsterInstance, key: str, place: int
) -> None:
    sent = AssetMaterialization(AssetKey([key, str(place)]), **_poison(key)[place])
    instance.report_runless_asset_event(sent)
    assert read_back(instance, sent.asset_key) != sent


@pytest.mark.fault("keys within metadata or tags that Dagster's serialiser takes for its own", "P8")
@pytest.mark.parametrize("key", sorted(RESERVED_KEYS))
def test_reserved_key_is_refused_wherever_it_stands(key: str) -> None:
    assert paths({key: 1}) == [f"/metadata/{key}"]
    assert paths({"x": [{"y": {key: 1}}]}) == [f"/metadata/x/0/y/{key}"]
    table = {"records": [{key: 1}], "schema": []}
    assert paths({"x": {"raw_value": table, "type": "table"}}) == [f"/metadata/x/raw_value/records/0/{key}"]


def test_other_dunder_keys_are_ordinary() -> None:
    assert read({"x": {"__name__": 1}, "__doc__": 2}) == {"x": {"__name__": 1}, "__doc__": 2}


def test_envelope_becomes_a_typed_value() -> None:
    assert read({"x": {"raw_value": "https://x", "type": "url"}}) == {"x": TypedMetadata("url", "https://x")}
    assert read({"x": {"type": "__infer__", "raw_value": [1]}}) == {"x": [1]}


def test_whole_number_typed_float_becomes_one() -> None:
    value = read({"x": {"raw_value": 5, "type": "float"}})["x"]
    assert isinstance(value, TypedMetadata)
    assert type(value.raw_value) is float


def test_unknown_type_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidEventError) as caught:
        read({"x": {"raw_value": 5, "type": "celsius"}})
    message = caught.value.errors[0].message
    assert all(kind in message for kind in METADATA_TYPES)
    assert "celsius" not in message


def test_each_wrong_part_of_a_table_is_named() -> None:
    table = {"records": [{"a": 1}, {"a": []}], "schema": [{"name": 5, "constraints": {"nullable": None, "x": 1}}]}
    assert paths({"t": {"raw_value": table, "type": "table"}}) == [
        "/metadata/t/raw_value/records/1/a",
        "/metadata/t/raw_value/schema/0/name",
        "/metadata/t/raw_value/schema/0/type",
        "/metadata/t/raw_value/schema/0/constraints/nullable",
        "/metadata/t/raw_value/schema/0/constraints/x",
    ]


@pytest.mark.parametrize(
    "value", [float("nan"), float("-inf"), 2**64, (1,), {1: 2}, b"x", "\ud800", {"\udfff": 1}, object()]
)
def test_python_values_that_json_cannot_hold_are_refused(value: Any) -> None:
    places: list[Metadata] = [{"x": value}, {"x": {"deep": [value]}}, {"x": TypedMetadata("json", [value])}]
    for metadata in places:
        with pytest.raises(ValidationError):
            MaterializationEvent(asset_key=("a",), metadata=metadata)


def test_limits_of_metadata_are_those_documented() -> None:
    assert len(read({str(n): n for n in range(100)})) == 100
    assert paths({str(n): n for n in range(101)}) == ["/metadata"]
    room = 256 * 1024 - len('{"x":""}')
    assert read({"x": "a" * room})
    assert paths({"x": "a" * (room + 1)}) == ["/metadata"]
    assert paths({"x": "é" * (room // 2 + 1)}) == ["/metadata"]
