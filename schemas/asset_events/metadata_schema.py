"""Metadata as JSON Schema: any JSON, the typed envelope, and the entries that Dagster reads itself.

Taken from the models and tables that check metadata, with names of its own for what recurs. `ref` makes the reference
to such a name: JSON Schema and OpenAPI keep them in different places. Nothing that validates stands beside a reference,
so that it means the same in draft 7, which is AsyncAPI's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from asset_events.json_values import RESERVED_KEYS
from asset_events.limits import MAX_INTEGER, MAX_METADATA_ENTRIES
from asset_events.reserved_metadata import REPORTING_USER, TABLE_SET, TIMES
from asset_events.times import TIME_SCHEMA
from asset_events.typed_metadata import ENVELOPES, INFERRED

JsonSchema: TypeAlias = dict[str, Any]
Ref: TypeAlias = Callable[[str], JsonSchema]

_FORM: Final = {"type": "object", "required": ["raw_value", "type"], "maxProperties": 2}

_PLAIN: Final[dict[str, JsonSchema]] = {
    "text": {"type": "string"},
    "int": {"type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER},
    "null": {"type": "null"},
}
"""What is taken without an envelope for the types that an entry of Dagster's may have."""


def metadata_definitions(ref: Ref) -> dict[str, JsonSchema]:
    """Every definition that a schema with metadata needs, by name."""
    models: dict[str, JsonSchema] = {}
    raw_values = dict(_raw_values(ref, models))
    typed = [_envelope(kind, raw_value) for kind, raw_value in raw_values.items()]
    any_json = _any_json(ref)
    return {
        "Metadata": _metadata(ref, raw_values),
        "MetadataValue": {
            **any_json,
            "description": "Any JSON value; an object of exactly `type` and `raw_value` is a typed one.",
            "anyOf": [{"not": _FORM}, ref("TypedValue")],
        },
        "TypedValue": {
            "description": "A value with the type under which Dagster shows it: the envelope of Dagster Pipes.",
            "anyOf": [*typed, _envelope(INFERRED, {})],
        },
        "JsonValue": any_json,
        **models,
    }


def _any_json(ref: Ref) -> JsonSchema:
    return {
        "description": "Any JSON value without the object keys that Dagster's serialiser reserves.",
        "type": ["object", "array", "string", "number", "boolean", "null"],
        "propertyNames": {"not": {"enum": sorted(RESERVED_KEYS)}},
        "additionalProperties": ref("JsonValue"),
        "items": ref("JsonValue"),
    }


def _metadata(ref: Ref, raw_values: dict[str, JsonSchema]) -> JsonSchema:
    time = {"timestamp": {**raw_values["timestamp"], "exclusiveMinimum": 0}}
    tables = {
        name: _entry(
            ref, [_PLAIN[kind] for kind in kinds if kind in _PLAIN], {kind: raw_values[kind] for kind in kinds}
        )
        for name, kinds in TABLE_SET.items()
    }
    return {
        "type": ["object", "null"],
        "maxProperties": MAX_METADATA_ENTRIES,
        "propertyNames": {"not": {"enum": sorted({*RESERVED_KEYS, REPORTING_USER})}},
        "properties": {**tables, **dict.fromkeys(sorted(TIMES), _entry(ref, [TIME_SCHEMA], time))},
        "additionalProperties": ref("MetadataValue"),
    }


def _entry(ref: Ref, plain: list[JsonSchema], typed: dict[str, JsonSchema]) -> JsonSchema:
    """An entry with a given name takes certain types, in an envelope or, where there is such a form, without."""
    inferred = _envelope(INFERRED, {"anyOf": plain})
    choices = [*plain, *(_envelope(kind, raw_value) for kind, raw_value in typed.items()), inferred]
    return {**_any_json(ref), "description": "Dagster reads this entry itself.", "anyOf": choices}


def _envelope(kind: str, raw_value: JsonSchema) -> JsonSchema:
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, "raw_value": raw_value},
        "required": ["raw_value", "type"],
        "additionalProperties": False,
    }


def _raw_values(ref: Ref, models: dict[str, JsonSchema]) -> Iterable[tuple[str, JsonSchema]]:
    """Each type's raw value; the models that it is made of go into `models`."""
    for kind, model in ENVELOPES.items():
        schema = model.model_json_schema(ref_template=ref("{model}")["$ref"])
        models |= schema.get("$defs", {})
        raw_value: JsonSchema = schema["properties"]["raw_value"]
        yield kind, {key: value for key, value in raw_value.items() if key != "title"}
