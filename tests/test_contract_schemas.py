"""The schemas that are published for a registry: they have every field, and carry every event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from event_strategies import events
from hypothesis import given, settings
from mock_cluster import MockCluster, consume_all
from registry import AVRO, CONTRACT, Sender, mock_client, published_message, registry_server

from asset_consumer.json_text import METADATA_JSON
from asset_consumer.record import Record
from asset_consumer.schema_registry import SchemaRegistry
from asset_consumer.settings_sources import load_settings
from asset_events import EVENT_TYPES, AssetEvent, parse_event
from asset_events.events import EVENT_CLASSES, CheckEvent

FIELDS = {name for model in EVENT_CLASSES.values() for name in model.model_fields} | {METADATA_JSON}
SEVERITIES = set(get_args(CheckEvent.model_fields["severity"].annotation))
LONG = 2**63
PAGE = CONTRACT.parent / "schema-registry.md"


@pytest.fixture(scope="module")
def client() -> Iterator[SchemaRegistryClient]:
    with mock_client() as client:
        yield client


def test_both_have_every_field_of_the_contract_and_no_other() -> None:
    assert {field["name"] for field in json.loads(AVRO)["fields"]} == FIELDS
    assert set(published_message().DESCRIPTOR.fields_by_name) == FIELDS


def test_both_know_every_event_type_and_severity() -> None:
    types = {field["name"]: field["type"][1] for field in json.loads(AVRO)["fields"] if "default" in field}
    assert set(types["event_type"]["symbols"]) == set(EVENT_TYPES)
    assert set(types["severity"]["symbols"]) == SEVERITIES
    enums = published_message().DESCRIPTOR.enum_types_by_name
    assert set(enums["EventType"].values_by_name) == {*EVENT_TYPES, "EVENT_TYPE_UNSPECIFIED"}
    assert set(enums["Severity"].values_by_name) == {*SEVERITIES, "SEVERITY_UNSPECIFIED"}


def test_every_field_of_avro_but_the_key_may_be_left_out_so_that_fields_can_be_added() -> None:
    required = [field["name"] for field in json.loads(AVRO)["fields"] if "default" not in field]
    assert required == ["asset_key"]


@settings(max_examples=25)
@given(event=events)
def test_any_event_arrives_as_it_would_in_json(client: SchemaRegistryClient, event: AssetEvent) -> None:
    if event.event_time is not None:  # both have microseconds at best
        event = event.model_copy(update={"event_time": round(event.event_time, 3) or 1.0})
    sender, frames = Sender(client), SchemaRegistry(client)
    fields = json.loads(event.model_dump_json(exclude_none=True))
    values = [
        sender.framed("JSON", fields),
        sender.framed("AVRO", as_avro(fields)),
        sender.framed("PROTOBUF", as_protobuf(fields)),
    ]
    found = [parse_event(frames.unframe(Record("events", 0, 0, None, value)).value or b"") for value in values]
    assert found == [event] * 3


def as_avro(fields: dict[str, Any]) -> dict[str, Any]:
    fields = divided(fields, lambda value: is_scalar(value) or is_typed_scalar(value))
    return fields | ({"event_time": moment(fields)} if "event_time" in fields else {})


def as_protobuf(fields: dict[str, Any]) -> dict[str, Any]:
    fields = divided(fields, lambda value: not has_large_integer(value))
    return fields | ({"event_time": moment(fields).isoformat()} if "event_time" in fields else {})


def divided(fields: dict[str, Any], fits: Any) -> dict[str, Any]:
    """What the schema's own type for metadata does not hold goes as JSON text."""
    metadata = fields.get("metadata", {})
    rest = {name: value for name, value in metadata.items() if not fits(value)}
    return {
        **fields,
        "metadata": {name: value for name, value in metadata.items() if fits(value)},
        **({METADATA_JSON: json.dumps(rest)} if rest else {}),
    }


def moment(fields: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(fields["event_time"], UTC)


def is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | float | str) or (isinstance(value, int) and -LONG <= value < LONG)


def is_typed_scalar(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"raw_value", "type"} and is_scalar(value["raw_value"])


def has_large_integer(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(has_large_integer(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, int) and abs(value) >= 2**53


def test_the_pages_example_sends_an_event(cluster: MockCluster) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    cluster.create_topic("dagster.asset-events")
    with registry_server() as registry:
        example = found.group(1).replace("http://localhost:8081", registry.url)
        example = example.replace("localhost:9092", cluster.bootstrap).replace("docs/contract", str(CONTRACT))
        names: dict[str, Any] = {}
        exec(example, names)  # noqa: S102 - the page's own example
        registry.clients.append(names["registry"])
        (record,) = consume_all(cluster.bootstrap, "dagster.asset-events", 1)
        value = SchemaRegistry(registry.client()).unframe(record).value or b""
    assert parse_event(value) == parse_event(json.dumps(names["event"]).encode())


def test_the_pages_settings_are_taken(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    (tmp_path / "bridge.yaml").write_text(found.group(1), "utf-8")
    assert load_settings(tmp_path / "bridge.yaml", {}).kafka.schema_registry.username == "bridge"
