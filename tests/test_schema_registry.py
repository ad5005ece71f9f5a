"""Values framed for a schema registry: each format gives the event that its JSON would, or a reason why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.schema_registry_client import Rule, RuleKind, RuleMode, RuleParams, RuleSet, Schema
from registry import KINDS, Kind, Sender, compiled, mock_client, registry_server

from asset_consumer.classify import classify
from asset_consumer.lane import Item
from asset_consumer.options import ConsumerOptions
from asset_consumer.record import Headers, Record
from asset_consumer.schema_registry import SchemaRegistry
from asset_events import AssetEvent, InvalidEventError, parse_event

OPTIONS = ConsumerOptions({"events": None}, {"events": "events.dlq"}, schema_registry=True, provenance=False)
CHECK = {"event_type": "asset_check", "asset_key": ["a"], "check_name": "c", "passed": False}


@pytest.fixture
def client() -> Iterator[SchemaRegistryClient]:
    with mock_client() as client:
        yield client


@pytest.fixture
def frames(client: SchemaRegistryClient) -> SchemaRegistry:
    return SchemaRegistry(client)


@pytest.fixture
def sender(client: SchemaRegistryClient) -> Sender:
    return Sender(client)


def read(frames: SchemaRegistry, value: bytes, headers: Headers = ()) -> Item:
    return classify(OPTIONS, Record("events", 0, 0, b"key", value, headers), frames)


def event(frames: SchemaRegistry, value: bytes, headers: Headers = ()) -> AssetEvent:
    item = read(frames, value, headers)
    assert item.reason is None
    (found,) = item.events
    return found


def refusal(item: Item) -> tuple[str, str, str]:
    assert item.reason is not None
    assert item.events == ()
    return item.reason.stage, item.reason.code, item.reason.errors[0].path


def test_a_framed_value_waits_for_the_thread_that_may_ask_the_registry(sender: Sender) -> None:
    item = classify(OPTIONS, Record("events", 0, 0, None, sender.framed("AVRO", CHECK)))
    assert (item.unread, item.done, item.events, item.reason) == (True, False, (), None)


def test_plain_json_and_tombstones_need_no_registry() -> None:
    assert len(classify(OPTIONS, Record("events", 0, 0, None, json.dumps(CHECK).encode())).events) == 1
    assert refusal(classify(OPTIONS, Record("events", 0, 0, None, None))) == ("decode", "tombstone", "")


def test_without_a_registry_the_refusal_names_the_setting() -> None:
    options = ConsumerOptions({"events": None}, {"events": "events.dlq"})
    item = classify(options, Record("events", 0, 0, None, b"\0\0\0\0\1{}"))
    assert refusal(item) == ("decode", "encoding.unsupported", "")
    assert item.reason is not None
    assert "kafka.schema_registry.url" in item.reason.errors[0].message


@pytest.mark.parametrize("kind", KINDS)
def test_the_id_may_stand_in_a_header(kind: Kind) -> None:
    with registry_server() as registry:
        sender = Sender(registry.client(), {"schema.id.serializer": header_schema_id_serializer})
        value, headers = sender.with_headers(kind, CHECK)
        assert event(SchemaRegistry(registry.client()), value, tuple(headers)).event_type == "asset_check"
        assert registry.asked[-1].startswith("/schemas/guids/")


@pytest.mark.parametrize("kind", KINDS)
def test_headers_count_as_with_plain_json(frames: SchemaRegistry, sender: Sender, kind: Kind) -> None:
    value = sender.framed(kind, {"asset_key": ["a"]})
    headers = (("event-type", b"asset_observation"), ("idempotency-key", b"k1"))
    found = event(frames, value, headers)
    assert (found.event_type, found.idempotency_key) == ("asset_observation", "k1")


def test_the_content_type_of_the_framed_bytes_is_not_held_against_the_event(
    frames: SchemaRegistry, sender: Sender
) -> None:
    headers = (("Content-Type", b"application/vnd.apache.avro"),)
    assert event(frames, sender.framed("AVRO", CHECK), headers).event_type == "asset_check"


def test_the_value_of_a_json_schema_is_read_as_strictly_as_json_alone(frames: SchemaRegistry, sender: Sender) -> None:
    frame = sender.framed("JSON", CHECK)[:5]
    assert refusal(read(frames, frame + b'{"event_type": NaN}')) == ("decode", "json.malformed", "")
    assert refusal(read(frames, frame + b"{}")) == ("envelope", "event_type.missing", "/event_type")


def test_a_schema_asked_for_once_is_remembered() -> None:
    with registry_server() as registry:
        value = Sender(registry.client()).framed("PROTOBUF", CHECK)
        frames = SchemaRegistry(registry.client())
        for _ in range(3):
            event(frames, value)
        assert registry.asked == ["/schemas/ids/1"] * 2  # and then in the form that is ready to use


TYPES = """{"type": "record", "name": "E", "fields": [
    {"name": "asset_key", "type": "string"},
    {"name": "description", "type": ["null", "string"]},
    {"name": "metadata", "type": {"type": "record", "name": "M", "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "none", "type": ["null", "string"]},
        {"name": "list", "type": {"type": "array", "items": "long"}}]}}]}"""


def test_types_of_avro_that_json_lacks_become_text(frames: SchemaRegistry, sender: Sender) -> None:
    metadata = {
        "at": datetime(2024, 1, 15, 10, 30, tzinfo=UTC),
        "day": date(2024, 1, 15),
        "price": Decimal("12.50"),
        "id": UUID(int=1),
        "none": None,
        "list": [1, 2],
    }
    value = sender.framed("AVRO", {"asset_key": "a", "description": None, "metadata": metadata}, schema=TYPES)
    assert event(frames, value, (("event-type", b"asset_observation"),)).metadata == {
        "at": "2024-01-15T10:30:00+00:00",
        "day": "2024-01-15",
        "price": "12.50",
        "id": "00000000-0000-0000-0000-000000000001",
        "none": None,
        "list": [1, 2],
    }


@pytest.mark.parametrize(("kind", "value"), [("bytes", b"secret"), ("double", float("nan")), ("double", float("inf"))])
def test_what_json_cannot_say_is_refused_with_its_place(
    frames: SchemaRegistry, sender: Sender, kind: str, value: object
) -> None:
    schema = record("E", metadata={"type": "map", "values": kind})
    item = read(frames, sender.framed("AVRO", {"metadata": {"x/y": value}}, schema=schema))
    assert refusal(item) == ("schema", "schema.invalid", "/metadata/x~1y")
    assert "secret" not in repr(item.reason)


def record(name: str, **fields: object) -> str:
    """An Avro schema."""
    typed = [{"name": field, "type": kind} for field, kind in fields.items()]
    return json.dumps({"type": "record", "name": name, "fields": typed})


def test_a_schema_that_is_of_no_record_is_refused(frames: SchemaRegistry, sender: Sender) -> None:
    value = sender.framed("AVRO", "asset", schema='{"type": "string"}')
    assert refusal(read(frames, value)) == ("schema", "schema.invalid", "")


OWN = """syntax = "proto3"; package shop;
message Other { string nothing = 1; }
message Outer { message Inner {
  enum Kind { unknown = 0; asset_check = 3; }
  Kind event_type = 1; repeated string asset_key = 2; string check_name = 3; bool passed = 4;
  Numbers metadata = 5; } }
