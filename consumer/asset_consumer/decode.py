"""From a Kafka record to an asset event, or to the reason why it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asset_consumer.dead_letter_headers import first_failure
from asset_events import (
    EVENT_TYPES,
    AssetEvent,
    ErrorDetail,
    EventType,
    InvalidEventError,
    LineageRules,
    UnknownFields,
    check_media_type,
    cloud_event_mode,
    parse_event,
    read_run_event,
)
from asset_events.limits import MAX_EVENT_BYTES, MAX_TIME_S

if TYPE_CHECKING:
    from asset_consumer.record import Record

EVENT_TYPE_HEADER = "event-type"
IDEMPOTENCY_KEY_HEADER = "idempotency-key"
CONTENT_TYPE_HEADER = "content-type"
CONTENT_ENCODING_HEADER = "content-encoding"
PROVENANCE_KEY = "kafka/record"
FIRST_FAILURE_KEY = "kafka/first_failure"


def decode(  # noqa: PLR0913 - one keyword for each setting that decides over a record
    record: Record,
    *,
    event_type: EventType | None = None,
    unknown_fields: UnknownFields = "reject",
    max_bytes: int = MAX_EVENT_BYTES,
    provenance: bool = True,
    event_time_from_record: bool = False,
) -> AssetEvent:
    """Validate a record's value as an asset event; never looks at its key.

    `event_type` is the type its topic is bound to, if any; headers `event-type`, `idempotency-key`, `content-type` and
    `content-encoding`, and those of a CloudEvent, are heeded, their names in any case, the last of several wins, a null
    one says nothing.
    `provenance` puts `topic/partition/offset` into the metadata entry `kafka/record`, and that of the first failure
    into `kafka/first_failure` if the record comes back from the dead letters. `event_time_from_record` takes the
    record's timestamp for an event that gives no time; a timestamp that Dagster cannot hold is left aside, as a
    missing one is.

    Raises:
        InvalidEventError: sending the same record again cannot succeed; it belongs on the dead-letter topic.
    """
    content_type = _text(_header(record, CONTENT_TYPE_HEADER))
    cloud_event = cloud_event_mode(content_type, record.headers, "ce_")
    if record.value is None and cloud_event in (None, "structured"):
        raise _refused("tombstone", "The record has no value (null): an asset event is one JSON object.")
    check_media_type(content_type, _text(_header(record, CONTENT_ENCODING_HEADER)))
    told = _told_type(_header(record, EVENT_TYPE_HEADER), event_type)
    event = parse_event(
        record.value or b"",
        event_type=told,
        idempotency_key=_header(record, IDEMPOTENCY_KEY_HEADER),
        cloud_event=cloud_event,
        unknown_fields=unknown_fields,
        max_bytes=max_bytes,
    )
    return with_origin(event, record, provenance=provenance, event_time_from_record=event_time_from_record)


def decode_run_event(
    record: Record, rules: LineageRules, *, max_bytes: int = MAX_EVENT_BYTES, provenance: bool = True
) -> tuple[AssetEvent, ...]:
    """Read a record's value as an OpenLineage event; of its headers only `content-type` and `content-encoding` count.

    Raises:
        InvalidEventError: as `decode` does; nothing of the record is to be recorded then.
    """
    if record.value is None:
        raise _refused("tombstone", "The record has no value (null): a run event is one JSON object.")
    content_type, coding = (_text(_header(record, name)) for name in (CONTENT_TYPE_HEADER, CONTENT_ENCODING_HEADER))
    check_media_type(content_type, coding)
    events = read_run_event(record.value, rules, max_bytes=max_bytes)
    return tuple(with_origin(event, record, provenance=provenance, event_time_from_record=False) for event in events)


def with_origin(event: AssetEvent, record: Record, *, provenance: bool, event_time_from_record: bool) -> AssetEvent:
    """The event with what its record says of it, where that is wanted: see `decode`."""
    update: dict[str, object] = {}
    if provenance:
        update["metadata"] = {**event.metadata, **_origin(record)}
    if event_time_from_record and event.event_time is None:
        update["event_time"] = _record_time(record)
    return event.model_copy(update=update) if update else event


def _origin(record: Record) -> dict[str, str]:
    """Where the record lies, and where it lay when it failed first, if it came back from the dead letters."""
    first = first_failure(record.headers)
    return {PROVENANCE_KEY: record.identity, **({} if first is None else {FIRST_FAILURE_KEY: first})}


def _told_type(header: bytes | None, bound: EventType | None) -> EventType | None:
    """The event type that topic and header agree on; None when neither says one, so that the body must."""
    if header is None:
        return bound
    text = header.decode(errors="replace")
    told: EventType | None = next((name for name in EVENT_TYPES if name == text), None)
    if told is None:
        choice = ", ".join(EVENT_TYPES)
        raise _refused("event_type.unknown", f"The header {EVENT_TYPE_HEADER} must be one of {choice}.")
    if bound not in (None, told):
        message = f"The header {EVENT_TYPE_HEADER} says {told}, but this topic takes {bound} only."
        raise _refused("event_type.mismatch", message)
    return told


def _header(record: Record, name: str) -> bytes | None:
    """The value of the last header of this name; None when there is none, or when it is null."""
    return next((value for key, value in reversed(record.headers) if key.lower() == name), None)


def _text(header: bytes | None) -> str | None:
    """A header's bytes as text, as HTTP reads its headers; no byte fails."""
    return None if header is None else header.decode("latin-1")


def _record_time(record: Record) -> float | None:
    """The record's timestamp in epoch seconds, if Dagster can hold it: 0 it would read as "now"."""
    seconds = (record.timestamp_ms or 0) / 1000
    return seconds if 0 < seconds < MAX_TIME_S else None


def _refused(code: str, message: str) -> InvalidEventError:
    return InvalidEventError([ErrorDetail("", code, message)])
