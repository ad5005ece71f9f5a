"""Decide over one record by itself: events to report, a reason to dead-letter it, or a failure of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asset_consumer.dead_letter import Reason
from asset_consumer.decode import decode, decode_run_event
from asset_consumer.framed import RegistryUnavailableError, is_framed
from asset_consumer.lane import Item
from asset_events import ERROR_CODES, ErrorDetail, InvalidEventError
from asset_reporting.scopes import EVERYTHING, FORBIDDEN
from asset_reporting.storage_errors import describe

if TYPE_CHECKING:
    from asset_consumer.framed import FrameReader
    from asset_consumer.options import ConsumerOptions
    from asset_consumer.record import Record
    from asset_events import AssetEvent


def classify(options: ConsumerOptions, record: Record, frames: FrameReader | None = None) -> Item:
    """Read one record: events to report, or the reason why it will be dead-lettered.

    A framed one stays unread without `frames`, which may wait for a schema registry.

    Raises:
        RegistryUnavailableError: The registry gives no usable answer; only with `frames`.
    """
    framed = options.schema_registry and is_framed(record)
    if framed and frames is None:
        return Item(record, unread=True)
    try:
        events = _events(options, frames.unframe(record) if framed and frames else record)
        _check_scopes(options, record.topic, events)
    except InvalidEventError as error:
        return Item(record, reason=reason_of(error.errors, attempts=1))
    except RegistryUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 # a defect of ours must not lose the record or stop its neighbours
        return Item(record, failure=describe(error))
    return Item(record, events=events, done=not events)


def _events(options: ConsumerOptions, record: Record) -> tuple[AssetEvent, ...]:
    if record.topic in options.run_event_topics:
        return decode_run_event(
            record, options.lineage, max_bytes=options.max_event_bytes, provenance=options.provenance
        )
    return (
        decode(
            record,
            event_type=options.topics.get(record.topic),
            unknown_fields=options.unknown_fields,
            max_bytes=options.max_event_bytes,
            provenance=options.provenance,
            event_time_from_record=options.event_time_from_record,
        ),
    )


def _check_scopes(options: ConsumerOptions, topic: str, events: tuple[AssetEvent, ...]) -> None:
    """Refuse a record of which anything is outside what its topic may report."""
    scopes = options.scopes.get(topic, EVERYTHING)
    if not all(scopes.allow(event.event_type, event.asset_key) for event in events):
        raise InvalidEventError([FORBIDDEN])


def reason_of(errors: tuple[ErrorDetail, ...], attempts: int) -> Reason:
    """Why a record goes to the dead letters; the first error decides at which stage it failed."""
    return Reason(stage=ERROR_CODES[errors[0].code].stage or "record", errors=errors, attempts=attempts)