message Numbers { int64 rows = 1; repeated double parts = 2; map<string, Row> by_name = 3; bytes raw = 4; }
message Row { uint64 count = 1; }"""


def test_a_message_of_the_users_own_is_read_by_its_registered_schema(frames: SchemaRegistry, sender: Sender) -> None:
    inner = compiled(OWN, "shop.Outer.Inner")
    metadata = {"rows": "9007199254740993", "parts": [0.5], "byName": {"a": {"count": "2"}}}
    sent = {"eventType": "asset_check", "assetKey": ["a"], "checkName": "c", "passed": False, "metadata": metadata}
    found = event(frames, sender.framed("PROTOBUF", sent, schema=inner))
    assert found.model_dump(include={"event_type", "check_name", "passed", "metadata"}) == {
        "event_type": "asset_check",
        "check_name": "c",
        "passed": False,  # said, though proto3 does not send it
        "metadata": {"rows": 2**53 + 1, "parts": [0.5], "by_name": {"a": {"count": 2}}},
    }


def test_bytes_in_a_message_are_refused_with_their_place(frames: SchemaRegistry, sender: Sender) -> None:
    sent = {"metadata": {"raw": "c2VjcmV0"}}
    item = read(frames, sender.framed("PROTOBUF", sent, schema=compiled(OWN, "shop.Outer.Inner")))
    assert refusal(item) == ("schema", "schema.invalid", "/metadata/raw")


def test_files_that_a_message_imports_are_fetched_too(frames: SchemaRegistry, sender: Sender) -> None:
    """One of the sender's own, which imports another; those of Protobuf itself are at hand."""
    importing = """syntax = "proto3"; import "own/key.proto";
        message E { own.Key metadata = 1; repeated string asset_key = 2; }"""
    key = """syntax = "proto3"; package own; import "own/part.proto"; import "google/protobuf/wrappers.proto";
        message Key { Part part = 1; google.protobuf.Int64Value size = 2; }"""
    part = 'syntax = "proto3"; package own; message Part { string name = 1; }'
    message = compiled(importing, "E", {"own/key.proto": key, "own/part.proto": part})
    sent = {"assetKey": ["a"], "metadata": {"part": {"name": "x"}, "size": "7"}}
    found = event(frames, sender.framed("PROTOBUF", sent, schema=message), (("event-type", b"asset_observation"),))
    assert found.metadata == {"part": {"name": "x"}, "size": 7}


