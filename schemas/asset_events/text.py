"""The string fields of an event: lengths, NUL, and characters that have no UTF-8 form."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, WithJsonSchema

from asset_events.limits import (
    MAX_CHECK_NAME_CHARS,
    MAX_DATA_VERSION_BYTES,
    MAX_DESCRIPTION_BYTES,
    MAX_IDEMPOTENCY_KEY_CHARS,
    MAX_PARTITION_BYTES,
)
from asset_events.refusals import refusal

NO_NUL: Final = r"^[^\u0000]*$"
"""What a regular expression says of a string without NUL."""

NOT_ENCODABLE = "must be encodable as UTF-8: it holds a lone surrogate"


def is_encodable(text: str) -> bool:
    """Tell whether a string has a UTF-8 form; a lone surrogate (U+D800 to U+DFFF) has none.

    Dagster stores such a string and then fails on every page that reads it, the whole asset catalog included.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_identifier(text: str, *, limit: int, unit: Literal["bytes", "characters"]) -> str:
    """Return a string that PostgreSQL can hold in an index: not empty, not too long, without NUL."""
    if not text:
        raise refusal("must not be empty")
    check_length(text, limit=limit, unit=unit)
    if "\0" in text:
        raise refusal("must not contain a NUL character")
    return text


def check_length(text: str, *, limit: int, unit: Literal["bytes", "characters"]) -> str:
    """Return a string that has a UTF-8 form no longer than the limit."""
    if not is_encodable(text):
        raise refusal(NOT_ENCODABLE)
    if (len(text.encode()) if unit == "bytes" else len(text)) > limit:
        raise refusal(f"must not be longer than {limit} {unit}{' of UTF-8' if unit == 'bytes' else ''}")
    return text


Partition: TypeAlias = Annotated[
    str,
    AfterValidator(partial(check_identifier, limit=MAX_PARTITION_BYTES, unit="bytes")),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_PARTITION_BYTES, "pattern": NO_NUL}),
]
"""A partition key, as Dagster writes it (`2024-01-15`, `us|2024-01-15`)."""

CheckName: TypeAlias = Annotated[
    str,
    AfterValidator(partial(check_identifier, limit=MAX_CHECK_NAME_CHARS, unit="characters")),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_CHECK_NAME_CHARS, "pattern": NO_NUL}),
]
"""The name of a check of one asset."""

DataVersion: TypeAlias = Annotated[
    str,
    AfterValidator(partial(check_identifier, limit=MAX_DATA_VERSION_BYTES, unit="bytes")),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_DATA_VERSION_BYTES, "pattern": NO_NUL}),
]
"""What identifies the content of an asset: equal versions mean equal data."""

Description: TypeAlias = Annotated[
    str,
    AfterValidator(partial(check_length, limit=MAX_DESCRIPTION_BYTES, unit="bytes")),
    WithJsonSchema({"type": "string", "maxLength": MAX_DESCRIPTION_BYTES}),
]
"""Free text that the UI shows with the event."""

IdempotencyKey: TypeAlias = Annotated[
    str,
    AfterValidator(partial(check_identifier, limit=MAX_IDEMPOTENCY_KEY_CHARS, unit="characters")),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY_CHARS, "pattern": NO_NUL}),
]
"""The sender's own name for one event, the same each time that event is sent."""
