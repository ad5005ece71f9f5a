"""One function per thing that happens while events are reported, by HTTP, by Kafka, or only asked about (`dry_run`).

It writes the log line and moves the metric, and nobody else does. A log record's message never holds a value of the
input; what a reader may filter by is in its extra fields. Nothing that happens per event is logged above DEBUG, and
ERROR means that a person must act.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from asset_reporting import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prometheus_client import Counter

    from asset_events import AssetEvent, ErrorDetail, EventType
    from asset_reporting.api_keys import RefusedKey

Road: TypeAlias = Literal["http", "kafka", "dry_run"]
Result: TypeAlias = Literal["recorded", "replayed", "acceptable", "rejected", "unavailable", "failed"]

_NOWHERE: Mapping[str, object] = {}

_storage_log = logging.getLogger("asset_bridge.storage")


def event_recorded(
    road: Road,
    event: AssetEvent,
    event_id: int | None,
    *,
    replayed: bool = False,
    at: Mapping[str, object] = _NOWHERE,
) -> None:
    """The event is in Dagster's event log, or was already (`replayed`); `at` says where in Kafka it came from."""
    _count(road, event.event_type, "replayed" if replayed else "recorded").inc()
    fields = {
        "happening": "event_recorded",
        "road": road,
        "event_type": event.event_type,
        "asset_key": list(event.asset_key),
        "event_id": event_id,
        **at,
    }
    _log(road).debug("An event was recorded.", extra=fields)


def event_acceptable(event: AssetEvent) -> None:
    """The event would be recorded; it was only asked whether it would."""
    _count("dry_run", event.event_type, "acceptable").inc()


def event_rejected(
    road: Road,
    where: str,
    event_type: EventType | None,
    errors: Sequence[ErrorDetail],
    *,
    at: Mapping[str, object] = _NOWHERE,
) -> None:
    """The event can never be recorded; `where` is its path, or its topic/partition/offset, whose parts are in `at`."""
    _count(road, event_type, "failed" if errors[0].code == "internal" else "rejected").inc()
    fields = {
        "happening": "event_rejected",
        "road": road,
        "where": where,
        "event_type": event_type,
        "code": errors[0].code,
        "errors": [error.as_dict() for error in errors],
        **at,
    }
    _log(road).debug("An event was rejected.", extra=fields)


def event_not_recorded_now(road: Road, where: str, event_type: EventType | None, reason: str) -> None:
    """The storage did not take the event now; the sender is told to try again."""
    _count(road, event_type, "unavailable").inc()
    fields = {
        "happening": "event_not_recorded_now",
        "road": road,
        "where": where,
        "event_type": event_type,
        "code": "storage.unavailable",
        "reason": reason,
    }
    _log(road).debug("An event could not be recorded now.", extra=fields)


def event_failed(road: Road, where: str, event_type: EventType | None, reason: str, *, events: int = 1) -> None:
    """Events could not be processed for a reason nobody foresaw: `reason` is a type and a place, without values."""
    _count(road, event_type, "failed").inc(events)
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


def api_key_refused(why: RefusedKey) -> None:
    """A request had no key that counts; which one it sent is not told, for it may be somebody's secret mistyped."""
    metrics.REFUSED_KEYS.labels(why).inc()
    fields = {"happening": "api_key_refused", "code": "api_key.invalid", "reason": why}
    _log("http").warning("An API key was refused: %s.", why.replace("_", " "), extra=fields)


def rate_limited(key_id: str) -> None:
    """A key has made more requests than it may."""
    metrics.RATE_LIMITED.labels(key_id).inc()
    fields = {"happening": "rate_limited", "code": "rate.limited", "key_id": key_id}
    _log("http").warning("API key %s makes too many requests.", key_id, extra=fields)


def api_keys_read(keys: int) -> None:
    """The file of API keys has changed and was read anew."""
    _log("http").info("The API keys were read anew: %d.", keys, extra={"happening": "api_keys_read", "keys": keys})


def api_keys_unusable(reason: str) -> None:
    """The file of API keys has changed and cannot be used: the keys that were read before go on to count."""
    fields = {"happening": "api_keys_unusable", "reason": reason}
    _log("http").error("The keys of before go on to count: %s", reason, extra=fields)


def storage_unavailable(reason: str) -> None:
    """The storage has stopped answering; said once, not once per attempt."""
    fields = {"happening": "storage_unavailable", "reason": reason}
    _storage_log.warning("Dagster's storage does not answer: %s.", reason, extra=fields)


def storage_recovered() -> None:
    """The storage answers, for the first time or again."""
    _storage_log.info("Dagster's storage answers.", extra={"happening": "storage_recovered"})


@cache
def _count(road: Road, event_type: EventType | None, result: Result) -> Counter:
    """The counter of these labels: looked up once, as it moves with every event."""
    return metrics.EVENTS.labels(road, event_type or "unknown", result)


def _log(road: Road) -> logging.Logger:
    return logging.getLogger(f"asset_bridge.{road}")
