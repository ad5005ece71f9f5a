"""Write what an Avro record or a Protobuf message holds as the JSON text of its event.

The text then goes the way of every other event, so nothing is checked here that JSON itself does not ask for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from pydantic_core import to_json

from asset_events import ErrorDetail, InvalidEventError
from asset_events.decode import parse_json
from asset_events.explain import pointer

if TYPE_CHECKING:
    from asset_events.refusals import Location

METADATA_JSON: Final = "metadata_json"
"""A field for metadata that the schema's own types cannot hold: a JSON object as text, added to `metadata`."""


def json_text(values: object) -> bytes:
    """Return the event as JSON.

    A field that is null is left out: a schema for several event types has optional fields that only one of them knows.
    Times become RFC 3339, dates, times of day, decimals and UUIDs their text.

    Raises:
        InvalidEventError: JSON has no such value; or `metadata_json` is no JSON object, or repeats an entry.
    """
    if not isinstance(values, Mapping):
        raise _refused((), "The value's schema must be that of a record with the event's fields.")
    fields = cast("Mapping[str, object]", values)
    given = {name: _plain(value, (name,)) for name, value in fields.items() if value is not None}
    _add_metadata_json(given)
    return to_json(given)


def _plain(value: object, at: Location) -> object:
    match value:
        case Mapping():
            items = cast("Mapping[object, object]", value).items()
            return {str(name): _plain(item, (*at, str(name))) for name, item in items}
        case list():
            return [_plain(item, (*at, index)) for index, item in enumerate(cast("list[object]", value))]
        case float() if not math.isfinite(value):
            raise _refused(at, "JSON has no infinities and no NaN.")
        case None | bool() | int() | float() | str():
            return value
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
        case _:
            raise _refused(at, "JSON has no such value, as bytes are; send text.")


def _add_metadata_json(fields: dict[str, Any]) -> None:
    text, metadata = fields.get(METADATA_JSON), fields.get("metadata", {})
    if not isinstance(text, str) or not isinstance(metadata, dict):
        return  # refused with all other fields: as unknown, and as no object
    del fields[METADATA_JSON]
    added, _ = parse_json(text.encode())
    if not isinstance(added, dict):
        raise _refused((METADATA_JSON,), "metadata_json must be a JSON object as text.")
    if added.keys() & metadata.keys():
        raise _refused((METADATA_JSON,), "metadata_json must not repeat an entry of metadata.")
    fields["metadata"] = metadata | added


def _refused(at: Location, message: str) -> InvalidEventError:
    return InvalidEventError([ErrorDetail(pointer(at), "schema.invalid", message)])
