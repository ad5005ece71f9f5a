"""The idempotency key in a header, HTTP's `Idempotency-Key` or Kafka's `idempotency-key`: the same as in the event."""

from __future__ import annotations

from typing import Any, Final

from asset_events.errors import ErrorDetail

_FIELD: Final = "idempotency_key"


def add_idempotency_key(fields: dict[str, Any], header: bytes | None) -> dict[str, ErrorDetail]:
    """Add the key that a header gives; the event may say the same one, and null in the event says none.

    Returns:
        What is wrong, by field name, with a header that cannot be taken. The field then has a value that no field
        takes, as with the query's.
    """
    if header is None:
        return {}
    said = fields.get(_FIELD)
    problem = _add(fields, said, header)
    if problem is None:
        return {}
    detail = fields[_FIELD] = ErrorDetail(f"/{_FIELD}", "schema.invalid", f"{_FIELD} {problem}")
    return {_FIELD: detail}


def _add(fields: dict[str, Any], said: object, header: bytes) -> str | None:
    try:
        key = header.decode()
    except UnicodeDecodeError:
        return "must be UTF-8 text in the header"
    if said is None:
        fields[_FIELD] = key  # its length and form are judged with the event, as if it stood there
    elif isinstance(said, str) and said != key:
        return "must be the same in the header and in the event"
    return None
