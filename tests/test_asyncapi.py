"""The AsyncAPI document: valid by the official parser, with the consumer's own names of topics and headers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft7Validator
from published import published

from asset_consumer.asyncapi import asyncapi
from asset_consumer.dead_letter import Reason, dead_letter
from asset_consumer.record import Record
from asset_consumer.settings_kafka import KafkaSettings, TopicSettings
from asset_events import EVENT_TYPES, ErrorDetail


def resolved(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for item in value.values() for found in references(item)]
    return [found for item in value for found in references(item)] if isinstance(value, list) else []


def test_every_reference_leads_somewhere() -> None:
    document = published("asyncapi.json")
    for reference in references(document):
        assert resolved(document, reference)


def test_topics_bring_their_event_types_and_share_a_dead_letter_topic() -> None:
    topics = (TopicSettings(name="all"), TopicSettings(name="seen", event_type="asset_observation"))
    document = asyncapi(KafkaSettings(topics=topics, dead_letter_topic="dead", group_id="readers"))
    assert {name: len(channel["messages"]) for name, channel in document["channels"].items()} == {
        "all": len(EVENT_TYPES) + 1,  # and CloudEvents
        "seen": 2,
        "dead": 1,
    }
    assert {name: operation["action"] for name, operation in document["operations"].items()} == {
        "consume.all": "receive",
        "consume.seen": "receive",
        "dead-letter.dead": "send",
    }
    group = document["operations"]["consume.all"]["bindings"]["kafka"]["groupId"]
    assert group["enum"] == ["readers"]


@pytest.mark.parametrize("connect", [True, False])
def test_headers_of_a_real_dead_letter_are_those_of_the_document(*, connect: bool) -> None:
    document = asyncapi(KafkaSettings(connect_error_headers=connect))
    schema = document["components"]["messages"]["DeadLetter"]["headers"]
    record = Record("t", 0, 5, None, b"{", (), 1, "CreateTime")
    reason = Reason("decode", (ErrorDetail("", "json.malformed", "No JSON."),), 1)
    letter = dead_letter(record, reason, group="g", app="a/1", failed_at=datetime.now(UTC), connect_headers=connect)
    headers = {name: (value or b"").decode() for name, value in letter.headers}
    assert list(headers) == list(schema["properties"])
    Draft7Validator(schema).validate(headers)


def test_payload_is_the_contracts_schema() -> None:
    document = published("asyncapi.json")
    contract = published("asset-event.schema.json")["$defs"]
    assert document["components"]["schemas"].keys() - {"CloudEvent", "RunEvent"} == contract.keys()
