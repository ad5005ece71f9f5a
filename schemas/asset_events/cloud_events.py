"""CloudEvents 1.0: an asset event as the data of a CloudEvent, whose attributes fill what the data leaves out.

`type` names the event, `subject` the asset, `time` the event time, `source` with `id` the idempotency key. The rules
are those of https://github.com/cloudevents/spec (v1.0.2), with its JSON format and its bindings for HTTP and Kafka.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Generator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, cast

from asset_events.decode import decode_object
from asset_events.errors import ErrorDetail, InvalidEventError
from asset_events.events import EVENT_TYPES, EventType
from asset_events.limits import MAX_IDEMPOTENCY_KEY_CHARS
from asset_events.media_type import check_media_type

SPEC_VERSION: Final = "1.0"

_NEEDED: Final = ("specversion", "type", "source", "id")
_OPTIONAL: Final = ("subject", "time", "datacontenttype")

ATTRIBUTES: Final = (*_NEEDED, *_OPTIONAL)
"""The attributes that mean something here."""


CloudEventMode: TypeAlias = Literal["structured"] | Mapping[str, object]
"""How a CloudEvent comes: whole in the bytes, or its data there and its attributes, by name, in headers (binary)."""

_PLACES: Final = {"event_type": "type", "asset_key": "subject", "event_time": "time", "idempotency_key": "id"}


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """What was read of one: the fields of its data, and what its attributes say of those that the data leaves out."""

    fields: dict[str, Any]
    defaults: Mapping[str, object]
    inside: str
    """JSON pointer from where the bytes begin to the data: empty in binary mode."""

    def complete(self, fields: dict[str, Any]) -> set[str]:
        """Fill in what nobody has said; return the names of what was filled in.

        Raises:
            InvalidEventError: `event_type.mismatch`.
        """
        if fields.get("event_type") not in (None, self.defaults["event_type"]):
            raise _refuse(f"{self.inside}/event_type", "event_type.mismatch", "event_type must be as type says")
        told = {name for name in self.defaults if fields.get(name) is None}
        fields.update({name: self.defaults[name] for name in told})
        return told

    def locate(self, error: ErrorDetail, told: AbstractSet[str]) -> ErrorDetail:
        """Point at the place where the sender wrote it: the attribute, or inside the data."""
        first, _, _ = error.path.removeprefix("/").partition("/")
        return replace(error, path=f"/{_PLACES[first]}" if first in told else self.inside + error.path)


def read_cloud_event(value: bytes, mode: CloudEventMode, max_bytes: int) -> CloudEvent:
    """Read a CloudEvent; its extensions, of which nothing is known here, are left aside.

    Raises:
        InvalidEventError: It is none, or its data is not a JSON object.
    """
    return _read_structured(value, max_bytes) if mode == "structured" else _read_binary(value, mode, max_bytes)


def _read_structured(value: bytes, max_bytes: int) -> CloudEvent:
    event = decode_object(value, max_bytes)
    attributes = _attributes(event)
    with _pointing_at("/datacontenttype"):
        check_media_type(attributes.get("datacontenttype"), None)
    return _cloud_event(attributes, _data(event, max_bytes), "/data")


def _read_binary(value: bytes, attributes: Mapping[str, object], max_bytes: int) -> CloudEvent:
    fields = decode_object(value, max_bytes) if value else {}  # the subject may be all there is to say
    return _cloud_event(_attributes(attributes), fields, "")


def _cloud_event(attributes: Mapping[str, str], fields: dict[str, Any], inside: str) -> CloudEvent:
    identity = _identity(attributes["source"], attributes["id"])
    defaults: dict[str, object] = {"event_type": _event_type(attributes["type"]), "idempotency_key": identity}
    if "subject" in attributes:
        defaults["asset_key"] = attributes["subject"].split("/")
    if "time" in attributes:
        defaults["event_time"] = attributes["time"]
    return CloudEvent(fields, defaults, inside)


def _attributes(given: Mapping[str, object]) -> dict[str, str]:
    """The attributes that mean something here, all of them text that is not empty; null is as good as left out."""
    errors: list[ErrorDetail] = []
    attributes: dict[str, str] = {}
    for name in ATTRIBUTES:
        value = given.get(name)
        if isinstance(value, str) and value:
            attributes[name] = value
        elif value is not None:
            errors.append(ErrorDetail(f"/{name}", "schema.invalid", f"{name} must be text that is not empty"))
        elif name in _NEEDED:
            errors.append(ErrorDetail(f"/{name}", "field.missing", f"Missing attribute of the CloudEvent: {name}"))
    if attributes.get("specversion", SPEC_VERSION) != SPEC_VERSION:
        errors.append(ErrorDetail("/specversion", "schema.invalid", f"specversion must be {SPEC_VERSION}"))
    if any(char.isspace() for char in attributes.get("source", "")):
        errors.append(ErrorDetail("/source", "schema.invalid", "source must be a URI reference, so without spaces"))
    if errors:
        raise InvalidEventError(errors)
    return attributes


def _data(event: Mapping[str, Any], max_bytes: int) -> dict[str, Any]:
    data, encoded = event.get("data"), event.get("data_base64")
    if data is not None and encoded is not None:
        raise _refuse("/data_base64", "schema.invalid", "data_base64 must not be there together with data")
    if encoded is not None:
        with _pointing_at("/data_base64"):
            return decode_object(_decoded(encoded), max_bytes)
    if data is not None and not isinstance(data, dict):
        raise _refuse("/data", "json.malformed", "The data of the CloudEvent is not a JSON object.")
    return cast("dict[str, Any]", data or {})


def _decoded(encoded: object) -> bytes:
    if isinstance(encoded, str):
        with contextlib.suppress(ValueError):
            return base64.b64decode(encoded, validate=True)
    raise _refuse("", "schema.invalid", "data_base64 must be text in Base64")


@contextlib.contextmanager
def _pointing_at(path: str) -> Generator[None]:
    """Say of what is wrong with a part where that part stands."""
    try:
        yield
    except InvalidEventError as error:
        raise InvalidEventError([replace(detail, path=path) for detail in error.errors]) from None


def _event_type(name: str) -> EventType:
    """`asset_check`, or with the sender's own prefix: `com.acme.asset_check`."""
    last = name.rpartition(".")[2]
    known: EventType | None = next((event_type for event_type in EVENT_TYPES if event_type == last), None)
    if known is None:
        choice = ", ".join(EVENT_TYPES)
        raise _refuse("/type", "event_type.unknown", f"type must be one of {choice}, or end with a dot and one of them")
    return known


def _identity(source: str, event_id: str) -> str:
    """One name for the two that together name a CloudEvent; a source has no spaces, so no two pairs share one."""
    name = f"{source} {event_id}"
    if len(name) <= MAX_IDEMPOTENCY_KEY_CHARS:
        return name
    return f"cloudevent sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def _refuse(path: str, code: str, message: str) -> InvalidEventError:
    return InvalidEventError([ErrorDetail(path, code, message)])
