"""A CloudEvent that carries an asset event, as JSON Schema: what the attributes mean, and that they come second."""

from __future__ import annotations

from asset_events.cloud_events import SPEC_VERSION
from asset_events.events import EVENT_TYPES
from asset_events.metadata_schema import JsonSchema


def cloud_event_schema() -> JsonSchema:
    """One CloudEvent in the JSON format; what its data holds, the contract judges once the attributes are added."""
    text = {"type": "string", "minLength": 1}
    return {
        "title": "CloudEvent",
        "description": "A CloudEvent 1.0 in structured mode. Any other member is an extension, and passed over.",
        "type": "object",
        "properties": {
            "specversion": {"const": SPEC_VERSION},
            "type": {
                **text,
                "pattern": rf"^(.*\.)?({'|'.join(EVENT_TYPES)})$",
                "description": "The event's type, with or without a prefix of yours.",
                "examples": ["com.acme.asset_materialization"],
            },
            "source": {**text, "pattern": r"^\S+$", "description": "Whose event it is.", "examples": ["/spark/daily"]},
            "id": {**text, "description": "With `source` the idempotency key.", "examples": ["run-42"]},
            "subject": {"type": ["string", "null"], "description": "The asset key: components separated by `/`."},
            "time": {"type": ["string", "null"], "description": "The event's time, RFC 3339 with an offset."},
            "data": {"type": ["object", "null"], "description": "The event's fields; they come before the attributes."},
        },
        "required": ["specversion", "type", "source", "id"],
        "examples": [
            {
                "specversion": SPEC_VERSION,
                "type": "com.acme.asset_materialization",
                "source": "/spark/daily",
                "id": "run-42",
                "subject": "warehouse/orders",
                "data": {"metadata": {"rows": 1000}},
            }
        ],
    }
