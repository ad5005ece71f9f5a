"""From bytes to the fields of one event: size, encoding, JSON. The only place that parses an event's JSON."""

from __future__ import annotations

from typing import Any, Final, cast

from pydantic_core import from_json

from asset_events.errors import ErrorDetail, InvalidEventError

_BOM: Final = b"\xef\xbb\xbf"

_REGISTRY: Final = ", or name the registry to `consume` (kafka.schema_registry.url)"

# The longer of two signatures that begin alike comes first.
_NOT_PLAIN: Final = (
    (b"\x00\x00\xfe\xff", "is UTF-32; send UTF-8"),
    (b"\xff\xfe", "is UTF-16 or UTF-32; send UTF-8"),
    (b"\xfe\xff", "is UTF-16; send UTF-8"),
    (b"\x1f\x8b", "is compressed with gzip; send it uncompressed"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; send it uncompressed"),
    (b"\x00", "begins with a zero byte, as a schema registry's framing does; send the JSON alone" + _REGISTRY),
)


def decode_object(value: bytes, max_bytes: int) -> dict[str, Any]:
    """Return the JSON object in the bytes of one event. Of a key given twice, the last value counts.

    Raises:
        InvalidEventError: `event.too_large`, `encoding.unsupported` or `json.malformed`.
    """
    if len(value) > max_bytes:
        raise _refuse("event.too_large", f"The event is larger than {max_bytes} bytes.")
    check_plain(value)
    fields, problem = parse_json(value.removeprefix(_BOM))
    if problem is not None:
        raise _refuse("json.malformed", f"The event is not valid JSON: {problem}")
    if not isinstance(fields, dict):
        raise _refuse("json.malformed", "The event is JSON, but not a JSON object.")
    return cast("dict[str, Any]", fields)


def check_plain(value: bytes) -> None:
    """Refuse bytes that begin as something else than UTF-8 text does; the first few are enough to tell.

    Raises:
        InvalidEventError: `encoding.unsupported`.
    """
    for signature, what in _NOT_PLAIN:
        if value.startswith(signature):
            raise _refuse("encoding.unsupported", f"The event {what}.")


def parse_json(text: bytes) -> tuple[object, str | None]:
    """Parse JSON strictly; the second item says why it is none, by position, without any of its content.

    Refuses NaN, lone surrogates, invalid UTF-8 and nesting beyond 200 levels. An exponent too large still comes out as
    an infinity: the fields' validators refuse those.
    """
    # The reason is returned, not raised: an exception would carry the parser's one along in its context.
    try:
        return from_json(text, allow_inf_nan=False), None
    except ValueError as error:
        return None, str(error)


def _refuse(code: str, message: str) -> InvalidEventError:
    return InvalidEventError([ErrorDetail("", code, message)])
