"""Whether headers, HTTP's or a Kafka record's, carry a CloudEvent, and which attributes they give it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote_to_bytes

from asset_events.cloud_events import ATTRIBUTES, CloudEventMode
from asset_events.errors import ErrorDetail, InvalidEventError
from asset_events.media_type import is_media_type

STRUCTURED: Final = "application/cloudevents+json"
"""Media type of one CloudEvent in JSON."""

BATCHED: Final = "application/cloudevents-batch+json"
"""Media type of a JSON array of them."""

Prefix: TypeAlias = Literal["ce-", "ce_"]
"""What the name of an attribute's header begins with: `ce-` in HTTP, `ce_` in Kafka."""


def cloud_event_mode(
    content_type: str | None, headers: Iterable[tuple[str, bytes | None]], prefix: Prefix
) -> CloudEventMode | None:
    """Tell how the headers say that a CloudEvent comes, None where they speak of none.

    Of a header given twice the last counts, and names are taken in any case.

    Raises:
        InvalidEventError: They declare many events where one is taken, or an attribute is not UTF-8.
    """
    if is_media_type(content_type, BATCHED):
        message = f"One event is taken here, not many ({BATCHED})."
        raise InvalidEventError([ErrorDetail("", "content_type.unsupported", message)])
    if is_media_type(content_type, STRUCTURED):
        return "structured"
    named = {name.lower(): value for name, value in headers}
    if named.get(f"{prefix}specversion") is None:
        return None
    given = {name: named.get(f"{prefix}{name}") for name in ATTRIBUTES}  # extensions say nothing here
    return {name: None if value is None else _text(name, value, prefix) for name, value in given.items()}


def _text(name: str, value: bytes, prefix: Prefix) -> str:
    """HTTP's values are quoted and percent-encoded where they must be (HTTP binding, 3.1.3.2), Kafka's are UTF-8."""
    if prefix == "ce-":
        if len(value) > 1 and value.startswith(b'"') and value.endswith(b'"'):
            value = value[1:-1].replace(b'\\"', b'"').replace(b"\\\\", b"\\")
        value = unquote_to_bytes(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _not_utf_8(name) from None


def _not_utf_8(name: str) -> InvalidEventError:
    return InvalidEventError([ErrorDetail(f"/{name}", "encoding.unsupported", "The attribute is not UTF-8.")])
