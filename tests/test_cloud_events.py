"""CloudEvents, as the official SDK sends them, on both roads; and those that are none, refused by both alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from broker import Broker
from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from consuming import RunningConsumer, committed_offsets, eventually
from dagster import DagsterInstance
from dagster_reading import event_of, runless_entries
from http_world import http_client
from jsonschema import Draft202012Validator
from mock_cluster import Sent, consume_all, produce
from starlette.testclient import TestClient

from asset_consumer.decode import decode
from asset_consumer.record import Record
from asset_events import CheckEvent, InvalidEventError, MaterializationEvent, parse_event
from asset_events.cloud_event_schema import cloud_event_schema
from asset_events.limits import MAX_IDEMPOTENCY_KEY_CHARS
from asset_reporting.transactional_recorder import TransactionalRecorder

BATCH = "/report_asset_events"
STRUCTURED = "application/cloudevents+json"
NEEDED = {"specversion": "1.0", "type": "asset_materialization", "source": "/etl", "id": "1"}


@dataclass(frozen=True)
class Sending:
    """The same event as a request and as a record."""

    headers: Mapping[str, str]
    record_headers: Mapping[str, bytes]
    value: bytes

    @property
    def record(self) -> Record:
        return Record("events", 0, 1, None, self.value, tuple(self.record_headers.items()))


def structured(fields: object) -> Sending:
    value = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return Sending({"Content-Type": STRUCTURED}, {"content-type": STRUCTURED.encode()}, value)


def binary(attributes: Mapping[str, str], value: bytes = b"{}") -> Sending:
    by_http = {f"ce-{name}": text for name, text in attributes.items()}
    by_kafka = {f"ce_{name}": text.encode() for name, text in attributes.items()}
    return Sending(by_http, by_kafka, value)


def sdk_event(data: object = None, **attributes: Any) -> CloudEvent:
    return CloudEvent({**NEEDED, **attributes}, data if data is None else dict[str, Any](data))  # type: ignore[call-overload] # an object with pairs


def test_one_cloud_event_is_recorded_once_by_whichever_way_it_comes(broker: Broker, tmp_path: Path) -> None:
    sent = sdk_event(
        {"metadata": {"rows": 7}},
        type="com.acme.asset_materialization",
        source="/spark/daily",
        id="run 42 ü",
        subject="warehouse/orders",
        datacontenttype="application/json",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    posts = [http.to_binary(sent, JSONFormat()), http.to_structured(sent, JSONFormat())]
    records = [kafka.to_binary(sent, JSONFormat()), kafka.to_structured(sent, JSONFormat())]
    batch = b"[" + posts[1].body + b"]"

    with DagsterInstance.local_temp(str(tmp_path)) as instance, http_client(instance) as client:
        answers = [client.post(BATCH, content=post.body, headers=post.headers) for post in posts]
        typed = "/report_asset_materialization"
        answers += [client.post(typed, content=post.body, headers=post.headers) for post in posts]
        many = client.post(BATCH, content=batch, headers={"Content-Type": "application/cloudevents-batch+json"})
        broker.create_topic(broker.topic, 1)
        broker.create_topic(broker.dead_letters, 1)
        produce(
            broker.bootstrap, broker.topic, *(Sent(one.value, headers=tuple(one.headers.items())) for one in records)
        )
        with RunningConsumer(broker, TransactionalRecorder(instance)):
            eventually(lambda: committed_offsets(broker, 1) == [2])
        (entry,) = runless_entries(instance)

    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json()["event_id"] for answer in answers}) == 1
    assert many.json()["results"] == [
        {"status": "success", "event_id": answers[0].json()["event_id"], "replayed": True}
    ]
    assert consume_all(broker.bootstrap, broker.dead_letters, 0) == []
    stored = event_of(entry)
    assert (stored.asset_key.path, stored.metadata["rows"].value) == (["warehouse", "orders"], 7)


@pytest.mark.parametrize(
    ("attributes", "data", "expected"),
    [
        ({"subject": "a/b"}, None, MaterializationEvent(asset_key=("a", "b"), idempotency_key="/etl 1")),
        (
            {"subject": "a", "time": "2024-01-15T10:30:00Z"},
            {"asset_key": ["b"], "event_time": 5, "idempotency_key": "mine"},
            MaterializationEvent(asset_key=("b",), event_time=5, idempotency_key="mine"),
        ),
        (
            {"type": "asset_check", "subject": "a", "time": "1970-01-01T00:00:09Z"},
            {"check_name": "rows", "passed": False, "event_type": "asset_check", "asset_key": None},
            CheckEvent(asset_key=("a",), check_name="rows", passed=False, event_time=9, idempotency_key="/etl 1"),
        ),
    ],
    ids=["subject alone", "data before attributes", "null in the data is left out"],
)
@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_attributes_say_what_the_data_leaves_out(
    mode: str, attributes: dict[str, str], data: dict[str, Any] | None, expected: object
) -> None:
    sent = {**NEEDED, **attributes}
    if mode == "binary":
        sending = binary(sent, b"" if data is None else json.dumps(data).encode())
    else:
        sending = structured({**sent, "data": data})

    assert decode(sending.record, provenance=False) == expected


def test_binary_event_without_a_value_is_no_tombstone() -> None:
    headers = tuple(binary({**NEEDED, "subject": "a"}).record_headers.items())

    assert decode(Record("events", 0, 1, None, None, headers)).asset_key == ("a",)
    with pytest.raises(InvalidEventError, match="tombstone"):
        decode(Record("events", 0, 1, None, None, (("content-type", STRUCTURED.encode()),)))


def test_data_in_base64_is_read() -> None:
    sent = {**NEEDED, "data_base64": "eyJhc3NldF9rZXkiOiAiYSJ9"}

    assert parse_event(json.dumps(sent).encode(), cloud_event="structured").asset_key == ("a",)


def test_http_headers_are_percent_encoded_and_may_be_quoted(client: TestClient, instance: DagsterInstance) -> None:
    attributes = {**NEEDED, "id": "encoded", "subject": '"caf%C3%A9/%22x%22 \\"y\\""'}

    answer = client.post(BATCH, headers=binary(attributes).headers)

    assert answer.status_code == 200
    assert event_of(runless_entries(instance)[-1]).asset_key.path == ["café", '"x" "y"']


def test_explicit_key_comes_before_source_and_id() -> None:
    sending = binary({**NEEDED, "subject": "a"})
    headers = (*sending.record_headers.items(), ("idempotency-key", b"mine"))

    assert decode(Record("events", 0, 1, None, b"", headers)).idempotency_key == "mine"


def test_pairs_of_source_and_id_have_names_of_their_own() -> None:
    long = "x" * MAX_IDEMPOTENCY_KEY_CHARS
    pairs = [("a", "b c"), ("a%20b", "c"), (long, "1"), (long, "2"), ("a", long)]

    names = {
        decode(binary({**NEEDED, "subject": "a", "source": source, "id": name}).record).idempotency_key
        for source, name in pairs
    }

    assert len(names) == len(pairs)
    assert max(len(name or "") for name in names) <= MAX_IDEMPOTENCY_KEY_CHARS


WITH_KEY = {**NEEDED, "subject": "a"}
REFUSED: dict[str, tuple[Sending, str, str]] = {
    "no source": (structured({"specversion": "1.0", "type": "x", "id": "1"}), "field.missing", "/source"),
    "no id, binary": (binary({"specversion": "1.0", "type": "x", "source": "s"}), "field.missing", "/id"),
    "empty id": (binary({**WITH_KEY, "id": ""}), "schema.invalid", "/id"),
    "id is a number": (structured({**WITH_KEY, "id": 1}), "schema.invalid", "/id"),
    "source with a space": (structured({**WITH_KEY, "source": "a b"}), "schema.invalid", "/source"),
    "another version": (structured({**WITH_KEY, "specversion": "0.3"}), "schema.invalid", "/specversion"),
    "another type": (structured({**WITH_KEY, "type": "com.acme.order"}), "event_type.unknown", "/type"),
    "type and data differ": (
        structured({**WITH_KEY, "data": {"event_type": "asset_check"}}), "event_type.mismatch", "/data/event_type"
    ),
    "data is a list": (structured({**WITH_KEY, "data": [1]}), "json.malformed", "/data"),
    "data is no JSON": (binary(WITH_KEY, b"no json"), "json.malformed", ""),
    "data of another type": (
        structured({**WITH_KEY, "datacontenttype": "text/xml", "data": "<a/>"}),
        "content_type.unsupported",
        "/datacontenttype",
    ),
    "both kinds of data": (
        structured({**WITH_KEY, "data": {}, "data_base64": "e30="}), "schema.invalid", "/data_base64"
    ),
    "no Base64": (structured({**WITH_KEY, "data_base64": "e3"}), "schema.invalid", "/data_base64"),
    "Base64 of no JSON": (structured({**WITH_KEY, "data_base64": "e3t7"}), "json.malformed", "/data_base64"),
    "no asset": (structured(NEEDED), "field.missing", "/data/asset_key"),
    "subject with an empty part": (binary({**NEEDED, "subject": "a//b"}), "schema.invalid", "/subject"),
    "time without an offset": (structured({**WITH_KEY, "time": "2024-01-15T10:30:00"}), "schema.invalid", "/time"),
    "wrong field in the data": (
        structured({**WITH_KEY, "data": {"metadata": {"a": {"__set__": 1}}}}),
        "schema.invalid",
        "/data/metadata/a/__set__",
    ),
    "wrong field, binary": (binary(WITH_KEY, b'{"partition": ""}'), "schema.invalid", "/partition"),
    "unknown field in the data": (structured({**WITH_KEY, "data": {"rows": 1}}), "field.unknown", "/data/rows"),
    "no JSON at all": (structured(b"{"), "json.malformed", ""),
    "many where one is taken": (
        Sending(
            {"Content-Type": "application/cloudevents-batch+json"},
            {"content-type": b"application/cloudevents-batch+json"},
            b"[]",
        ),
        "content_type.unsupported",
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_both_roads_refuse_what_is_no_cloud_event_alike(name: str, client: TestClient) -> None:
    sending, code, path = REFUSED[name]
    url = "/report_asset_materialization" if name == "many where one is taken" else BATCH

    answer = client.post(url, content=sending.value, headers=dict(sending.headers))
    with pytest.raises(InvalidEventError) as caught:
        decode(sending.record)

    errors = answer.json()["errors"]
    assert errors == [error.as_dict() for error in caught.value.errors]
    assert (errors[0]["code"], errors[0]["path"]) == (code, path)


def test_published_schema_takes_and_refuses_the_same_attributes() -> None:
    schema = Draft202012Validator(cloud_event_schema())
    (example,) = cloud_event_schema()["examples"]
    assert parse_event(json.dumps(example).encode(), cloud_event="structured").asset_key == ("warehouse", "orders")
    assert schema.is_valid(example)
    attributes = {"/source", "/id", "/specversion", "/type"}
    refused = [sending for sending, _, path in REFUSED.values() if path in attributes]
    bodies = [json.loads(sending.value) for sending in refused if "Content-Type" in sending.headers]
    assert len(bodies) >= 5
    assert [body for body in bodies if schema.is_valid(body)] == []


def test_attribute_that_is_not_utf_8_is_refused_by_both_roads(client: TestClient) -> None:
    by_kafka = tuple({**binary(WITH_KEY).record_headers, "ce_subject": b"\xff"}.items())
    with pytest.raises(InvalidEventError) as caught:
        decode(Record("events", 0, 1, None, b"{}", by_kafka))

    answer = client.post(BATCH, headers={**binary(WITH_KEY).headers, "ce-subject": "%FF"})

    assert answer.json()["errors"] == [error.as_dict() for error in caught.value.errors]
    assert answer.json()["code"] == "encoding.unsupported"


def test_an_extension_may_be_anything(client: TestClient) -> None:
    headers = tuple({**binary(WITH_KEY).record_headers, "ce_mine": b"\xff"}.items())
    assert decode(Record("events", 0, 1, None, b"{}", headers)).asset_key == ("a",)
    sent = {**binary({**WITH_KEY, "id": "extended"}).headers, "ce-mine": "%FF"}
    assert client.post(BATCH, headers=sent).status_code == 200


def test_type_must_be_the_endpoints_and_the_topics(client: TestClient) -> None:
    answer = client.post("/report_asset_check/a", headers=binary(NEEDED).headers)
    with pytest.raises(InvalidEventError) as caught:
        decode(binary(WITH_KEY).record, event_type="asset_check")

    assert answer.json()["errors"] == [error.as_dict() for error in caught.value.errors]
    assert (answer.status_code, answer.json()["code"]) == (400, "event_type.mismatch")


def test_path_and_query_come_before_the_attributes(client: TestClient, instance: DagsterInstance) -> None:
    attributes = {**NEEDED, "id": "path", "subject": "other", "time": "2024-01-15T10:30:00Z"}

    answer = client.post("/report_asset_materialization/a/b?event_time=9", headers=binary(attributes).headers)

    assert answer.status_code == 200
    entry = runless_entries(instance)[-1]
    assert (event_of(entry).asset_key.path, entry.timestamp) == (["a", "b"], 9)


def test_one_bad_event_of_a_batch_does_not_touch_its_neighbours(client: TestClient) -> None:
    events = [{**NEEDED, "id": "first", "subject": "a"}, {**NEEDED, "id": "second"}, {"asset_key": "plain"}]

    answer = client.post(BATCH, json=events, headers={"Content-Type": "application/cloudevents-batch+json"})

    first, second, third = answer.json()["results"]
    assert first["status"] == "success"
    assert (second["code"], second["errors"][0]["path"]) == ("field.missing", "/data/asset_key")
    assert {error["path"] for error in third["errors"]} == {"/specversion", "/type", "/source", "/id"}