@pytest.mark.parametrize("kind", ["AVRO", "PROTOBUF"])
def test_metadata_json_is_added_to_metadata(frames: SchemaRegistry, sender: Sender, kind: Kind) -> None:
    def sent(text: str) -> bytes:
        return sender.framed(kind, {**CHECK, "metadata": {"a": 1}, "metadata_json": text})

    assert event(frames, sent('{"b": {"c": [1]}}')).metadata == {"a": 1, "b": {"c": [1]}}
    for bad in ("[1]", "{", '{"a": 2}', '{"b": NaN}'):
        assert refusal(read(frames, sent(bad))) == ("schema", "schema.invalid", "/metadata_json")


@pytest.mark.fault("a framed value that nobody can read, or whose schema is unknown", "P1", "P4")
@pytest.mark.parametrize(
    "value",
    [
        b"\0",
        b"\0\0\0",
        b"\0\0\0\0\x63{}",
        b"\0\0\0\0\1",
        b"\0\0\0\0\1\xff\xff\xff",
        b"\0\0\0\0\2\x99",
        b"\0\0\0\0\2\0\xff",
    ],
)
def test_values_that_cannot_be_read_are_refused(frames: SchemaRegistry, sender: Sender, value: bytes) -> None:
    sender.framed("AVRO", CHECK)
    sender.framed("PROTOBUF", CHECK)
    assert refusal(read(frames, value)) == ("decode", "encoding.unsupported", "")


def test_a_header_that_holds_no_id_is_refused(frames: SchemaRegistry) -> None:
    for content in (b"", b"\x01short", b"\x07" + bytes(16)):
        item = read(frames, b"{}", (("__value_schema_id", content),))
        assert refusal(item) == ("decode", "encoding.unsupported", "")
    assert event(frames, json.dumps(CHECK).encode(), (("__value_schema_id", None),)).event_type == "asset_check"


def test_a_schema_with_rules_that_nobody_runs_here_is_refused(
    client: SchemaRegistryClient, frames: SchemaRegistry, sender: Sender
) -> None:
    """An encrypted field would else be recorded as it is."""
    rule = Rule(
        "r",
        None,
        RuleKind.TRANSFORM,
        RuleMode.WRITEREAD,
        "ENCRYPT",
        ["PII"],
        RuleParams({}),
        None,
        None,
        "ERROR",
        disabled=False,
    )
    value = sender.framed("JSON", CHECK)
    schema = Schema('{"type": "object"}', "JSON", [], None, RuleSet(None, [rule]))
    number = client.register_schema("events-value", schema)
    assert refusal(read(frames, b"\0" + number.to_bytes(4) + value[5:])) == ("decode", "encoding.unsupported", "")


