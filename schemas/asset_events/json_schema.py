"""The contract as JSON Schema 2020-12: one document for all three events, and one for each of them.

Made from the models, which remain what decides: whatever the schema refuses they refuse too, and they refuse a little
more, which JSON Schema has no words for (`docs/contract.md` lists it).
"""

from __future__ import annotations

from typing import Final

from asset_events.events import EVENT_CLASSES, EVENT_TYPES, AssetEvent, EventType
from asset_events.metadata_schema import JsonSchema, Ref, metadata_definitions

CONTRACT_VERSION: Final = "1"
"""Counted up when an event that was taken is taken no longer, or means something else; not for additions."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_ID: Final = "urn:dagster-asset-bridge"


def union_schema() -> JsonSchema:
    """What a sender may send anywhere: one of the three events, which says which one it is."""
    return {
        "$schema": _DIALECT,
        "$id": f"{_ID}:asset-event:{CONTRACT_VERSION}",
        "title": "AssetEvent",
        "description": "What happened to an asset outside Dagster; `event_type` says which of the three it is.",
        **tagged_union(_ref),
        "$defs": definitions(_ref),
    }


def event_schema(event_type: EventType) -> JsonSchema:
    """One event, where the topic, a header or the endpoint says its type: `event_type` may be left out."""
    return {
        "$schema": _DIALECT,
        "$id": f"{_ID}:{event_type.replace('_', '-')}:{CONTRACT_VERSION}",
        **_ref(EVENT_CLASSES[event_type].__name__),
        "$defs": {
            name: definition
            for name, definition in definitions(_ref).items()
            if name not in EVENT_NAMES or name == EVENT_CLASSES[event_type].__name__
        },
    }


EVENT_NAMES: Final[tuple[str, ...]] = tuple(model.__name__ for model in EVENT_CLASSES.values())
"""Under which names `definitions` has the three events."""


def definitions(ref: Ref) -> dict[str, JsonSchema]:
    """The three events, and what they are made of, by name; `ref` makes the reference to a name."""
    events = {model.__name__: _event(event_type, model, ref) for event_type, model in EVENT_CLASSES.items()}
    return {**events, **metadata_definitions(ref)}


def tagged_union(ref: Ref) -> JsonSchema:
    """An event that says its type."""
    return {
        "type": "object",
        "properties": {"event_type": {"enum": list(EVENT_TYPES)}},
        "required": ["event_type"],
        "oneOf": [ref(name) for name in EVENT_NAMES],
    }


def _event(event_type: EventType, model: type[AssetEvent], ref: Ref) -> JsonSchema:
    schema = model.model_json_schema()
    fields = schema["properties"]
    # The one field of which null is taken but in the model: `parse_event` fills it in.
    fields["event_type"] = {**fields["event_type"], "enum": [event_type, None]}
    del fields["event_type"]["const"], fields["event_type"]["type"]
    fields["metadata"] = {**ref("Metadata"), **{key: fields["metadata"][key] for key in ("description", "examples")}}
    return {**schema, "description": (model.__doc__ or "").split("\n\n")[0]}


def _ref(name: str) -> JsonSchema:
    return {"$ref": f"#/$defs/{name}"}
