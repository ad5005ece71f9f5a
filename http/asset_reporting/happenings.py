"""One function per thing that happens while events are reported, over HTTP (`http`) or Kafka (`kafka`).

A log record's message never holds a value of the input; what a reader may filter by is in its extra fields. Nothing
that happens per event is logged above DEBUG, and ERROR means that a person must act.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asset_events import AssetEvent, ErrorDetail, EventType

Road: TypeAlias = Literal["http", "kafka"]

_storage_log = logging.getLogger("asset_bridge.storage")


def event_recorded(road: Road, event: AssetEvent, event_id: int | None) -> None:
    """The event is in Dagster's event log."""
    fields = {
        "happening": "event_recorded",
        "road": road,
        "event_type": event.event_type,
        "asset_key": list(event.asset_key),
        "event_id": event_id,
    }
    _log(road).debug("An event was recorded.", extra=fields)


def event_rejected(road: Road, where: str, event_type: EventType | None, errors: Sequence[ErrorDetail]) -> None:
    """The event can never be recorded; `where` is its path, or its topic/partition/offset."""
    fields = {
        "happening": "event_rejected",
        "road": road,
        "where": where,
        "event_type": event_type,
        "code": errors[0].code,
        "errors": [error.as_dict() for error in errors],
    }
    _log(road).debug("An event was rejected.", extra=fields)


def event_not_recorded_now(road: Road, where: str, event_type: EventType | None, reason: str) -> None:
    """The storage did not take the event now; the sender is told to try again."""
    fields = {
        "happening": "event_not_recorded_now",
        "road": road,
        "where": where,
        "event_type": event_type,
        "code": "storage.unavailable",
        "reason": reason,
    }
    _log(road).debug("An event could not be recorded now.", extra=fields)


def event_failed(road: Road, where: str, event_type: EventType | None, reason: str) -> None:
    """An event could not be processed for a reason nobody foresaw: `reason` is a type and a place, without values."""
    fields = {
        "happening": "event_failed",
        "road": road,
        "where": where,
        "event_type": event_type,
        "code": "internal",
        "reason": reason,
    }
    _log(road).error("An event could not be processed: %s.", reason, extra=fields)


def request_failed(reason: str) -> None:
    """A request ended in an exception nobody foresaw: `reason` is a type and a place, without values."""
    fields = {"happening": "request_failed", "road": "http", "code": "internal", "reason": reason}
    _log("http").error("A request could not be processed: %s.", reason, extra=fields)


def client_disconnected(where: str) -> None:
    """The client went away before its request had arrived."""
    _log("http").debug("A client disconnected.", extra={"happening": "client_disconnected", "where": where})


def storage_unavailable(reason: str) -> None:
    """The storage has stopped answering; said once, not once per attempt."""
    fields = {"happening": "storage_unavailable", "reason": reason}
    _storage_log.warning("Dagster's storage does not answer: %s.", reason, extra=fields)


def storage_recovered() -> None:
    """The storage answers, for the first time or again."""
    _storage_log.info("Dagster's storage answers.", extra={"happening": "storage_recovered"})


def _log(road: Road) -> logging.Logger:
    return logging.getLogger(f"asset_bridge.{road}")
