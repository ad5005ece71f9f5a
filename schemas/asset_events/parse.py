"""The two ways in: an event as bytes, and an event as the parts of an HTTP request. Both end in the same check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from asset_events.cloud_events import CloudEvent, CloudEventMode, read_cloud_event
from asset_events.decode import decode_object
from asset_events.errors import ErrorDetail, InvalidEventError
from asset_events.events import EVENT_CLASSES, EVENT_TYPES, AssetEvent, EventType
from asset_events.explain import explain, explain_unknown
from asset_events.idempotency_header import add_idempotency_key
from asset_events.limits import MAX_ERRORS, MAX_EVENT_BYTES
from asset_events.query import add_query

UnknownFields: TypeAlias = Literal["reject", "ignore"]
"""What to do with a field that is not part of the contract."""


def parse_event(  # noqa: PLR0913 - one keyword for each thing that is said beside the bytes
    value: bytes,
    *,
    event_type: EventType | None = None,
    idempotency_key: bytes | None = None,
    cloud_event: CloudEventMode | None = None,
    unknown_fields: UnknownFields = "reject",
    max_bytes: int = MAX_EVENT_BYTES,
) -> AssetEvent:
    """Read one event from its bytes: a JSON object in UTF-8.

    Args:
        value: The bytes as they were sent.
        event_type: The type that the topic, a header or the endpoint implies; the event need not repeat it.
        idempotency_key: The key that a header gives; the event need not repeat it.
        cloud_event: How the bytes carry a CloudEvent; None where they are the event itself.
        unknown_fields: `reject` them, or `ignore` (drop) them.
        max_bytes: Largest value taken.

    Raises:
        InvalidEventError: The bytes are not a valid event; up to 20 reasons, none of which repeats a value.
    """
    fields, cloud = _open(value, cloud_event, max_bytes)
    refused = add_idempotency_key(fields, idempotency_key)
    return _build(fields, cloud, event_type, unknown_fields, refused)


def parse_parts(  # noqa: PLR0913 - the parts of a request, all but the first by keyword
    event_type: EventType | None,
    *,
    path: str = "",
    query: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    idempotency_key: bytes | None = None,
    cloud_event: CloudEventMode | None = None,
    unknown_fields: UnknownFields = "reject",
    max_bytes: int = MAX_EVENT_BYTES,
) -> AssetEvent:
    """Read one event from the parts of a request; a body alone gives what `parse_event` gives for it.

    Args:
        event_type: The type that the endpoint stands for, if it stands for one.
        path: Asset key from the URL path, components separated by `/`; it wins over body and query.
        query: Decoded query parameters. A field of the body wins over the query's, null included.
        body: JSON object, or empty for none.
        idempotency_key: The key that a header gives; body and query need not repeat it.
        cloud_event: How the request carries a CloudEvent; its attributes say what path, body and query leave open.
        unknown_fields: `reject` them, or `ignore` (drop) them.
        max_bytes: Largest body taken.

    Raises:
        InvalidEventError: The parts are not a valid event; up to 20 reasons, none of which repeats a value.
    """
    fields, cloud = _open(body, cloud_event, max_bytes) if body or cloud_event else ({}, None)
    if path:
        fields["asset_key"] = path.split("/")
    refused = add_query(fields, query)
    refused |= add_idempotency_key(fields, idempotency_key)
    return _build(fields, cloud, event_type, unknown_fields, refused)


def _open(value: bytes, mode: CloudEventMode | None, max_bytes: int) -> tuple[dict[str, Any], CloudEvent | None]:
    if mode is None:
        return decode_object(value, max_bytes), None
    cloud = read_cloud_event(value, mode, max_bytes)
    return cloud.fields, cloud


def _build(
    fields: dict[str, Any],
    cloud: CloudEvent | None,
    implied: EventType | None,
    unknown_fields: UnknownFields,
    refused: Mapping[str, ErrorDetail],
) -> AssetEvent:
    if cloud is None:
        return _validate(fields, implied, unknown_fields, refused)
    told = cloud.complete(fields)
    try:
        return _validate(fields, implied, unknown_fields, refused)
    except InvalidEventError as error:
        errors = [cloud.locate(detail, told) for detail in error.errors]
    raise InvalidEventError(errors)


def _validate(
    fields: dict[str, Any],
    implied: EventType | None,
    unknown_fields: UnknownFields,
    refused: Mapping[str, ErrorDetail],
) -> AssetEvent:
    event_type = _resolve_event_type(fields.get("event_type"), implied)
    event_class = EVENT_CLASSES[event_type]
    known = {name: value for name, value in fields.items() if name in event_class.model_fields}
    unknown = (name for name in fields if name not in event_class.model_fields) if unknown_fields == "reject" else ()
    event: AssetEvent | None = None
    errors: list[ErrorDetail] = []
    try:
        event = event_class.model_validate({**known, "event_type": event_type})
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        errors = explain(event_type, found, refused)
    errors += explain_unknown(event_type, islice(unknown, MAX_ERRORS))
    # Raised out here, so that the exception carries no pydantic error, and with it the event, in its context.
    if event is None or errors:
        raise InvalidEventError(errors[:MAX_ERRORS])
    return event


def _resolve_event_type(declared: object, implied: EventType | None) -> EventType:
    if declared is None:
        if implied is None:
            raise _refuse("event_type.missing", f"event_type must be one of {', '.join(EVENT_TYPES)}")
        return implied
    known: EventType | None = next((name for name in EVENT_TYPES if name == declared), None)
    if known is None:
        raise _refuse("event_type.unknown", f"event_type must be one of {', '.join(EVENT_TYPES)}")
    if implied not in (None, known):
        raise _refuse("event_type.mismatch", f"event_type must be {implied} here")
    return known


def _refuse(code: str, message: str) -> InvalidEventError:
    return InvalidEventError([ErrorDetail("/event_type", code, message)])
