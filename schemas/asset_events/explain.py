"""From pydantic's errors, and from unknown fields, to what a sender is told."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Final

from pydantic_core import ErrorDetails

from asset_events.errors import ErrorDetail
from asset_events.events import DAGSTER_CLASSES, EVENT_CLASSES, EventType
from asset_events.metadata import NOT_AN_OBJECT
from asset_events.refusals import REFUSED, Location

# Names in a path are the sender's, so they are kept short: errors travel in record headers.
_MAX_NAME_CHARS: Final = 64
_MAX_NAMES: Final = 10

# Pydantic's own messages may repeat the input, and speak of Python.
_REASONS: Final = {
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "none_required": "must be null",
    "missing": "must be there",
    "extra_forbidden": "must not be there",
    "string_too_short": "must not be empty",
}


def explain(
    event_type: EventType, errors: Iterable[ErrorDetails], refused: Mapping[str, ErrorDetail]
) -> list[ErrorDetail]:
    """Turn pydantic's errors into ours, in their order; a field that is refused already keeps its first reason."""
    details = (refused.get(str(error["loc"][0])) or _explain_one(event_type, error) for error in errors)
    return list(dict.fromkeys(details))


def explain_document(errors: Iterable[ErrorDetails], above: str = "") -> list[ErrorDetail]:
    """Turn pydantic's errors about a document of another standard into ours; `above` is the pointer to the document."""
    return [_explain_member(error, above) for error in errors]


def reason(error: ErrorDetails) -> str:
    """Say what is wrong with a value, in words that repeat none of it."""
    return error["msg"] if error["type"] == REFUSED else _REASONS.get(error["type"], "must have another type or form")


def explain_unknown(event_type: EventType, names: Iterable[str]) -> list[ErrorDetail]:
    """Say of each name that no field has it; the message names the nearest field, never the unknown one."""
    known = list(EVENT_CLASSES[event_type].model_fields)
    return [ErrorDetail(pointer((name,)), "field.unknown", _suggest(name, known)) for name in names]


def pointer(location: Location) -> str:
    """Write a location as a JSON pointer (RFC 6901), without what could harm a header or a log line."""
    return "".join(f"/{_segment(str(name))}" for name in location[:_MAX_NAMES])


def _explain_one(event_type: EventType, error: ErrorDetails) -> ErrorDetail:
    location, kind = error["loc"], error["type"]
    field, path = str(location[0]), pointer(location)
    if kind == "missing" and len(location) == 1:
        return ErrorDetail(path, "field.missing", f"Missing required field: {field}")
    if kind == NOT_AN_OBJECT:
        # Dagster's own words: senders and tests look for them.
        wrong = f'Error constructing {DAGSTER_CLASSES[event_type]}: Param "metadata" is not a JSON object'
        return ErrorDetail(path, "schema.invalid", wrong)
    if kind == REFUSED:
        return ErrorDetail(path, "schema.invalid", f"{field} {error['msg']}")
    subject = field if len(location) == 1 else f"{field}: what the path names"
    return ErrorDetail(path, "schema.invalid", f"{subject} {reason(error)}")


def _explain_member(error: ErrorDetails, above: str) -> ErrorDetail:
    location = error["loc"]
    path = above + pointer(location)
    name = next((str(part) for part in reversed(location) if isinstance(part, str)), "the event")
    if error["type"] == "missing":
        return ErrorDetail(path, "field.missing", f"Missing required field: {name}")
    return ErrorDetail(path, "schema.invalid", f"{name} {reason(error)}")


def _segment(name: str) -> str:
    printable = "".join(char for char in name[:_MAX_NAME_CHARS] if char.isprintable())
    return printable.replace("~", "~0").replace("/", "~1")


def _suggest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:_MAX_NAME_CHARS].lower(), known, n=1)
    if near:
        return f'Unknown field; did you mean "{near[0]}"?'
    return f"Unknown field; this event has {', '.join(known)}"
