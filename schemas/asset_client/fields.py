"""From what a caller says of an asset to an event on the wire; what the server would refuse is refused before."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypedDict

from pydantic_core import PydanticSerializationError, to_json

from asset_client.errors import EventRefusedError
from asset_events import AssetEvent, ErrorDetail, EventType, InvalidEventError, parse_event

AssetKey: TypeAlias = Sequence[str] | str
"""Components of an asset key; one string is one component, as in Dagster."""


class _Fields(TypedDict, total=False):
    partition: str | None
    metadata: Mapping[str, object] | None
    description: str | None
    event_time: datetime | float | str | None
    idempotency_key: str | None


class DataFields(_Fields, total=False):
    """What a materialization or an observation may say besides its asset key; docs/events.md has the rules."""

    data_version: str | None
    tags: Mapping[str, str] | None


class CheckFields(_Fields, total=False):
    """What a check may say besides its asset key, its name and whether it passed."""

    severity: Literal["ERROR", "WARN", "INFO"] | None


def make_event(event_type: EventType, fields: Mapping[str, Any]) -> AssetEvent:
    """Build an event from its fields: whatever has a JSON form will do, dates and dataclasses among it.

    Raises:
        EventRefusedError: The server would refuse it.
    """
    errors: Sequence[ErrorDetail]
    try:
        # By the road that the server takes, so that the rules and the words are the same. Size is judged when sent.
        return parse_event(to_json(fields), event_type=event_type, max_bytes=sys.maxsize)
    except InvalidEventError as error:
        errors = error.errors
    except (PydanticSerializationError, ValueError):
        errors = (ErrorDetail("", "json.malformed", "A value of the event has no JSON form."),)
    # Raised out here, so that the exception carries none of theirs, and with it the value, in its context.
    raise EventRefusedError(errors)


def named(event: AssetEvent) -> AssetEvent:
    """The event with an idempotency key, its own or a new one: sent twice, it is recorded once."""
    return event if event.idempotency_key else event.model_copy(update={"idempotency_key": str(uuid.uuid4())})


def encode(event: AssetEvent, max_bytes: int) -> bytes:
    """Write an event as it is sent.

    Raises:
        EventRefusedError: `event.too_large`.
    """
    value = event.model_dump_json(exclude_none=True).encode()
    if len(value) > max_bytes:
        message = f"The event is larger than {max_bytes} bytes."
        raise EventRefusedError([ErrorDetail("", "event.too_large", message)])
    return value
