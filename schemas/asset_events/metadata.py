"""Metadata: a JSON object of named values, plain or in Pipes' typed envelope."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator, JsonValue, PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError, to_json

from asset_events.json_values import find_problems
from asset_events.limits import MAX_METADATA_BYTES, MAX_METADATA_ENTRIES
from asset_events.refusals import refusal, refusals
from asset_events.reserved_metadata import check_reserved
from asset_events.typed_metadata import INFERRED, TypedMetadata, is_envelope, open_envelope

NOT_AN_OBJECT = "metadata.not_an_object"
"""Pydantic's error type for metadata of another kind; its message repeats Dagster's, which needs the event's class."""


def check_whole(value: object) -> dict[str, JsonValue]:
    """Return metadata as plain JSON within the limits, typed values as envelopes; null means none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PydanticCustomError(NOT_AN_OBJECT, "must be a JSON object")
    if len(cast("dict[object, object]", value)) > MAX_METADATA_ENTRIES:
        raise refusal(f"must not have more than {MAX_METADATA_ENTRIES} entries")
    entries = {name: _plain(item) for name, item in cast("dict[str, object]", value).items()}
    if problems := find_problems(entries):
        raise refusals(problems)
    if len(to_json(entries)) > MAX_METADATA_BYTES:
        raise refusal(f"must not be larger than {MAX_METADATA_BYTES} bytes as JSON")
    return cast("dict[str, JsonValue]", entries)


def dump(metadata: dict[str, JsonValue | TypedMetadata]) -> dict[str, Any]:
    """Write metadata as it is sent: typed values in their envelope."""
    return {
        # A plain object that happens to look like an envelope must not be read back as one.
        name: {"raw_value": value, "type": INFERRED} if is_envelope(value) else _plain(value)
        for name, value in metadata.items()
    }


def _plain(value: object) -> object:
    if isinstance(value, TypedMetadata):
        return {"raw_value": value.raw_value, "type": value.type}
    return value


def _open(value: JsonValue) -> JsonValue | TypedMetadata:
    return open_envelope(value) if is_envelope(value) else value


_Entry: TypeAlias = Annotated[JsonValue | TypedMetadata, PlainValidator(_open)]

Metadata: TypeAlias = Annotated[
    dict[str, _Entry],
    BeforeValidator(check_whole),
    AfterValidator(check_reserved),
    PlainSerializer(dump, return_type=dict[str, Any]),
]
"""What Dagster shows with the event, by name."""
