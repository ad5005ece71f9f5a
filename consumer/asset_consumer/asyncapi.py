"""The Kafka side as an AsyncAPI 3.0 document, made from the contract: topics, headers, keys, payloads, dead letters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from asset_consumer.dead_letter_headers import CONNECT_FIELDS, CONNECT_PREFIX, FORMS, MEANINGS, PREFIX, SMALLEST
from asset_consumer.decode import (
    CONTENT_ENCODING_HEADER,
    CONTENT_TYPE_HEADER,
    EVENT_TYPE_HEADER,
    IDEMPOTENCY_KEY_HEADER,
)
from asset_events import EVENT_TYPES, EventType
from asset_events.cloud_event_headers import STRUCTURED
from asset_events.cloud_event_schema import cloud_event_schema
from asset_events.events import EVENT_CLASSES
from asset_events.json_schema import CONTRACT_VERSION, definitions
from asset_events.limits import MAX_IDEMPOTENCY_KEY_CHARS
from asset_events.openlineage_schema import run_event_schema

if TYPE_CHECKING:
    from asset_consumer.settings_kafka import KafkaSettings, TopicSettings

_BINDING: Final = {"bindingVersion": "0.5.0"}

_DESCRIPTION: Final = """Records on these topics and events posted over HTTP (see the OpenAPI document) follow one
contract, and are refused with the same codes. A record that can never become an asset event goes to the dead-letter
topic. Where a schema registry is configured, a value may also be framed for it (Confluent's wire format, or the id in
the header `__value_schema_id`): JSON Schema, Avro or Protobuf of the same fields."""

_KEY: Final = {
    "type": "string",
    "description": "Not looked at. Key by asset (its components joined by `/`): one asset's events then stay in order.",
    "examples": ["warehouse/customers"],
}


def asyncapi(kafka: KafkaSettings) -> dict[str, Any]:
    """Build the document for the topics of some settings."""
    dead = dict.fromkeys(kafka.dead_letter_topic_of(topic.name) for topic in kafka.topics)
    channels = {topic.name: _channel(topic) for topic in kafka.topics}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "asset-bridge",
            "version": CONTRACT_VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels | {name: _dead_letter_channel(name) for name in dead},
        "operations": {
            **{f"consume.{name}": _operation("receive", name, kafka.group_id) for name in channels},
            **{f"dead-letter.{name}": _operation("send", name) for name in dead},
        },
        "components": {
            "messages": {
                **{_name(event_type): _message(event_type) for event_type in EVENT_TYPES},
                "CloudEvent": _cloud_event(),
                "RunEvent": _run_event(),
                "DeadLetter": _dead_letter(connect=kafka.connect_error_headers),
            },
            "schemas": {
                **definitions(_schema),
                "CloudEvent": cloud_event_schema(),
                "RunEvent": run_event_schema(),
            },
        },
    }


def _channel(topic: TopicSettings) -> dict[str, Any]:
    if topic.format == "openlineage":
        return _topic(
            topic.name, "Run events of OpenLineage; each becomes one asset event, several, or none.", ["RunEvent"]
        )
    if topic.event_type is None:
        says = f"Events of any kind; each says which, by its `event_type` or by the header `{EVENT_TYPE_HEADER}`."
    else:
        says = f"Events of the type `{topic.event_type}` only; they need not say it."
    types = EVENT_TYPES if topic.event_type is None else (topic.event_type,)
    return _topic(topic.name, says, [*map(_name, types), "CloudEvent"])


def _dead_letter_channel(name: str) -> dict[str, Any]:
    return _topic(
        name, "Records that can never become an asset event, each with the reason in its headers.", ["DeadLetter"]
    )


def _topic(name: str, says: str, messages: list[str]) -> dict[str, Any]:
    return {
        "address": name,
        "description": says,
        "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in messages},
        "bindings": {"kafka": {"topic": name, **_BINDING}},
    }


def _operation(action: str, channel: str, group: str | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
    if group is not None:
        operation["bindings"] = {"kafka": {"groupId": {"type": "string", "enum": [group]}, **_BINDING}}
    return operation


def _message(event_type: EventType) -> dict[str, Any]:
    model = EVENT_CLASSES[event_type]
    key = {"description": "The same as the field `idempotency_key`.", "maxLength": MAX_IDEMPOTENCY_KEY_CHARS}
    json = {"description": "JSON by any name; anything else is refused.", "examples": ["application/json"]}
    plain = {
        "description": "Nothing or `identity`: Kafka's own compression is none of the value's.",
        "enum": ["identity"],
    }
    headers = {
        EVENT_TYPE_HEADER: {
            "type": "string",
            "enum": [event_type],
            "description": "The same as the field `event_type`.",
        },
        IDEMPOTENCY_KEY_HEADER: {"type": "string", "minLength": 1, **key},
        CONTENT_TYPE_HEADER: {"type": "string", **json},
        CONTENT_ENCODING_HEADER: {"type": "string", **plain},
    }
    return {
        "name": _name(event_type),
        "summary": (model.__doc__ or "").split("\n", maxsplit=1)[0],
        "description": "Header names may be written in any case; of several headers the last counts.",
        "contentType": "application/json",
        "headers": {"type": "object", "properties": headers},
        "payload": _schema(_name(event_type)),
        "bindings": {"kafka": {"key": _KEY, **_BINDING}},
    }


def _cloud_event() -> dict[str, Any]:
    return {
        "name": "CloudEvent",
        "summary": "The same events as CloudEvents 1.0, structured; in binary mode the attributes are headers.",
        "description": "Binary mode: headers `ce_specversion`, `ce_type`, `ce_source`, `ce_id` and, if wanted,"
        " `ce_subject` and `ce_time`; the value is the data, or null.",
        "contentType": STRUCTURED,
        "headers": {
            "type": "object",
            "properties": {CONTENT_TYPE_HEADER: {"type": "string", "pattern": f"^{re.escape(STRUCTURED)}"}},
        },
        "payload": _schema("CloudEvent"),
        "bindings": {"kafka": {"key": _KEY, **_BINDING}},
    }


def _run_event() -> dict[str, Any]:
    return {
        "name": "RunEvent",
        "summary": "An event of OpenLineage, as its clients send it.",
        "contentType": "application/json",
        "payload": _schema("RunEvent"),
        "bindings": {"kafka": {"key": {"description": "Not looked at."}, **_BINDING}},
    }


def _dead_letter(*, connect: bool) -> dict[str, Any]:
    own = {f"{PREFIX}{field}": _header(field, meaning) for field, meaning in MEANINGS.items()}
    connects = {f"{CONNECT_PREFIX}{field}": {"type": "string"} for field in CONNECT_FIELDS} if connect else {}
    return {
        "name": "DeadLetter",
        "summary": "A record that was refused: key, value and headers byte for byte, then the headers given here.",
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "properties": own | connects,
            "required": [f"{PREFIX}{field}" for field in SMALLEST],
        },
        "payload": {"description": "The refused record's value as it was, whatever that is; null stays null."},
        "bindings": {"kafka": {"key": {"description": "The refused record's key as it was."}, **_BINDING}},
    }


def _header(field: str, meaning: str) -> dict[str, Any]:
    form = FORMS.get(field)
    return {"type": "string", "description": meaning, **({"pattern": f"^({form.pattern})$"} if form else {})}


def _name(event_type: EventType) -> str:
    return EVENT_CLASSES[event_type].__name__


def _schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
