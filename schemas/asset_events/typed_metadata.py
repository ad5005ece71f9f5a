"""Pipes' envelope for a metadata value of a given type: `{"raw_value": …, "type": "url"}`.

The envelope is Dagster's own (`dagster_pipes.PipesMetadataType`); it lets a sender say that a string is a URL or that
a number is a point in time. Raw values are checked so that Dagster's `metadata_value_from_external` cannot raise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeAlias, TypeGuard, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, PlainValidator, WithJsonSchema

from asset_events.asset_key import check_asset_key
from asset_events.limits import MAX_ASSET_KEY_CHARS, MAX_INTEGER, MAX_TIME_S
from asset_events.refusals import refusal, refusals
from asset_events.table_metadata import ColumnLineage, Table, TableSchema

INFERRED: Final = "__infer__"
"""The type that says: as if there were no envelope."""

_KEYS: Final = {"raw_value", "type"}

_Raw = TypeVar("_Raw")


@dataclass(frozen=True, slots=True)
class TypedMetadata:
    """A metadata value with the type under which Dagster shows it, such as `url`, `md` or `timestamp`."""

    type: str
    raw_value: JsonValue


class _Envelope(BaseModel, Generic[_Raw]):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    type: str
    raw_value: _Raw


def _check_json(value: object) -> object:
    if not isinstance(value, (dict, list)):
        raise refusal("must have an object or a list as raw_value of type json")
    return cast("object", value)


def _check_path(value: str) -> str:
    check_asset_key(value.split("/"))
    return value


def _check_timestamp(value: float) -> float:
    # Symmetric: times before 1970 are fine, times that no calendar of a browser or of Python holds are not.
    if abs(value) >= MAX_TIME_S:
        raise refusal("must have epoch seconds, not milliseconds, as raw_value of type timestamp")
    return value


_Path: TypeAlias = Annotated[
    str,
    AfterValidator(_check_path),
    WithJsonSchema(
        {"type": "string", "maxLength": MAX_ASSET_KEY_CHARS - 4, "pattern": r"^[^/\u0000]+(/[^/\u0000]+)*$"}
    ),
]
_Timestamp: TypeAlias = Annotated[
    float,
    AfterValidator(_check_timestamp),
    WithJsonSchema({"type": "number", "exclusiveMinimum": -MAX_TIME_S, "exclusiveMaximum": MAX_TIME_S}),
]
_Integer: TypeAlias = Annotated[
    int, WithJsonSchema({"type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER})
]
_Json: TypeAlias = Annotated[object, PlainValidator(_check_json), WithJsonSchema({"type": ["object", "array"]})]

ENVELOPES: Final[dict[str, type[BaseModel]]] = {
    "asset": _Envelope[_Path],
    "bool": _Envelope[bool],
    "dagster_run": _Envelope[str],
    "float": _Envelope[float],
    "int": _Envelope[_Integer],
    "json": _Envelope[_Json],
    "md": _Envelope[str],
    "notebook": _Envelope[str],
    "null": _Envelope[None],
    "path": _Envelope[str],
    "table": _Envelope[Table],
    "table_column_lineage": _Envelope[ColumnLineage],
    "table_schema": _Envelope[TableSchema],
    "text": _Envelope[str],
    "timestamp": _Envelope[_Timestamp],
    "url": _Envelope[str],
}
"""The model of each type's envelope."""

METADATA_TYPES: Final = (INFERRED, *sorted(ENVELOPES))
"""Every type an envelope may name."""


def is_envelope(value: object) -> TypeGuard[dict[str, JsonValue]]:
    """Tell whether a JSON value is an envelope: an object of exactly the keys `raw_value` and `type`."""
    return isinstance(value, dict) and cast("dict[str, JsonValue]", value).keys() == _KEYS


def open_envelope(envelope: dict[str, JsonValue]) -> JsonValue | TypedMetadata:
    """Return what an envelope holds, checked for its type; a plain value where the type is to be inferred."""
    kind, raw_value = envelope["type"], envelope["raw_value"]
    if kind == INFERRED:
        return raw_value
    if not isinstance(kind, str) or kind not in ENVELOPES:
        raise refusals([(("type",), f"must have one of these as type: {', '.join(METADATA_TYPES)}")])
    ENVELOPES[kind].model_validate(envelope)
    if kind in ("float", "timestamp"):
        # Dagster takes no int for a float; a JSON writer may well have dropped the ".0".
        raw_value = float(cast("float", raw_value))
    return TypedMetadata(kind, raw_value)