def test_events_are_the_same_by_every_format(frames: SchemaRegistry, sender: Sender) -> None:
    plain = {**CHECK, "metadata": {"rows": 3, "share": 0.5, "at": {"raw_value": 1.5e9, "type": "timestamp"}}}
    expected = parse_event(json.dumps(plain).encode())
    assert [event(frames, sender.framed(kind, plain)) for kind in KINDS] == [expected] * 3


def test_a_version_that_another_schema_refers_to_is_fetched() -> None:
    with registry_server() as registry:
        registry.schemas.append(Schema(record("Key", x="long"), "AVRO"))
        outer = record("E", asset_key="string", metadata={"type": "map", "values": "Key"})
        refers = [{"name": "Key", "subject": "key", "version": 1}]
        registry.schemas.append(Schema.from_dict({"schema": outer, "schemaType": "AVRO", "references": refers}))
        frames = SchemaRegistry(registry.client())
        value = b"\0\0\0\0\2" + b"\x02a" + b"\x02\x02k\x0a\x00"
        found = event(frames, value, (("event-type", b"asset_observation"),))
        assert found.metadata == {"k": {"x": 5}}


def test_the_registry_is_asked_as_java_asks() -> None:
    """One question for a schema, by id and subject; nothing about associations, and nothing from other servers."""
    with registry_server() as registry:
        schema = json.dumps({"$ref": f"{registry.url}/elsewhere.json"})
        registry.schemas.append(Schema(schema, "JSON"))
        event(SchemaRegistry(registry.client()), b"\0\0\0\0\1" + json.dumps(CHECK).encode())
        assert registry.asked == ["/schemas/ids/1"]


def test_a_run_event_of_openlineage_may_be_framed_too(frames: SchemaRegistry, sender: Sender) -> None:
    options = replace(OPTIONS, run_event_topics=frozenset({"events"}))
    run = {
        "eventType": "COMPLETE",
        "eventTime": "2024-01-15T10:30:00Z",
        "run": {"runId": str(UUID(int=1))},
        "job": {"namespace": "n", "name": "j"},
        "outputs": [{"namespace": "n", "name": name} for name in ("x", "y")],
        "producer": "https://example.com",
    }
    read = {
        kind: Record("events", 0, 0, None, sender.framed("JSON", {**run, "eventType": kind}))
        for kind in ("COMPLETE", "START")
    }
    assert len(classify(options, read["COMPLETE"], frames).events) == 2
    assert classify(options, read["START"], frames).done  # it says nothing to Dagster


@pytest.mark.parametrize(
    ("items", "refused"),
    [
        ("null", True),
        ({"type": "record", "name": "Nothing", "fields": [{"name": "n", "type": "null"}]}, True),
        ({"type": "fixed", "name": "Zero", "size": 0}, True),
        ({"type": "record", "name": "ns.Nothing", "namespace": "other", "fields": []}, True),
        (
            {"type": "record", "name": "Few", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "null"}]},
            True,
        ),
        ([{"type": "record", "name": "InUnion", "fields": []}, "string"], True),
        ({"type": "enum", "name": "One", "symbols": ["null"]}, False),
        ({"type": "record", "name": "Tree", "fields": [{"name": "more", "type": ["null", "Tree"]}]}, False),
        (["null", "string"], False),
        ({"type": "array", "items": "string"}, False),
    ],
)
def test_few_bytes_cannot_stand_for_any_number_of_items(
    frames: SchemaRegistry, sender: Sender, items: Any, *, refused: bool
) -> None:
    fields = [{"name": name, "type": "string"} for name in ("event_type", "asset_key")]
    tags = {"name": "metadata", "type": {"type": "record", "name": "M", "fields": [
        {"name": "many", "type": {"type": "array", "items": items}},
    ]}}  # fmt: skip
    schema = json.dumps({"type": "record", "name": "E", "fields": [*fields, tags]})
    sent = {"event_type": "asset_observation", "asset_key": "a", "metadata": {"many": []}}
    value = sender.framed("AVRO", sent, "events", schema=schema)
    if refused:
        with pytest.raises(InvalidEventError, match="take no bytes"):
            frames.unframe(Record("events", 0, 0, None, value))
    else:
        assert b"many" in (frames.unframe(Record("events", 0, 0, None, value)).value or b"")
